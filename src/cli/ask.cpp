#include <fmt/format.h>

#include <csignal>
#include <memory>

#include "base/processes.hpp"
#include "checkpoint/storage.hpp"
#include "cli/answer_flags.hpp"
#include "cli/verbs.hpp"
#include "launch/trained_run.hpp"
#include "launch/worker_process.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::vector<std::string> questions;
  std::string run;
  int threads = 0;
  AnswerFlags answer;
};

int run_ask(const Flags& flags, const Common& common) {
  const std::unique_ptr<checkpoint::Storage> storage = checkpoint::local_storage();
  const auto directory = launch::trained_run(*storage, flags.run, "runs");
  if (!directory.ok()) return complain(directory.error().text());
  launch::WorkerCommand command;
  command.arguments = {"answer", "--run-directory=" + directory->folder};
  for (const std::string& folder : catalog_folders(common)) {
    command.arguments.push_back("--catalog=" + folder);
  }
  for (std::string& argument : written(flags.answer)) {
    command.arguments.push_back(std::move(argument));
  }
  for (const std::string& question : flags.questions) {
    command.arguments.push_back("--question=" + question);
  }
  if (flags.threads > 0) command.arguments.push_back(fmt::format("--threads={}", flags.threads));
  command.threads = flags.threads;
  command.foreground = true;
  // Ctrl-C is for the worker: it stops an answer, and we go on waiting.
  std::signal(SIGINT, [](int) {});
  const std::unique_ptr<Processes> processes = local_processes();
  auto worker = launch::WorkerProcess::start(*processes, storage->files(), command);
  if (!worker.ok()) return complain(worker.error().text());
  std::optional<Ending> ending;
  while (!(ending = worker->wait(60_s))) {
  }
  if (ending->code) return *ending->code;
  return complain("celere-worker ended by itself: " + written(*ending));
}

}  // namespace

void add_ask(CLI::App& app, Common& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand(
      "ask", "Questions to a trained model; a chat where none is given (docs/ask.md)");
  verb->add_option("QUESTION", flags->questions, "each in quotes");
  verb->add_option(
      "--run", flags->run,
      "a run file or run directory (default: the newest below runs/ with a checkpoint)");
  verb->add_option("--threads", flags->threads,
                   "how many threads compute (default: one for a small model, else all cores)")
      ->check(CLI::Range(1, 1024));
  add_answer_flags(*verb, flags->answer);
  verb->callback([flags, &common] { common.exit_code = run_ask(*flags, common); });
}

}  // namespace celere::cli
