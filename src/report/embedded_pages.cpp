#include "report/embedded_pages.hpp"

#include <cstddef>

extern "C" {
extern const char page_html_begin[], page_html_end[];
extern const char page_style_begin[], page_style_end[];
extern const char page_script_begin[], page_script_end[];
extern const char chart_script_begin[], chart_script_end[];
extern const char life_script_begin[], life_script_end[];
extern const char forecast_script_begin[], forecast_script_end[];
extern const char comparison_script_begin[], comparison_script_end[];
extern const char training_script_begin[], training_script_end[];
}

namespace celere::report {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string_view embedded_page() { return between(page_html_begin, page_html_end); }
std::string_view embedded_page_style() { return between(page_style_begin, page_style_end); }
std::string_view embedded_page_script() { return between(page_script_begin, page_script_end); }
std::string_view embedded_chart_script() { return between(chart_script_begin, chart_script_end); }
std::string_view embedded_life_script() { return between(life_script_begin, life_script_end); }
std::string_view embedded_forecast_script() {
  return between(forecast_script_begin, forecast_script_end);
}
std::string_view embedded_comparison_script() {
  return between(comparison_script_begin, comparison_script_end);
}
std::string_view embedded_training_script() {
  return between(training_script_begin, training_script_end);
}

}  // namespace celere::report
