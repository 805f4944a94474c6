// A training of three steps, whose second took a failure, made by hand.
#pragma once

#include "base/check.hpp"
#include "report/test_forecasts.hpp"
#include "report/training_report.hpp"

namespace celere::report {

inline const wire::RunDirectory training_folder{"runs/x"};

inline std::unique_ptr<Files> training_files() {
  auto files = memory_files();
  const auto write = [&](const std::string& path, const std::string& text) {
    CHECK(files->write(path, text).ok());
  };
  write(training_folder.run_file(),
        "[run]\nname = \"</script><b id=evil>\"\n[model]\nuse = \"llama-3-8b\"\n[train]\n"
        "tokens = \"10 G tokens\"\nbatch = \"1 Mi tokens\"\nsequence = 8192\nprecision = "
        "\"bf16\"\n[cluster]\nuse = \"xai-100k-h100\"\n");
  const auto line = [](const std::string& out, const std::string& rest) {
    return out + rest + "}\n";
  };
  write(training_folder.metrics(),
        line(R"({"step":1,"time_s":0.2,"tokens":100,"loss":4,)", R"("step_time_s":0.2)") +
            line(R"({"step":2,"time_s":0.5,"tokens":200,"loss":3,)", R"("step_time_s":0.3)") +
            line(R"({"step":3,"time_s":0.6,"tokens":300,"loss":2,"loss_validation":2.5,)",
                 R"("step_time_s":0.1,"memory_max_bytes":1048576)"));
  const auto event = [&](const std::string& time, const std::string& rest) {
    return line("{\"time\":\"2024-07-22T08:15:" + time + "Z\",\"event\":", rest);
  };
  write(training_folder.events(),
        event("30.000", R"("started","step":0,"total_steps":3,"layout":"dp=2")") +
            event("31.000", R"("worker_ended","rank":1,"node":0,"step":1,"signal":9,)"
                            R"("errors":"<b id=evil>")") +
            event("33.500", R"("recovered","generation":2,"step":2,"time_s":2.5,)"
                            R"("steps_again":1)") +
            event("40.000", R"("done","step":3,"total_steps":3)"));
  return files;
}

inline Training training_by_hand() {
  const auto files = training_files();
  constexpr Instant now{1721636200'000'000'000};
  auto training = read_training(*files, training_folder, now);
  CHECK(training.ok());
  training->predicted = {
      .time = Interval<Seconds>{Seconds::of(0.16), Seconds::of(0.15), Seconds::of(0.25)},
      .from = "the plan of this-machine"};
  return *std::move(training);
}

}  // namespace celere::report
