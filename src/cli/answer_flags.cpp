#include "cli/answer_flags.hpp"

#include <fmt/format.h>

namespace celere::cli {

void add_answer_flags(CLI::App& verb, AnswerFlags& flags) {
  verb.add_option("--checkpoint", flags.checkpoint,
                  "a step of the run, or a checkpoint's folder (default: the newest good one)");
  verb.add_option("--temperature", flags.temperature,
                  "0 takes the likeliest token; 1 draws as the model was trained")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  verb.add_option("--top-p", flags.top_p,
                  "draw among the likeliest tokens that have this probability together")
      ->capture_default_str()
      ->check(CLI::Range(1e-9, 1.0));
  verb.add_option("--top-k", flags.top_k, "draw among so many likeliest tokens; 0: all")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  verb.add_option("--seed", flags.seed, "of what is drawn")->capture_default_str();
  verb.add_option("--max-tokens", flags.tokens_max, "of an answer")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  verb.add_option("--recall", flags.recall,
                  "count how many of so many trained questions are answered to the word")
      ->check(CLI::Range(1, 10'000'000));
  verb.add_option("--corpus", flags.corpus,
                  "with --recall: where the questions are (default: the corpus of the run file)");
  verb.add_flag("--json", flags.json, "print JSON, one line an answer");
}

std::vector<std::string> written(const AnswerFlags& flags) {
  std::vector<std::string> out = {
      fmt::format("--temperature={}", flags.temperature), fmt::format("--top-p={}", flags.top_p),
      fmt::format("--top-k={}", flags.top_k), fmt::format("--seed={}", flags.seed),
      fmt::format("--max-tokens={}", flags.tokens_max)};
  if (!flags.checkpoint.empty()) out.push_back("--checkpoint=" + flags.checkpoint);
  if (flags.recall > 0) out.push_back(fmt::format("--recall={}", flags.recall));
  if (!flags.corpus.empty()) out.push_back("--corpus=" + flags.corpus);
  if (flags.json) out.emplace_back("--json");
  return out;
}

}  // namespace celere::cli
