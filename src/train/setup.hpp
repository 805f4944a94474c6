// What a training is: the run file, the model that it names, and what this machine does best.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "nn/parameters.hpp"
#include "spec/catalog.hpp"
#include "spec/run.hpp"
#include "train/steps.hpp"

namespace celere::train {

struct Setup {
  spec::Run run;
  spec::Model model;
  spec::Precision precision = spec::Precision::fp32;
  nn::Types types;
  Steps steps;
  layout::Layout layout;         // legal, and one that the trainer does
  std::int64_t micro_batch = 1;  // sequences
  // FLOP/s of this machine's products in the chosen precision, as it was measured; nothing: it was
  // not.
  std::optional<double> product_peak;
  double flops_per_token = 0;  // of one step, forward and backward, products alone
};

// Whether replicas must share a batch evenly. Where one was lost they may not be able to: then
// sequences fill up that do not count (train/feeder.hpp).
enum class Batches : std::uint8_t { whole, filled_up };

// Errors: not_found, and bad_input by file and key: a model that is not known whole, a precision
// that this machine's processor does badly or not at all, a layout that is not legal or not
// trained, no [data].
Result<Setup> make_setup(spec::Run run, const spec::Catalog& catalog,
                         Batches batches = Batches::whole);

// 6 FLOP for each weight that a token passes (the head among them, lookups not), and the scores and
// sums of causal attention. Recomputation does not count.
double flops_per_token(const spec::Model& model, std::int64_t sequence);

}  // namespace celere::train
