// What fails and what is done about it, in lines for people.
#pragma once

#include <string>

#include "wire/events.hpp"

namespace celere::report {

// One or more lines, or nothing for what need not be told.
std::string recovery_line(const wire::Event& event);

}  // namespace celere::report
