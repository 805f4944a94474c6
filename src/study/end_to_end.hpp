// The GPU time of a whole training from what is known before it: the model's name and size, tokens,
// GPU, count, precision.
//
//   GPU time = GPUs * (steps * step + evaluations) / goodput * practice
//
//   steps        tokens / (batch * sequence)
//   step         cost::StepModel with the common software entry, of the layout that
//                end_to_end_layout.hpp chooses; nothing of it is fitted on whole trainings
//   evaluations  MLPerf's, by its rules: a forward pass, a third of the step
//   goodput      cost/goodput.hpp with the cluster's failures and best checkpoint interval; 1 of
//                MLPerf: its runs are short, and one that fails is not submitted
//   practice     what whole trainings take beside (end_to_end_practice.hpp)
#pragma once

#include <string>
#include <vector>

#include "base/interval.hpp"
#include "base/result.hpp"
#include "cost/step.hpp"
#include "spec/catalog.hpp"
#include "study/end_to_end_layout.hpp"
#include "study/end_to_end_practice.hpp"
#include "study/end_to_end_run.hpp"
#include "study/end_to_end_shape.hpp"
#include "study/entries.hpp"

namespace celere::study {

struct WholePrediction {
  Interval<Seconds> gpu_time;  // 80 %
  Seconds step;
  double steps = 0;
  double goodput = 1;
  double practice = 1;
  double beyond = 0;            // x of the practice: 0 where it does not count
  double evaluation_share = 0;  // of the steps' time
  double mfu = 0;               // of the steps
  UsualLayout layout;
  std::int64_t gpus = 0;
  std::string model, chip, cluster, stack;
  spec::Precision precision = spec::Precision::bf16;
  std::vector<std::string> assumed;
};

class WholeRunPredictor {
 public:
  // Reads all models, chips, clusters and stacks. Errors: of a wrong entry.
  static Result<WholeRunPredictor> of(const spec::Catalog& catalog, WholeNumbers numbers);

  // Errors: the reason why there is no prediction, in words.
  Result<WholePrediction> predict(const WholeInputs& inputs) const;

 private:
  Result<cost::Setting> setting_of(const WholeInputs& inputs, WholeShape& shape) const;
  Result<Spread> set_practice(WholePrediction& out, const WholeInputs& inputs,
                              const cost::StepModel& model, Seconds working) const;

  WholeNumbers numbers_;
  Entries entries_;
};

}  // namespace celere::study
