// A training, as a person sees it: the live line, the lines that stay, and the end.
#pragma once

#include <optional>
#include <string>

#include "wire/events.hpp"
#include "wire/metrics.hpp"

namespace celere::report {

class TrainReport {
 public:
  // `run`: what the person gave, for advice on how to go on.
  TrainReport(std::string run, std::string directory)
      : run_(std::move(run)), directory_(std::move(directory)) {}

  void hear(const wire::StepMetrics& metrics);
  // A line that stays, or nothing.
  std::string hear(const wire::Event& event);

  // "step 120/800  loss 3.214  validation 3.401  12.3 k tokens/s  71 % of the GEMM peak  1 min
  // left"
  std::string live_line() const;
  // A line that stays for a step, where it was validated; else nothing.
  std::string step_line() const;
  std::string end() const;

 private:
  std::string run_, directory_;
  std::int64_t total_steps_ = 0, first_step_ = 0, saved_ = 0;
  wire::StepMetrics last_;
  std::optional<double> validation_, loss_smooth_;
  double seconds_ = 0, tokens_ = 0;
  bool started_ = false;
  std::string ended_;  // "done", "stopped", "not saved", "gave_up"
  std::string message_;
};

}  // namespace celere::report
