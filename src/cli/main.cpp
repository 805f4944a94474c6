#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/csv.hpp"
#include "cli/verbs.hpp"

namespace celere::cli {

std::string user_catalog_folder() {
  if (const char* config = std::getenv("XDG_CONFIG_HOME"); config != nullptr && *config != '\0') {
    return fmt::format("{}/celere/catalog", config);
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return "";
  return fmt::format("{}/.config/celere/catalog", home);
}

std::vector<std::string> catalog_folders(const Common& common) {
  std::vector<std::string> folders = common.catalog_folders;
  if (const std::string own = user_catalog_folder(); !own.empty()) folders.push_back(own);
  return folders;
}

Status goes_without(const CLI::App& verb, const std::string& flag,
                    const std::vector<std::string>& others) {
  if (verb.count(flag) == 0) return Done{};
  for (const std::string& other : others) {
    if (verb.count(other) > 0) return bad_input(fmt::format("{} goes without {}", flag, other));
  }
  return Done{};
}

Result<study::PublishedRuns> published_runs(const Files& files, const std::string& file) {
  std::string content(study::embedded_published_runs());
  if (!file.empty()) {
    ASSIGN_OR_RETURN(content, files.read(file));
  }
  ASSIGN_OR_RETURN(const CsvTable table,
                   parse_csv(content, file.empty() ? "catalog/published/runs.csv" : file));
  return study::read_published_runs(table);
}

int print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return exit_fine;
}

int complain(const std::string& message) {
  std::fprintf(stderr, "celere: %s\n", message.c_str());
  return exit_wrong;
}

}  // namespace celere::cli

int main(int argc, char** argv) {
  using namespace celere::cli;
  CLI::App app("Plans, proves and runs the training of large language models", "celere");
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 fine, 1 the answer is no (infeasible, a bound broken, a training given up), 2 "
      "wrong input, 3 a training was stopped, saved.");
  Common common;
  app.add_option("--catalog", common.catalog_folders, "look for entries in this folder first");
  add_catalog(app, common);
  add_plan(app, common);
  add_simulate(app, common);
  add_compare(app, common);
  add_report(app, common);
  add_validate(app, common);
  add_fit(app, common);
  add_calibrate(app, common);
  add_data(app, common);
  add_train(app, common);
  add_status(app, common);
  add_ask(app, common);
  add_agent(app, common);
  add_supervise(app, common);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_fine : exit_wrong;
  }
  return common.exit_code;
}
