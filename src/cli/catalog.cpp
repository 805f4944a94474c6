#include <memory>
#include <optional>

#include "base/files.hpp"
#include "cli/verbs.hpp"
#include "report/catalog_report.hpp"

namespace celere::cli {
namespace {

int run_catalog(const std::string& what, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const spec::Catalog catalog(*files, catalog_folders(common));
  const report::View view = common.json ? report::View::json : report::View::text;
  std::optional<spec::Kind> kind;
  for (const spec::Kind one : {spec::Kind::chip, spec::Kind::model, spec::Kind::cluster,
                               spec::Kind::stack, spec::Kind::failures}) {
    if (what == spec::folder_of(one)) kind = one;
  }
  const bool list = what.empty() || kind;
  const Result<std::string> text =
      list ? report::catalog_list(catalog, kind, view) : report::catalog_entry(catalog, what, view);
  return text.ok() ? print(*text) : complain(text.error().text());
}

}  // namespace

void add_catalog(CLI::App& app, Common& common) {
  const auto what = std::make_shared<std::string>();
  CLI::App* verb =
      app.add_subcommand("catalog", "What Celere knows, each number with its source and grade");
  verb->add_option("WHAT", *what,
                   "chips, models, clusters, stacks, failures, or the name of an entry");
  verb->add_flag("--json", common.json, "print JSON");
  verb->callback([what, &common] { common.exit_code = run_catalog(*what, common); });
}

}  // namespace celere::cli
