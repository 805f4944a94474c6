// Small models of every kind that the catalogue has, with odd widths, for tests.
#pragma once

#include <vector>

#include "nn/batch.hpp"
#include "nn/parameters.hpp"
#include "spec/model.hpp"

namespace celere::nn {

struct TestModel {
  const char* name;
  spec::Model model;
};
std::vector<TestModel> test_models();

// Two sequences of 37 positions, a document boundary inside the first, three rows that do not
// count: 71 that do.
Batch odd_batch(const spec::Model& model);

// Drawn weights, and norms, biases and tables away from one and zero: or their part in a product
// would not be seen.
void draw_all(const spec::Model& model, Parameters& parameters);

}  // namespace celere::nn
