#include "study/run_fit.hpp"

#include <cmath>
#include <set>

#include "base/check.hpp"

namespace celere::study {
namespace {

constexpr int iterations = 6;
constexpr double source_weight = -0.25;  // exponent of the number of its rows

// The errors of the rows that count, each with whether another source knows its software.
void set_intervals(LeaveOneOut& out) {
  std::map<std::string, std::set<std::string>> sources;  // of a stack
  for (const RunResult& result : out.validation.results) {
    if (result.signed_error() && result.counts()) {
      sources[result.prediction.stack].insert(result.run.family);
    }
  }
  const auto known = [&](const RunResult& result) {
    std::set<std::string> others = sources[result.prediction.stack];
    others.erase(result.run.family);
    return result.prediction.known_stack && !others.empty();
  };
  std::vector<LeftOut> rows;
  for (const RunResult& result : out.validation.results) {
    if (!result.signed_error() || !result.counts()) continue;
    rows.push_back({.family = result.run.family,
                    .residual = -*result.signed_error(),
                    .known = known(result),
                    .experts = result.prediction.experts,
                    .complete = result.prediction.filled.empty()});
  }
  if (rows.empty()) return;
  out.intervals = intervals_of(rows);
  for (RunResult& result : out.validation.results) {
    const Prediction& prediction = result.prediction;
    const Spread spread =
        out.intervals.at(known(result), prediction.experts, prediction.filled.empty());
    result.prediction.step = spread_around(prediction.cost.time, spread);
  }
  const Coverage coverage = coverage_of(rows, out.intervals);
  out.validation.inside = coverage.inside;
  out.validation.inside_nested = coverage.nested;
}

}  // namespace

RunFit::RunFit(const Predictor& predictor, const std::vector<PublishedRun>& runs,
               std::vector<FittedNumber> numbers)
    : numbers_(std::move(numbers)) {
  for (const PublishedRun& run : runs) {
    if (run.grade == "C" || !run.measured.step) continue;
    Result<PreparedRun> prepared = predictor.prepare(run.inputs);
    if (!prepared.ok()) continue;
    Row row{.run = *std::move(prepared),
            .log_measured = std::log(run.measured.step->in_base()),
            .family = run.family,
            .group = {}};
    row.group = row.family + " " + row.run.setting.chip.name;
    rows_.push_back(std::move(row));
  }
}

std::vector<std::string> RunFit::families() const {
  std::set<std::string> families;
  for (const Row& row : rows_) families.insert(row.family);
  return {families.begin(), families.end()};
}

FittedNumbers RunFit::without(const std::string& family, ThreadPool& threads,
                              const FittedNumbers* near) const {
  std::vector<const Row*> rows;
  std::map<std::string, double> count;
  std::map<std::string, std::size_t> groups;
  Unknowns unknowns(numbers_);
  LeastSquares problem;
  for (const Row& row : rows_) {
    if (row.family == family) continue;
    rows.push_back(&row);
    unknowns.observe(row.run);
    count[row.family] += 1;
    problem.groups.push_back(groups.try_emplace(row.group, groups.size()).first->second);
  }
  for (const Row* row : rows) {
    problem.weights.push_back(std::pow(count[row->family], source_weight));
  }
  problem.unknowns = unknowns.unknowns();
  problem.error = [&](std::size_t i, const std::vector<double>& x) {
    const Result<Prediction> prediction = Predictor::predict(
        rows[i]->run, [&](spec::Stack& stack, spec::Chip& chip, spec::Cluster& cluster) {
          unknowns.apply(x, stack, chip, cluster);
        });
    CHECK(prediction.ok());
    return std::log(prediction->cost.time.in_base()) - rows[i]->log_measured;
  };
  problem.reads = [&](std::size_t i, std::size_t unknown) {
    return unknowns.concerns(unknown, rows[i]->run);
  };
  std::vector<double> start = unknowns.start();
  if (near != nullptr) {
    std::map<std::string, double> known;
    for (std::size_t j = 0; j < near->fitted.x.size(); ++j) {
      known[near->unknowns.unknowns()[j].name] = near->fitted.x[j];
    }
    for (std::size_t j = 0; j < start.size(); ++j) {
      const auto found = known.find(problem.unknowns[j].name);
      if (found != known.end()) start[j] = found->second;
    }
  }
  Fitted fitted = fit(problem, std::move(start), iterations, threads);
  return {.unknowns = std::move(unknowns), .fitted = std::move(fitted)};
}

LeaveOneOut leave_one_out(const Predictor& predictor, const PublishedRuns& runs,
                          const std::vector<FittedNumber>& numbers, ThreadPool& threads) {
  const RunFit run_fit(predictor, runs.runs, numbers);
  const FittedNumbers all = run_fit.without("", threads);
  std::map<std::string, FittedNumbers> left_out;
  for (const std::string& family : run_fit.families()) {
    left_out.emplace(family, run_fit.without(family, threads, &all));
  }
  LeaveOneOut out;
  out.validation = validate(
      [&](const PublishedRun& run) -> Result<Prediction> {
        ASSIGN_OR_RETURN(const PreparedRun prepared, predictor.prepare(run.inputs));
        const auto found = left_out.find(run.family);
        const FittedNumbers& fitted = found == left_out.end() ? all : found->second;
        return Predictor::predict(
            prepared, [&](spec::Stack& stack, spec::Chip& chip, spec::Cluster& cluster) {
              fitted.apply(stack, chip, cluster);
            });
      },
      runs);
  set_intervals(out);
  return out;
}

}  // namespace celere::study
