// The operators that a decoder is written in. Each is one function with two forms that compute the
// same: the fast one, on a CPU in float or bfloat16, whose passes over memory are fused
// (kernels/kernels.hpp) and which adds the gradient of a weight straight to the weight's own; and
// the plain one, ATen operators under autograd, for double, other devices and as the reference that
// ops_test.cpp holds the fast one against.
//
// Rows are positions: [rows, width]. The residual stream is of the master type, branches of the
// compute type.
//
// Where a weight is cut over ranks, its operator computes what this rank has of it and does the
// collectives that make the whole (nn/collectives.hpp), so who writes a model need not know:
//
//   widening products (cut by outputs)   the rows of all ranks of tp in, some of the columns out
//   returning ones (cut by inputs)       some of the columns in, the sum over tp out
//   lookups, the head                    a range of the vocabulary
//   attention                            some of the heads, and of the positions (cp)
//
// With sequence parallelism the stream has on each rank of tp its share of the rows, else all.
#pragma once

#include <utility>
#include <vector>

#include "nn/kernels/kernels.hpp"
#include "nn/mesh.hpp"
#include "nn/parameters.hpp"
#include "nn/torch.hpp"

namespace celere::nn {

// A norm: bias and centring for a layer norm.
struct NormWords {
  const Parameter* weight = nullptr;
  const Parameter* bias = nullptr;
  bool centred = false;
  double epsilon = 1e-5;
};

struct RotaryWords {
  const Parameter* norm = nullptr;  // of each head, before it turns; nothing: none
  double epsilon = 1e-5;
  std::int64_t heads = 0, dim = 0;
  std::int64_t rotated = 0;  // of dim, from the front; 0: positions do not enter
  at::Tensor cosine, sine;   // [positions, rotated / 2] float
};

// Angles of the rotary positions: position / theta^(2 i / rotated) [Su et al. 2021].
void rotary_tables(std::int64_t positions, std::int64_t rotated, double theta, at::Tensor& cosine,
                   at::Tensor& sine);

struct AttentionWords {
  std::int64_t heads = 0, kv_heads = 0, dim = 0, value_dim = 0;
  double scale = 0;
  double soft_cap = 0;
  const Parameter* sinks = nullptr;
  std::int64_t sinks_first = 0;  // of `heads` sinks, the first
};

// A product: x weight' + bias.
struct LinearWords {
  const Parameter* weight = nullptr;
  const Parameter* bias = nullptr;  // nothing: none
};

struct HeadWords {
  const Parameter* weight = nullptr;  // [vocab, hidden]
  double logit_scale = 1, soft_cap = 0;
};

class Ops {
 public:
  // `table`: nothing for the plain forms alone. `mesh`: nothing for one rank; it must outlive the
  // graphs.
  Ops(Types types, const kernels::Table* table, const Mesh* mesh = nullptr)
      : types_(types), table_(table), mesh_(mesh) {}

  Types types() const { return types_; }
  const kernels::Table* table() const { return table_; }
  const Mesh* mesh() const { return mesh_; }
  bool fast() const { return table_ != nullptr && types_.master == at::kFloat; }

  // Rows of a table, in the master type: the beginning of the stream. `index` int64.
  at::Tensor embed(const Parameter& table, const at::Tensor& index, double scale) const;
  // x + rows of the table, in x's type.
  at::Tensor add_embedding(const at::Tensor& x, const Parameter& table,
                           const at::Tensor& index) const;

  // x W' (+ bias), in the compute type.
  at::Tensor linear(const at::Tensor& x, const Parameter& weight, const Parameter* bias) const;
  // Several products of the same rows.
  std::vector<at::Tensor> linears(const at::Tensor& x, const std::vector<LinearWords>& words) const;
  // What every head reads alike, for the heads that this rank has.
  at::Tensor for_all_heads(const at::Tensor& x) const;

  // (x + branch, its norm in the compute type); `branch` undefined: (x, its norm).
  std::pair<at::Tensor, at::Tensor> add_norm(const at::Tensor& x, const at::Tensor& branch,
                                             const NormWords& words) const;
  // The norm of a branch, in the compute type.
  at::Tensor norm(const at::Tensor& x, const NormWords& words) const;

  // x of [rows, heads dim], each head normed and turned by its position.
  at::Tensor rotary(const at::Tensor& x, const RotaryWords& words,
                    const at::Tensor& position) const;

  // Causal attention inside documents: q [rows, heads dim] and so on, start [rows] int32.
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const at::Tensor& start, std::int64_t length,
                    const AttentionWords& words) const;

  // Attention of the last rows of one sequence over all its keys and values so far: q [rows, heads
  // dim], k and v [positions, kv_heads dim]. No gradient.
  at::Tensor attend_cached(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const AttentionWords& words) const;

  // gate(a), times b where it is defined.
  at::Tensor activate(const at::Tensor& a, const at::Tensor& b, kernels::Gate gate) const;

  // scale x the sum of the cross-entropies of the rows that count; a scalar of the master type. No
  // more than a few hundred rows of logits exist at a time. The gradient that comes back to it must
  // be one: losses may be added, not weighed.
  at::Tensor head_loss(const at::Tensor& x, const HeadWords& words, const at::Tensor& targets,
                       const at::Tensor& counted, double scale) const;
  // Logits in the master type.
  at::Tensor logits(const at::Tensor& x, const HeadWords& words) const;

 private:
  int ranks(layout::Axis axis) const { return mesh_ == nullptr ? 1 : (*mesh_)[axis].size(); }
  // The rows of all ranks of tp, whose gradient is a sum over them; and the way back.
  at::Tensor enter(const at::Tensor& x) const;
  at::Tensor leave(const at::Tensor& x) const;
  // Of an index for all rows of tp, those of a stream that has so many.
  at::Tensor own_rows(const at::Tensor& index, std::int64_t rows) const;
  at::Tensor local_linear(const at::Tensor& x, const LinearWords& words) const;
  at::Tensor looked_up(const Parameter& table, const at::Tensor& index, double scale) const;
  // Attention where other ranks have other positions of the sequences (nn/ops_context.cpp).
  at::Tensor attend_context(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& start, std::int64_t length,
                            const AttentionWords& words) const;
  at::Tensor attend_here(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const at::Tensor& start, std::int64_t length,
                         const AttentionWords& words) const;
  at::Tensor head_loss_cut(const at::Tensor& x, const HeadWords& words, const at::Tensor& targets,
                           const at::Tensor& counted, double scale) const;

  Types types_;
  const kernels::Table* table_;
  const Mesh* mesh_;
};

}  // namespace celere::nn
