// The verbs of celere-worker: celere starts it, people need not.
#pragma once

#include <CLI/CLI.hpp>

namespace celere::cli {

struct WorkerCommon {
  int exit_code = 0;
};

void add_answer(CLI::App& app, WorkerCommon& common);
void add_measure(CLI::App& app, WorkerCommon& common);

void add_train(CLI::App& app, WorkerCommon& common);

}  // namespace celere::cli
