#include <sys/prctl.h>

#include <csignal>

#include "cli/worker_verbs.hpp"

int main(int argc, char** argv) {
  using namespace celere::cli;
  // A worker does not outlive who started it.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  CLI::App app("Trains, measures and answers for celere, which starts it", "celere-worker");
  app.require_subcommand(1);
  WorkerCommon common;
  add_answer(app, common);
  add_measure(app, common);
  add_train(app, common);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return common.exit_code;
}
