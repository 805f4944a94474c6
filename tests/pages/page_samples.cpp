// Pages of answers that were made by hand, hostile names among them, each beside its JSON:
// page_samples FOLDER writes them for report_page.py to look at.
#include <cstdio>
#include <string>

#include "base/check.hpp"
#include "base/files.hpp"
#include "report/life_report.hpp"
#include "report/test_forecasts.hpp"
#include "report/test_training.hpp"

namespace celere::report {
namespace {

void write(const std::string& path, const std::string& text) {
  CHECK(local_files()->write(path, text).ok());
}

void write_all(const std::string& folder) {
  // "</script>..." between the quotes of TOML.
  const auto plan =
      planned_by_hand("xai-100k-h100", "</script><script>alert(1)</script> & 'q' <b id=evil>");
  const life::Forecast forecast = forecast_by_hand();
  write(folder + "/forecast.html", forecast_page(*plan, forecast));
  write(folder + "/forecast.json", forecast_json(*plan, forecast));
  const study::Comparison comparison = comparison_by_hand();
  write(folder + "/comparison.html", comparison_page(comparison));
  write(folder + "/comparison.json", comparison_json(comparison));
  const Training training = training_by_hand();
  write(folder + "/training.html", training_page(training));
  write(folder + "/training.json", training_json(training));
}

// What is there when nothing ends, no day is known, nothing was looked for, nothing was trained.
void write_empty(const std::string& folder) {
  const auto plan = planned_by_hand("xai-100k-h100", "x");
  life::Forecast nothing = forecast_by_hand();
  nothing.built.start = {};
  nothing.summary = {.lives = 3};
  nothing.told = {};
  nothing.tuning = {};
  nothing.shifts = {};
  for (life::End& end : nothing.ends) end = {.time = end.time};
  write(folder + "/forecast-none.html", forecast_page(*plan, nothing));
  life::Forecast undated = forecast_by_hand();
  undated.built.start = {};
  for (life::End& end : undated.ends) {
    end.dollars = {};
    end.energy = {};
    end.time = undated.ends.front().time;
  }
  undated.summary.done = 1;
  undated.summary.time = life::quantiles_of({undated.ends.front().time.in_base()});
  undated.summary.causes = {};
  write(folder + "/forecast-undated.html", forecast_page(*plan, undated));
  study::Comparison comparison = comparison_by_hand();
  comparison.contenders[0].forecast = nothing;
  comparison.contenders[1].forecast = {};
  comparison.by_time = comparison.by_dollars = {};
  comparison.crossings = {};
  write(folder + "/comparison-none.html", comparison_page(comparison));
  const auto files = training_files();
  CHECK(files->remove(training_folder.metrics()).ok());
  CHECK(files->remove(training_folder.events()).ok());
  const auto fresh = read_training(*files, training_folder, Instant{0});
  CHECK(fresh.ok());
  write(folder + "/training-fresh.html", training_page(*fresh));
}

}  // namespace
}  // namespace celere::report

int main(int count, char** words) {
  if (count != 2) {
    std::fputs("usage: page_samples FOLDER\n", stderr);
    return 2;
  }
  celere::report::write_all(words[1]);
  celere::report::write_empty(words[1]);
  return 0;
}
