#include "base/date.hpp"

#include <fmt/format.h>

#include <cmath>

namespace celere {

std::string written(Date date) {
  const std::chrono::year_month_day day(date.day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

Date later(Date date, double days) {
  return {date.day + std::chrono::days(static_cast<std::int64_t>(std::ceil(days)))};
}

}  // namespace celere
