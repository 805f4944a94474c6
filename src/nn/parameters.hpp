// The weights of a model: one tensor for each entry of its inventory (spec::tensors), which lie one
// behind the other in three flat buffers, allocated once: values (and their gradients, and where
// products are computed in bfloat16 a copy of the values in that type).
//
// A value is a leaf of autograd whose gradient is defined from the start, so that every backward
// pass adds to the same memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nn/torch.hpp"
#include "spec/model.hpp"

namespace celere::nn {

// In what the weights are kept, and in what products are computed.
struct Types {
  at::ScalarType master = at::kFloat;   // float; double where layouts are compared
  at::ScalarType compute = at::kFloat;  // float, double or bfloat16
};

struct Parameter {
  spec::Tensor what;
  at::Tensor value;    // of Types::master; value.grad() is defined, unless on the meta device
  at::Tensor compute;  // of Types::compute: what products read. value itself where the types agree
  std::int64_t offset = 0;  // in the flat buffers, in elements
};

class Parameters {
 public:
  // Zero. On the meta device nothing is allocated, and shapes can be checked.
  Parameters(const spec::Model& model, Types types, at::Device device);
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  // REQUIRES: the inventory has it.
  const Parameter& operator[](std::string_view name) const;
  const Parameter* find(std::string_view name) const;  // nothing where the inventory lacks it
  // What no one has asked for by name so far: a model that is built asks for all that it uses.
  std::vector<std::string> never_asked() const;
  const std::vector<Parameter>& all() const { return parameters_; }
  Types types() const { return types_; }

  // Draws the weights: element i of tensor t by Philox from (seed, hash of t's name, i), so that a
  // slice can be drawn alone and no layout changes a weight. Norms are one, biases zero.
  void initialise(const spec::Model& model, std::uint64_t seed);

  void refresh();  // the copies in the compute type, from the values
  void zero_gradients();

  // One element an element of the inventory, and padding that stays zero.
  const at::Tensor& flat_values() const { return values_; }
  const at::Tensor& flat_gradients() const { return gradients_; }

 private:
  Types types_;
  at::Tensor values_, gradients_, copies_;
  std::vector<Parameter> parameters_;
  mutable std::vector<bool> asked_;
  std::unordered_map<std::string_view, std::size_t> places_;
};

}  // namespace celere::nn
