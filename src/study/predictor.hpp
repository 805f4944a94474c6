// What Celere predicts of a run that a row describes: the step time with its interval, the memory
// of the fullest GPU, and whether it fits.
//
// The row becomes a cost::Setting and a layout (row_model, row_place, row_software, row_layout),
// and cost::StepModel says the rest; there is no search and no number of a run. The type of
// predict() is the promise that no answer is read.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/interval.hpp"
#include "base/result.hpp"
#include "cost/step.hpp"
#include "study/entries.hpp"
#include "study/published_run.hpp"
#include "study/row_software.hpp"

namespace celere::study {

struct Prediction {
  Interval<Seconds> step;  // 80 %, from the spread of the stack
  cost::StepCost cost;     // its parts, and the memory by bucket
  bool fits = false;
  layout::Layout layout;
  std::int64_t global_batch = 0;
  std::string chip, cluster, stack;  // entries of the catalogue
  bool known_stack = true;
  bool experts = false;
  spec::Precision precision = spec::Precision::bf16;
  std::vector<std::string> filled;  // columns that the row leaves empty and that mattered

  Bytes memory_max() const { return cost.memory_max; }
  // What tensors take: without the driver's part and what the allocator cannot use. Held against
  // torch.cuda.max_memory_allocated.
  Bytes allocated() const;
};

// A row made ready: everything but what the numbers of its entries decide.
struct PreparedRun {
  RunInputs row;
  cost::Setting setting;  // the entries as they stand in the catalogue, no switch thrown
  layout::Layout layout;
  std::int64_t global_batch = 0;
  std::vector<std::string> filled;
  std::shared_ptr<const cost::StepModel> like;  // what numbers do not change of it
};

// What a fit changes of the entries before the switches of a row are thrown.
using Adjust = std::function<void(spec::Stack&, spec::Chip&, spec::Cluster&)>;

class Predictor {
 public:
  // Reads all models, chips, clusters and stacks. Errors: of a wrong entry.
  static Result<Predictor> of(const spec::Catalog& catalog);

  // Errors: the reason why there is no prediction, in words.
  Result<Prediction> predict(const RunInputs& row) const;

  // The same in two parts.
  Result<PreparedRun> prepare(const RunInputs& row) const;
  // REQUIRES of `adjust`: no memory changes.
  static Result<Prediction> predict(const PreparedRun& run, const Adjust& adjust);

 private:
  Result<cost::Setting> setting_of(const RunInputs& row, spec::Model model) const;

  Entries entries_;
};

}  // namespace celere::study
