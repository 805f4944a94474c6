#include <algorithm>
#include <cmath>

#include "base/quantile.hpp"
#include "report/embedded_pages.hpp"
#include "report/page.hpp"
#include "report/plot.hpp"
#include "report/training_json.hpp"

namespace celere::report {
namespace {

using Json = OrderedJson;

constexpr std::size_t bins_shown = 600, failures_shown = 1000;

// Steps that lie side by side as one: what charts show.
struct Bin {
  double step = 0;  // the middle
  std::optional<double> loss = {};
  std::optional<double> time_low = {}, time = {}, time_high = {};  // tenth, median, ninth tenth
};

std::vector<Bin> bins_of(const Training& training) {
  const auto& steps = training.steps;
  std::vector<Bin> out;
  const std::size_t width = (steps.size() + bins_shown - 1) / bins_shown;
  for (std::size_t from = 0; from < steps.size(); from += width) {
    const std::size_t to = std::min(from + width, steps.size());
    std::vector<double> losses, times;
    for (std::size_t i = from; i < to; ++i) {
      if (steps[i].loss && std::isfinite(*steps[i].loss)) losses.push_back(*steps[i].loss);
      const auto& time = steps[i].step_time_s;
      if (time && std::isfinite(*time)) times.push_back(*time);
    }
    Bin bin{.step = static_cast<double>(steps[from].step + steps[to - 1].step) / 2};
    if (!losses.empty()) {
      double sum = 0;
      for (const double loss : losses) sum += loss;
      bin.loss = sum / static_cast<double>(losses.size());
    }
    if (!times.empty()) {
      bin.time_low = quantile(times, 0.1);
      bin.time = quantile(times, 0.5);
      bin.time_high = quantile(times, 0.9);
    }
    out.push_back(bin);
  }
  return out;
}

// At most as many as there are bins, evenly; the last is among them.
std::vector<std::pair<double, double>> validations_of(const Training& training) {
  std::vector<std::pair<double, double>> all, out;
  for (const wire::StepMetrics& step : training.steps) {
    if (step.loss_validation && std::isfinite(*step.loss_validation)) {
      all.emplace_back(static_cast<double>(step.step), *step.loss_validation);
    }
  }
  const std::size_t width = (all.size() + bins_shown - 1) / bins_shown;
  for (std::size_t i = all.size(); i-- > 0;) {
    if ((all.size() - 1 - i) % width == 0) out.push_back(all[i]);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

std::string training_page(const Training& training) {
  Json json = training_object(training);
  const std::vector<Bin> bins = bins_of(training);
  Json failures = Json::array();
  const std::size_t count = json["failures"].size();
  for (std::size_t i = 0; i < std::min(count, failures_shown); ++i) {
    failures.push_back(json["failures"][i]);
  }
  json["failures"] = std::move(failures);
  json["failures_in_all"] = count;
  json["steps_in_all"] = training.steps.size();
  json["bins"] = Json::array();
  for (const Bin& bin : bins) {
    json["bins"].push_back({bin.step, or_null(bin.loss), or_null(bin.time_low), or_null(bin.time),
                            or_null(bin.time_high)});
  }
  json["validations"] = validations_of(training);
  return page_html({.title = training.name + ": training",
                    .answer = training_headline(training),
                    .json = dumped(json, -1),
                    .code = embedded_training_script()});
}

std::vector<Svg> training_svgs(const Training& training) {
  std::vector<Svg> out;
  const std::vector<Bin> bins = bins_of(training);
  Plot::Points losses, times;
  for (const Bin& bin : bins) {
    if (bin.loss) losses.emplace_back(bin.step, *bin.loss);
    if (bin.time) times.emplace_back(bin.step, *bin.time * 1e3);
  }
  const auto ends = [](const Plot::Points& points, auto member) {
    const auto [low, high] = std::ranges::minmax(points, {}, member);
    return std::pair{low.*member, high.*member};
  };
  using Point = std::pair<double, double>;
  if (losses.size() > 1) {
    Plot::Points all = losses;
    const Plot::Points validations = validations_of(training);
    all.insert(all.end(), validations.begin(), validations.end());
    const auto [first, last] = ends(all, &Point::first);
    const auto [low, high] = ends(all, &Point::second);
    Plot plot("Loss", number_axis("step", first, last), number_axis("nats a token", low, high));
    plot.line(losses, 0, "training");
    if (!validations.empty()) plot.line(validations, 1, "validation");
    out.push_back({"loss", plot.svg()});
  }
  if (times.size() > 1) {
    const auto [first, last] = ends(times, &Point::first);
    double high = ends(times, &Point::second).second;
    const auto& predicted = training.predicted.time;
    if (predicted) high = std::max(high, predicted->high.in_base() * 1e3);
    Plot plot("Time of a step", number_axis("step", first, last),
              number_axis("milliseconds", 0, high));
    plot.line(times, 0, "measured, median of neighbours");
    if (predicted) {
      const double time = predicted->value.in_base() * 1e3;
      plot.line({{first, time}, {last, time}}, 1, "predicted");
    }
    out.push_back({"step-time", plot.svg()});
  }
  return out;
}

}  // namespace celere::report
