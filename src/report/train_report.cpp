#include "report/train_report.hpp"

#include <fmt/format.h>

#include "base/units.hpp"
#include "base/written_units.hpp"
#include "report/recovery_lines.hpp"

namespace celere::report {
namespace {

constexpr double smoothing = 0.05;  // of the shown loss

std::int64_t number(const wire::Event& event, const char* key) {
  return number_of(event, key).value_or(0);
}

std::string speed(double tokens_per_s) {
  return tokens_per_s < 10'000 ? fmt::format("{:.0f} tokens/s", tokens_per_s)
                               : fmt::format("{:.1f} k tokens/s", tokens_per_s / 1000);
}

std::string count_of(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// "2 threads"; "4 ranks of 1 thread (tp=2,pp=2,...)".
std::string who_computes(const wire::Event& event) {
  const std::string threads = count_of(number(event, "threads"), "thread");
  const std::int64_t ranks = number(event, "ranks");
  if (ranks <= 1) return threads;
  return fmt::format("{} of {} ({})", count_of(ranks, "rank"), threads, text_of(event, "layout"));
}

}  // namespace

void TrainReport::hear(const wire::StepMetrics& metrics) {
  last_ = metrics;
  if (metrics.loss) {
    loss_smooth_ =
        loss_smooth_ ? (1 - smoothing) * *loss_smooth_ + smoothing * *metrics.loss : *metrics.loss;
  }
  if (metrics.loss_validation) validation_ = metrics.loss_validation;
  seconds_ += metrics.step_time_s.value_or(0);
  tokens_ += metrics.step_time_s.value_or(0) * metrics.tokens_per_s.value_or(0);
}

std::string TrainReport::hear(const wire::Event& event) {
  if (event.event == "started") {
    total_steps_ = number(event, "total_steps");
    if (started_) return {};  // again, after a failure
    started_ = true;
    first_step_ = number(event, "step");
    if (first_step_ == total_steps_) return fmt::format("all {} steps are done\n", total_steps_);
    return fmt::format(
        "{:.2f} M parameters in {}, {}, {} kernels; {:.2f} M tokens of text; steps {} to {}\n",
        static_cast<double>(number(event, "parameters")) * 1e-6, text_of(event, "precision"),
        who_computes(event), text_of(event, "kernels"),
        static_cast<double>(number(event, "training_tokens")) * 1e-6, first_step_ + 1,
        total_steps_);
  }
  if (event.event == "resumed") {
    saved_ = number(event, "step");
    return fmt::format("goes on behind step {}, from {}\n", number(event, "step"),
                       text_of(event, "checkpoint"));
  }
  if (event.event == "checkpoint_refused") {
    return fmt::format("warning: the checkpoint of step {} is not used: {}\n",
                       number(event, "step"), text_of(event, "error"));
  }
  if (event.event == "checkpoint_failed") {
    return fmt::format("warning: the checkpoint of step {} could not be written: {}\n",
                       number(event, "step"), text_of(event, "error"));
  }
  if (event.event == "log_failed") {
    return fmt::format("warning: the logs could not be written: {}\n", text_of(event, "error"));
  }
  if (event.event == "checkpoint_saved") saved_ = number(event, "step");
  if (event.event == "done" || event.event == "stopped") ended_ = event.event;
  // Asked twice to stop, or with a disk that is full: no rank says that it has.
  if (event.event == "finished" && text_of(event, "how") == "stopped" && ended_.empty()) {
    ended_ = "not saved";
  }
  if (event.event == "not_finite") return text_of(event, "message") + "\n";
  if (event.event == "gave_up") {
    ended_ = event.event;
    message_ = text_of(event, "why");
    if (const std::string errors = text_of(event, "errors"); !errors.empty())
      message_ += "\n" + errors;
  }
  return recovery_line(event);
}

std::string TrainReport::live_line() const {
  std::string line = fmt::format("step {}/{}", last_.step, total_steps_);
  if (loss_smooth_) line += fmt::format("  loss {:.3f}", *loss_smooth_);
  if (validation_) line += fmt::format("  validation {:.3f}", *validation_);
  if (last_.tokens_per_s) line += "  " + speed(*last_.tokens_per_s);
  if (last_.gemm_share) line += fmt::format("  {:.0f} % of the GEMM peak", 100 * *last_.gemm_share);
  if (last_.time_left_s) {
    line += fmt::format("  {} left", written(Seconds::of(*last_.time_left_s)));
  }
  return line;
}

std::string TrainReport::step_line() const {
  if (!last_.loss_validation) return {};
  std::string line = fmt::format("step {:>6}   loss {:6.3f}   validation {:6.3f}", last_.step,
                                 loss_smooth_.value_or(0), *last_.loss_validation);
  if (seconds_ > 0) line += fmt::format("   {:>16}", speed(tokens_ / seconds_));
  if (last_.gemm_share)
    line += fmt::format("   {:3.0f} % of the GEMM peak", 100 * *last_.gemm_share);
  if (last_.time_s) line += fmt::format("   {}", written(Seconds::of(*last_.time_s)));
  return line + "\n";
}

std::string TrainReport::end() const {
  std::string out;
  if (ended_ == "gave_up") {
    return fmt::format(
        "Given up: {}\nThe last good checkpoint stays; {}/events.jsonl has it all.\n", message_,
        directory_);
  }
  if (last_.step > 0 && seconds_ > 0) {
    out = fmt::format("{} steps in {}, {}", last_.step - first_step_,
                      written(Seconds::of(seconds_)), speed(tokens_ / seconds_));
    if (loss_smooth_) out += fmt::format("; loss {:.3f}", *loss_smooth_);
    if (validation_) out += fmt::format(", validation {:.3f}", *validation_);
    out += ".\n";
  }
  if (ended_ == "stopped") {
    return out +
           fmt::format("Stopped and saved behind step {} of {}. To go on:\n  celere train {}\n",
                       last_.step, total_steps_, run_);
  }
  if (ended_ == "not saved" || (ended_.empty() && !started_)) {
    return out + fmt::format(
                     "Stopped, and not saved: it goes on behind step {}, with\n  celere train {}\n",
                     saved_, run_);
  }
  return out + fmt::format("All is in {}. Ask it something:\n  celere ask --run {} \"...\"\n",
                           directory_, directory_);
}

}  // namespace celere::report
