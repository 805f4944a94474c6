// The files of pages/, and Chart.js, as they were when the program was built.
#pragma once

#include <string_view>

namespace celere::report {

std::string_view embedded_page();
std::string_view embedded_page_style();
std::string_view embedded_page_script();
std::string_view embedded_chart_script();
std::string_view embedded_life_script();
std::string_view embedded_forecast_script();
std::string_view embedded_comparison_script();
std::string_view embedded_training_script();

}  // namespace celere::report
