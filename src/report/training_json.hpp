// The JSON of a training without its steps, which its page thins out.
#pragma once

#include "report/json.hpp"
#include "report/training_report.hpp"

namespace celere::report {

OrderedJson training_object(const Training& training);

}  // namespace celere::report
