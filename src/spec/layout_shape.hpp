// The counts of a model that layout/legal.hpp asks about.
#pragma once

#include "layout/legal.hpp"
#include "spec/model.hpp"

namespace celere::spec {

// Without sequence, global batch and GPUs, which are the run's.
layout::Shape layout_shape(const Model& model);

}  // namespace celere::spec
