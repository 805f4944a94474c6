// Which part of a tensor a rank holds: the box that its place in the layout cuts from the tensor's
// shard rule (spec/tensors.cpp), and how its gradient becomes whole.
//
// A dimension of n cut by size ranks: rank r has [n r / size, n (r + 1) / size), so that what does
// not divide (a vocabulary) needs no padding. Key-value heads that are fewer than the ranks of tp
// are whole heads, held by neighbours alike.
#pragma once

#include "checkpoint/slice.hpp"
#include "layout/layout.hpp"
#include "layout/place.hpp"
#include "spec/model.hpp"

namespace celere::nn {

enum class Sharing : std::uint8_t {
  split,         // over tp: no two ranks of it hold the same
  kv,            // over tp, with neighbours that hold the same: their gradients are parts of a sum
  parts,         // the same on all ranks of tp, whose gradients are parts of a sum
  alike,         // the same on all ranks of tp, and so are its gradients
  expert,        // over ep and etp
  expert_parts,  // over ep; the same on all ranks of etp, whose gradients are parts of a sum
};

struct Held {
  checkpoint::Slice slice;
  Sharing sharing = Sharing::alike;
};

Held held_part(const spec::Tensor& tensor, const spec::Model& model, const layout::Layout& layout,
               const layout::Place& place);

// The rank's stage, or one of its virtual ones, computes with it.
bool is_held(const spec::Tensor& tensor, const spec::Model& model, const layout::Layout& layout,
             int stage);

}  // namespace celere::nn
