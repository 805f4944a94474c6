#include "study/ranking.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "base/check.hpp"

namespace celere::study {
namespace {

constexpr std::size_t least_layouts = 4;

struct Point {
  double predicted = 0, measured = 0;  // sums of logarithms
  int rows = 0;
};

std::string text_of(const std::optional<std::int64_t>& number) {
  return number ? fmt::format("{}", *number) : "-";
}

std::string texts_of(std::initializer_list<std::optional<std::int64_t>> numbers) {
  std::string text;
  for (const auto& number : numbers) text += text_of(number) + " ";
  return text;
}

// What makes rows comparable: everything but the layout and the size of the job.
std::string family_key(const RunResult& result) {
  const RunInputs& in = result.run.inputs;
  return fmt::format("{}|{}|{}|{}|{}", result.run.family, in.model_name, in.gpu, in.precision,
                     texts_of({in.layers, in.hidden, in.ffn, in.heads, in.vocab, in.sequence,
                               in.experts, in.top_k, in.expert_ffn}));
}

std::string layout_key(const RunInputs& in) {
  return fmt::format("{}|{}|{}|{}",
                     texts_of({in.gpus, in.tp, in.pp, in.vpp, in.cp, in.ep, in.dp, in.micro_batch,
                               in.global_batch, in.sequence_parallel}),
                     in.zero, in.recompute, in.pp_partition);
}

// Everything that a row says but for release, year and flags.
std::string run_key(const RunResult& result) {
  const RunInputs& in = result.run.inputs;
  return fmt::format("{}|{}|{}|{}|{}|{}", family_key(result), layout_key(in), in.interconnect,
                     in.framework, in.offload,
                     texts_of({in.kv_heads, in.head_dim, in.gated, in.shared_experts}));
}

double gpu_seconds_a_token(Seconds step, const RunResult& result) {
  const double tokens = static_cast<double>(result.prediction.global_batch) *
                        static_cast<double>(result.run.inputs.sequence.value_or(1));
  return step.in_base() * static_cast<double>(result.prediction.layout.ranks()) / tokens;
}

FamilyRanking ranking_of(const std::map<std::string, Point>& points) {
  std::vector<double> predicted, measured;
  for (const auto& [layout, point] : points) {
    predicted.push_back(point.predicted / point.rows);
    measured.push_back(point.measured / point.rows);
  }
  const auto chosen = std::min_element(predicted.begin(), predicted.end()) - predicted.begin();
  const double best = *std::min_element(measured.begin(), measured.end());
  FamilyRanking ranking;
  ranking.layouts = static_cast<int>(points.size());
  ranking.tau = kendall_tau_b(predicted, measured);
  ranking.regret = std::exp(measured[static_cast<std::size_t>(chosen)] - best) - 1;
  return ranking;
}

bool counts(const RunResult& result) { return result.signed_error() && result.counts(); }

}  // namespace

double kendall_tau_b(const std::vector<double>& a, const std::vector<double>& b) {
  CHECK_EQ(a.size(), b.size());
  double agree = 0, untied_a = 0, untied_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i + 1; j < a.size(); ++j) {
      const int one = (a[i] > a[j]) - (a[i] < a[j]);
      const int two = (b[i] > b[j]) - (b[i] < b[j]);
      agree += one * two;
      untied_a += one != 0;
      untied_b += two != 0;
    }
  }
  return untied_a == 0 || untied_b == 0 ? 0 : agree / std::sqrt(untied_a * untied_b);
}

std::vector<FamilyRanking> rankings_of(const std::vector<RunResult>& results) {
  std::map<std::string, std::map<std::string, Point>> families;
  std::map<std::string, const RunResult*> example;
  for (const RunResult& result : results) {
    if (!counts(result)) continue;
    const std::string key = family_key(result);
    Point& point = families[key][layout_key(result.run.inputs)];
    point.predicted += std::log(gpu_seconds_a_token(result.prediction.step.value, result));
    point.measured += std::log(gpu_seconds_a_token(*result.run.measured.step, result));
    ++point.rows;
    example.try_emplace(key, &result);
  }
  std::vector<FamilyRanking> rankings;
  for (const auto& [key, points] : families) {
    if (points.size() < least_layouts) continue;
    const PublishedRun& run = example[key]->run;
    FamilyRanking ranking = ranking_of(points);
    ranking.source = run.family;
    const std::string& precision = run.inputs.precision;
    ranking.family = fmt::format("{}: {} on {}{}", run.family, run.inputs.model_name,
                                 run.inputs.gpu, precision.empty() ? "" : ", " + precision);
    rankings.push_back(std::move(ranking));
  }
  std::stable_sort(rankings.begin(), rankings.end(), [](const auto& a, const auto& b) {
    return std::pair(a.source, -a.layouts) < std::pair(b.source, -b.layouts);
  });
  return rankings;
}

ErrorSummary noise_of(const std::vector<RunResult>& results) {
  std::map<std::string, std::vector<double>> equal;
  for (const RunResult& result : results) {
    if (!counts(result)) continue;
    equal[run_key(result)].push_back(std::log(result.run.measured.step->in_base()));
  }
  std::vector<double> distances;
  for (const auto& [key, logs] : equal) {
    if (logs.size() < 2) continue;
    double mean = 0;
    for (const double log : logs) mean += log / static_cast<double>(logs.size());
    for (const double log : logs) distances.push_back(log - mean);
  }
  return distances.empty() ? ErrorSummary{} : summary_of(distances);
}

}  // namespace celere::study
