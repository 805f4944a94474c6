// Pieces of a graph that are computed again in the backward pass instead of being kept [Chen et al.
// 2016], and places in a graph at which someone wants to be told.
#pragma once

#include <functional>
#include <vector>

#include "nn/torch.hpp"

namespace celere::nn {

using Tensors = std::vector<at::Tensor>;  // all defined
using Piece = std::function<Tensors(const Tensors&)>;

// piece(inputs), of which only the inputs are kept. Computed twice, it must give the same twice.
Tensors rerun(const Tensors& inputs, const Piece& piece);

// The same tensors; `tell` is called when the backward pass comes through them.
Tensors noticed(const Tensors& tensors, const std::function<void()>& tell);

}  // namespace celere::nn
