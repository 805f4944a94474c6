#include <memory>

#include "base/clock.hpp"
#include "cli/prepare.hpp"
#include "report/data_report.hpp"
#include "spec/run.hpp"
#include "tokens/build.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run, folder;
  std::size_t documents = 0;
  bool verify = false;
};

Result<spec::Run> run_with_data(const Files& files, const std::string& file) {
  ASSIGN_OR_RETURN(const std::string content, files.read(file));
  ASSIGN_OR_RETURN(spec::Run run, spec::parse_run(content, file));
  if (!run.data) return bad_input(file + ": has no [data]: say there from which texts");
  return run;
}

std::string folder_of(const Flags& flags, const spec::Run& run) {
  return flags.folder.empty() ? spec::corpus_folder(*run.data, run.name) : flags.folder;
}

int run_build(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const SystemClock clock;
  const Result<spec::Run> run = run_with_data(*files, flags.run);
  if (!run.ok()) return complain(run.error().text());
  const std::string folder = folder_of(flags, *run);
  const Result<tokens::BuildReport> built =
      corpus_with_progress(*run->data, folder, false, *files, clock);
  if (!built.ok()) return complain(built.error().text());
  return print(common.json ? report::data_build_json(*built, folder)
                           : report::data_build_text(*built, folder));
}

int run_show(const Flags& flags, const Common& common) {
  const std::unique_ptr<Files> files = local_files();
  const Result<spec::Run> run = run_with_data(*files, flags.run);
  if (!run.ok()) return complain(run.error().text());
  const report::DataShowOptions options{
      .folder = folder_of(flags, *run), .documents = flags.documents, .verify = flags.verify};
  const Result<std::string> text = common.json ? report::data_show_json(*files, options)
                                               : report::data_show_text(*files, options);
  return text.ok() ? print(*text) : complain(text.error().text());
}

}  // namespace

void add_data(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("data", "Text to tokenizer and shards");
  verb->require_subcommand(1);
  const auto add = [&](const char* name, const char* what) {
    CLI::App* one = verb->add_subcommand(name, what);
    one->add_option("RUN", flags->run, "the run file (docs/run-file.md)")->required();
    one->add_option("--folder", flags->folder, "of the corpus, in place of data.folder");
    one->add_flag("--json", common.json, "print JSON");
    return one;
  };
  CLI::App* build = add("build", "Makes the corpus of a run file; goes on where it was stopped");
  build->callback([flags, &common] { common.exit_code = run_build(*flags, common); });
  CLI::App* show = add("show", "What a corpus is made of");
  show->add_option("--documents", flags->documents, "also print so many of its documents");
  show->add_flag("--verify", flags->verify, "read every shard and compare it with its hash");
  show->callback([flags, &common] { common.exit_code = run_show(*flags, common); });
}

}  // namespace celere::cli
