// The verbs of celere. Each adds its subcommand and, when it is the one that was asked for, runs
// and sets the exit code.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "study/published_run.hpp"

namespace celere::cli {

inline constexpr int exit_fine = 0;
inline constexpr int exit_no = 1;       // the answer is no: infeasible
inline constexpr int exit_wrong = 2;    // wrong input
inline constexpr int exit_stopped = 3;  // a training was stopped as asked, saved

// What all verbs share.
struct Common {
  std::vector<std::string> catalog_folders;
  bool json = false;
  int exit_code = exit_fine;
};

void add_plan(CLI::App& app, Common& common);
void add_simulate(CLI::App& app, Common& common);
void add_compare(CLI::App& app, Common& common);
void add_report(CLI::App& app, Common& common);
void add_train(CLI::App& app, Common& common);
void add_status(CLI::App& app, Common& common);
void add_calibrate(CLI::App& app, Common& common);
void add_catalog(CLI::App& app, Common& common);
void add_validate(CLI::App& app, Common& common);
void add_fit(CLI::App& app, Common& common);
void add_ask(CLI::App& app, Common& common);
void add_agent(CLI::App& app, Common& common);
void add_supervise(CLI::App& app, Common& common);
void add_data(CLI::App& app, Common& common);

// Where a flag was given that another one leaves nothing to do. Errors: bad_input, with both.
Status goes_without(const CLI::App& verb, const std::string& flag,
                    const std::vector<std::string>& others);

// Of a file, or where its name is empty those that come with the program.
Result<study::PublishedRuns> published_runs(const Files& files, const std::string& file);

// The user's own catalogue: $XDG_CONFIG_HOME/celere/catalog, else ~/.config/celere/catalog; empty
// where there is no home.
std::string user_catalog_folder();
// Those that are looked through before the program's own: by flag, then the user's.
std::vector<std::string> catalog_folders(const Common& common);

// Prints to standard output; 0.
int print(const std::string& text);
// Prints what is wrong to standard error; 2.
int complain(const std::string& message);

}  // namespace celere::cli
