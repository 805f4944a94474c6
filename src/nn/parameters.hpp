// The weights of a model that this rank holds: of each entry of its inventory (spec::tensors) that
// its place in the layout needs, the part that it needs (nn/held.hpp), in flat buckets
// (nn/bucket.hpp): values and their gradients, and where products are computed in bfloat16 a copy
// of the values in that type. On one rank that is all of everything.
//
// A value is a leaf of autograd whose gradient is defined from the start, so that every backward
// pass adds to the same memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nn/bucket.hpp"
#include "nn/mesh.hpp"
#include "nn/torch.hpp"
#include "spec/model.hpp"

namespace celere::nn {

// In what the weights are kept, and in what products are computed.
struct Types {
  at::ScalarType master = at::kFloat;   // float; double where layouts are compared
  at::ScalarType compute = at::kFloat;  // float, double or bfloat16
};

struct Parameter {
  spec::Tensor what;  // the whole
  Held held;          // which part of it this is
  // Of the part's shape; value.grad() is defined, unless on the meta device.
  at::Tensor value;    // of Types::master
  at::Tensor compute;  // of Types::compute: what products read. value itself where the types agree
  std::size_t bucket = 0;
  std::int64_t offset = 0;  // in the bucket, in elements

  const checkpoint::Shape& shape() const { return held.slice.extent; }
  std::int64_t count() const { return checkpoint::count(held.slice.extent); }
};

class Parameters {
 public:
  // Zero. On the meta device nothing is allocated, and shapes can be checked.
  Parameters(const spec::Model& model, Types types, at::Device device);
  // The mesh must outlive it.
  Parameters(const spec::Model& model, Types types, at::Device device, const Mesh& mesh);
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  // REQUIRES: the rank holds it.
  const Parameter& operator[](std::string_view name) const;
  const Parameter* find(std::string_view name) const;  // nothing where the rank holds none
  // What no one has asked for by name so far: a model that is built asks for all that it uses.
  std::vector<std::string> never_asked() const;
  const std::vector<Parameter>& all() const { return parameters_; }
  Types types() const { return types_; }
  const Mesh& mesh() const { return *mesh_; }

  // Draws the weights: element i of tensor t by Philox from (seed, hash of t's name, i), so that
  // each rank draws its part and no layout changes a weight. Norms are one, biases zero.
  void initialise(const spec::Model& model, std::uint64_t seed);

  void values_changed();  // by hand, on all ranks alike: shards and copies follow
  void shards_changed();  // as a checkpoint filled them, and values where they are kept
  void zero_gradients();

  // All values that this rank keeps, one behind the other: a copy, to compare.
  at::Tensor copied_values() const;

  std::vector<std::unique_ptr<Bucket>>& buckets() { return buckets_; }
  const std::vector<std::unique_ptr<Bucket>>& buckets() const { return buckets_; }
  // Those of a unit (BucketKind::unit). REQUIRES: it is in [-1, model.layers].
  const std::vector<Bucket*>& buckets_of(int unit) const {
    return units_[static_cast<std::size_t>(unit + 1)];
  }

 private:
  void place(const spec::Model& model);
  Types types_;
  at::Device device_;
  const Mesh* mesh_;
  std::vector<Parameter> parameters_;
  std::vector<std::unique_ptr<Bucket>> buckets_;
  std::vector<std::vector<Bucket*>> units_;
  mutable std::vector<bool> asked_;
  std::unordered_map<std::string_view, std::size_t> places_;
};

}  // namespace celere::nn
