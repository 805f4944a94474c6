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

}  // namespace
}  // namespace celere::report

int main(int count, char** words) {
  if (count != 2) {
    std::fputs("usage: page_samples FOLDER\n", stderr);
    return 2;
  }
  celere::report::write_all(words[1]);
  return 0;
}
