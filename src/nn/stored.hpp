// Weights and optimizer state between memory and a checkpoint: the names under which they are
// stored, the views that a writer copies, and the reading back.
//
// A weight is stored under its name of the inventory; of the optimizer's state, what belongs to a
// weight under "mean.NAME", "square.NAME" or "momentum.NAME", with the weight's shape, so that
// another layout or another optimizer's grouping finds it.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/reader.hpp"
#include "checkpoint/writer.hpp"
#include "nn/optimizer.hpp"
#include "nn/parameters.hpp"

namespace celere::nn {

// What this rank stores: of what it updates, that which no other rank stores. Valid as long as the
// parameters and the optimizer are. `optimizer`: nothing for weights alone.
std::vector<checkpoint::TensorView> stored_views(const Parameters& parameters,
                                                 const Optimizer* optimizer);

// What load() will read of a checkpoint with both.
std::vector<checkpoint::Wanted> wanted(const Parameters& parameters, const Optimizer& optimizer);

// Hash of names and shapes of a model's tensors, as a manifest says it.
std::string inventory_hash(const spec::Model& model);

// Reads this rank's weights (and the optimizer's state), whatever layout stored them, and makes the
// compute copies. Errors: those of the checkpoint; bad_input naming each tensor of the model that
// is missing, too many or of another shape.
Status load(const checkpoint::Checkpoint& from, const spec::Model& model, Parameters& parameters,
            Optimizer* optimizer);

}  // namespace celere::nn
