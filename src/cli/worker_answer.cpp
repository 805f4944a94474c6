#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

#include "cli/answer_flags.hpp"
#include "cli/worker_verbs.hpp"
#include "infer/answer_json.hpp"

namespace celere::cli {
namespace {

struct Flags {
  std::string run_directory;
  std::vector<std::string> questions, catalog_folders;
  AnswerFlags answer;
  int threads = 0;  // 0: by the model's size
};

// A token of a small model passes it sooner than threads have met: with 4 M parameters one thread
// made 580 tokens/s where two made 60, other work beside them.
constexpr std::int64_t one_thread_parameters_max = 32'000'000;

// Set by Ctrl-C: the present answer stops.
volatile std::sig_atomic_t interrupted = 0;

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);  // without SA_RESTART: it ends a read of a line too
}

int complain(const std::string& message) {
  std::fprintf(stderr, "celere: %s\n", message.c_str());
  return 2;
}

void show(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

// About an answer, for a person who looks on.
void remark(const std::string& text) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "[%s]\n", text.c_str());
}

class Session {
 public:
  Session(const infer::LoadedModel& model, const AnswerFlags& flags)
      : model_(&model), flags_(&flags), generator_(model.generator(clock_)) {}

  int ask(const std::string& question);
  int recall();
  int chat();

 private:
  std::optional<std::string> read_line();

  const infer::LoadedModel* model_;
  const AnswerFlags* flags_;
  SystemClock clock_;
  infer::Generator generator_;
  std::string typed_;  // of standard input, beyond the lines that were read
};

std::string remark_of(const infer::Answer& answer) {
  std::string text =
      fmt::format("{} tokens, {:.0f} tokens/s, the first after {:.3f} s", answer.tokens.size(),
                  answer.tokens_per_s(), answer.first_token_time.in_base());
  if (answer.stop == infer::Stop::tokens_max) text += "; cut off by --max-tokens";
  if (answer.stop == infer::Stop::context) text += "; cut off at the model's longest sequence";
  return text;
}

// 1 where it was stopped.
int Session::ask(const std::string& question) {
  interrupted = 0;
  const infer::GenerateOptions options{.sampling = {.temperature = flags_->temperature,
                                                    .top_p = flags_->top_p,
                                                    .top_k = flags_->top_k,
                                                    .seed = flags_->seed},
                                       .tokens_max = flags_->tokens_max};
  const auto answer = generator_.answer(question, options, [&](std::string_view piece) {
    if (!flags_->json) show(piece);
    return interrupted == 0;
  });
  if (!answer.ok()) return complain(answer.error().text());
  if (flags_->json) {
    show(infer::written_json(*model_, question, *answer));
  } else {
    show("\n");
    remark(remark_of(*answer));
  }
  return answer->stop == infer::Stop::stopped ? 1 : 0;
}

Result<infer::Recall> measured(const infer::LoadedModel& model, const infer::Generator& generator,
                               const AnswerFlags& flags) {
  const std::unique_ptr<Files> files = local_files();
  std::string folder = flags.corpus;
  if (folder.empty()) {
    if (!model.run.data) {
      return bad_input(model.run.file + ": has no [data]: say --corpus FOLDER");
    }
    folder = spec::corpus_folder(*model.run.data, model.run.name);
  }
  ASSIGN_OR_RETURN(const tokens::Dataset dataset,
                   tokens::Dataset::open(*files, folder, {.sequence = model.run.sequence}));
  if (dataset.tokenizer().hash() != model.tokenizer.hash()) {
    return bad_input(folder + ": was made with another tokenizer than the model's");
  }
  ASSIGN_OR_RETURN(const std::vector<tokens::QuestionAnswer> questions,
                   infer::pick_questions(dataset, flags.recall, flags.seed));
  return infer::recall(generator, questions, 3);
}

int Session::recall() {
  const auto recall = measured(*model_, generator_, *flags_);
  if (!recall.ok()) return complain(recall.error().text());
  if (flags_->json) {
    show(infer::written_json(*model_, *recall));
    return 0;
  }
  show(fmt::format("{} of {} trained questions answered to the word: {:.1f} %\n", recall->exact,
                   recall->asked, 100 * recall->share()));
  for (const infer::Miss& miss : recall->misses) {
    show(fmt::format("  not so: {}\n    trained:  {}\n    answered: {}\n", miss.question,
                     miss.expected, miss.given));
  }
  remark(fmt::format("{:.1f} s; step {}", recall->time.in_base(), model_->step));
  return 0;
}

// Nothing at the end of the input; an empty line where Ctrl-C came.
std::optional<std::string> Session::read_line() {
  while (true) {
    if (const std::size_t end = typed_.find('\n'); end != std::string::npos) {
      std::string line = typed_.substr(0, end);
      typed_.erase(0, end + 1);
      return line;
    }
    char bytes[4096];
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got > 0) {
      typed_.append(bytes, static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EINTR) {
      if (interrupted == 0) continue;
      interrupted = 0;
      typed_.clear();
      show("\n");
      remark("/quit or Ctrl-D ends");
      return "";
    } else {
      if (typed_.empty()) return std::nullopt;
      return std::exchange(typed_, "");
    }
  }
}

int Session::chat() {
  const bool person = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
  if (person) {
    remark(fmt::format("{}, step {}; /quit or Ctrl-D ends, Ctrl-C stops an answer",
                       model_->run.name, model_->step));
  }
  int code = 0;
  while (true) {
    if (person) show("> ");
    const std::optional<std::string> line = read_line();
    if (!line) break;
    if (*line == "/quit") return code;
    // Each question stands alone: a mistake in one is told, and the next one asked.
    if (!line->empty() && ask(*line) == 2) code = 2;
  }
  if (person) show("\n");
  return code;
}

int run_answer(const Flags& flags) {
  catch_interrupts();
  const std::unique_ptr<checkpoint::Storage> storage = checkpoint::local_storage();
  const spec::Catalog catalog(storage->files(), flags.catalog_folders);
  const auto model = infer::load_model(
      *storage, catalog,
      {.directory = {.folder = flags.run_directory}, .checkpoint = flags.answer.checkpoint});
  if (!model.ok()) return complain(model.error().text());
  for (const checkpoint::Refused& one : model->refused) {
    complain(fmt::format("passed over {}: {}", one.which.folder, one.why.text()));
  }
  if (flags.threads > 0) {
    at::set_num_threads(flags.threads);
  } else if (spec::count_parameters(model->model).active < one_thread_parameters_max) {
    at::set_num_threads(1);
  }
  Session session(*model, flags.answer);
  if (flags.answer.recall > 0) return session.recall();
  if (flags.questions.empty()) return session.chat();
  int code = 0;
  for (const std::string& question : flags.questions) {
    if (flags.questions.size() > 1 && !flags.answer.json) show("> " + question + "\n");
    const int one = session.ask(question);
    if (one == 1) return one;
    code = std::max(code, one);
  }
  return code;
}

}  // namespace

void add_answer(CLI::App& app, WorkerCommon& common) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("answer", "Questions to a checkpoint");
  verb->add_option("--run-directory", flags->run_directory, "of the training")->required();
  verb->add_option("--catalog", flags->catalog_folders, "look for entries in this folder first")
      ->allow_extra_args(false);
  verb->add_option("--question", flags->questions, "may be given again (none: a chat)")
      ->allow_extra_args(false);
  verb->add_option("--threads", flags->threads, "how many threads compute");
  add_answer_flags(*verb, flags->answer);
  verb->callback([flags, &common] { common.exit_code = run_answer(*flags); });
}

}  // namespace celere::cli
