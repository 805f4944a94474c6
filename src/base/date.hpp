// A calendar day, as days since 1970-01-01. Time of day never matters to a plan.
#pragma once

#include <chrono>
#include <compare>
#include <string>

namespace celere {

struct Date {
  std::chrono::sys_days day;
  friend auto operator<=>(const Date&, const Date&) = default;
};

std::string written(Date date);      // 2024-07-22
Date later(Date date, double days);  // rounded up to a whole day

}  // namespace celere
