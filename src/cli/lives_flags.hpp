// What the verbs that simulate whole trainings have in common on their command lines.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "life/forecast.hpp"

namespace celere::cli {

struct LivesFlags {
  life::ForecastOptions lives;
  int threads = 0;
};

void add_lives_options(CLI::App& verb, LivesFlags& flags);

}  // namespace celere::cli
