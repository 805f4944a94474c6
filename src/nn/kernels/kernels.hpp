// The loops over memory that ATen needs several passes for: one table of functions, built for AVX2
// and for AVX-512, chosen by what the processor has.
//
// Each function works on a range of rows and starts no thread: the caller (nn/ops) shares the rows
// out. T is float or BFloat16: the type that matrix products are computed in; statistics and sums
// are float. Every function has a plain reference of ATen operators beside it in nn/ops, which
// kernels_test.cpp holds it against.
#pragma once

#include <c10/util/BFloat16.h>

#include <cstdint>

namespace celere::nn::kernels {

// Rows [begin, end) of what the other arguments describe.
struct Rows {
  std::int64_t begin = 0, end = 0;
};

// sum = x + branch (where there is one); out = weight * (sum - mean) / sqrt(variance + epsilon) +
// bias. An RMS norm has no mean and no bias.
template <typename T>
struct NormForward {
  const float* x = nullptr;   // [rows, width]
  const T* branch = nullptr;  // [rows, width], or nothing: then sum is x and is not written
  float* sum = nullptr;
  const float* weight = nullptr;  // [width]
  const float* bias = nullptr;    // [width] or nothing
  T* out = nullptr;
  float* inverse = nullptr;  // [rows]: 1 / sqrt(...)
  float* mean = nullptr;     // [rows]; nothing for an RMS norm
  std::int64_t width = 0;
  float epsilon = 0;
};

template <typename T>
struct NormBackward {
  const float* sum = nullptr;
  const T* gradient = nullptr;        // of out
  const float* from_above = nullptr;  // of sum, by its other uses; or nothing
  const float* weight = nullptr;
  const float* inverse = nullptr;
  const float* mean = nullptr;
  float* gradient_sum = nullptr;     // [rows, width]: what x gets
  T* gradient_branch = nullptr;      // the same in T, or nothing
  float* gradient_weight = nullptr;  // [width], added to
  float* gradient_bias = nullptr;    // [width], added to, or nothing
  std::int64_t width = 0;
};

// Rotary positions [Su et al. 2021] on pairs (i, i + rotated / 2) of each head, behind an RMS norm
// of the head where there is a weight.
template <typename T>
struct Rotary {
  const T* x = nullptr;  // [rows, heads * dim]
  T* out = nullptr;
  const float* weight = nullptr;  // [dim] of the norm, or nothing
  float* inverse = nullptr;       // [rows, heads], with a weight
  const float* cosine = nullptr;  // [positions, rotated / 2]
  const float* sine = nullptr;
  const std::int32_t* position = nullptr;  // [rows]
  std::int64_t heads = 0, dim = 0, rotated = 0;
  float epsilon = 0;
  // Backward: gradient of `out` in, of `x` out (x is then the input of the forward pass).
  const T* gradient = nullptr;
  T* gradient_x = nullptr;
  float* gradient_weight = nullptr;  // [dim], added to
};

enum class Gate : std::uint8_t { gelu, relu_squared, silu };  // gelu: the tanh form

template <typename T>
struct Activate {
  const T* a = nullptr;  // [count]
  const T* b = nullptr;  // [count], multiplied: or nothing, where the MLP is not gated
  T* out = nullptr;
  const T* gradient = nullptr;  // backward
  T* gradient_a = nullptr;
  T* gradient_b = nullptr;
  Gate gate = Gate::silu;
};

// Cross-entropy of rows of logits, whose gradient replaces them.
template <typename T>
struct CrossEntropy {
  T* logits = nullptr;                    // [rows, vocab]; gradient of scale * loss afterwards
  const std::int64_t* target = nullptr;   // [rows]
  const std::uint8_t* counted = nullptr;  // [rows]: 0 where the row does not count
  float* loss = nullptr;                  // [rows], 0 where it does not count
  std::int64_t vocab = 0;
  float logit_scale = 1;  // logits are multiplied by it first
  float soft_cap = 0;     // then become cap tanh(logit / cap); 0: not
  float scale = 1;        // of the gradient
  bool with_gradient = true;
};

// Causal attention of one (sequence, key-value head) after the other: `rows` count these pairs,
// heads within a sequence. Position i of a sequence sees positions [start[i], i].
template <typename T>
struct Attend {
  const T* q = nullptr;                 // [sequences * length, heads * dim]
  const T* k = nullptr;                 // [sequences * length, kv_heads * dim]
  const T* v = nullptr;                 // [sequences * length, kv_heads * value_dim]
  T* out = nullptr;                     // [sequences * length, heads * value_dim]
  float* log_sum = nullptr;             // [sequences * length, heads]: of exp(score)
  const std::int32_t* start = nullptr;  // [sequences * length]
  std::int64_t length = 0, heads = 0, kv_heads = 0, dim = 0, value_dim = 0;
  float scale = 1;
  // Backward.
  const T* gradient = nullptr;  // of out
  T* gradient_q = nullptr;
  T* gradient_k = nullptr;
  T* gradient_v = nullptr;
  float* scratch = nullptr;  // attend_scratch() floats, of the thread that calls
};
// Floats that one call of attend_forward or attend_backward needs.
std::int64_t attend_scratch(std::int64_t length, std::int64_t dim, std::int64_t value_dim);

// Rows of tokens and of expert slots: each token has `choices` slots, at place[token][choice] (-1:
// dropped). combine: token_rows from slot_rows; spread: slot_rows_out from token_rows_in, and the
// gradient of the weights from slot_rows.
template <typename T>
struct Slots {
  const std::int64_t* place = nullptr;  // [tokens, choices]
  const float* weights = nullptr;       // [tokens, choices], or nothing: one
  const T* slot_rows = nullptr;
  T* token_rows = nullptr;
  const T* token_rows_in = nullptr;
  T* slot_rows_out = nullptr;
  float* gradient_weights = nullptr;
  std::int64_t choices = 0, width = 0;
};

// AdamW [Loshchilov and Hutter 2019] on one flat piece.
struct AdamW {
  float* weight = nullptr;
  const float* gradient = nullptr;
  float* mean = nullptr;
  float* square = nullptr;
  c10::BFloat16* copy = nullptr;  // of the new weight, or nothing
  float gradient_scale = 1;       // clipping
  float learning_rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
  float correction1 = 1, correction2 = 1;  // 1 - beta^step
};

template <typename T>
struct TypedTable {
  void (*norm_forward)(const NormForward<T>&, Rows);
  void (*norm_backward)(const NormBackward<T>&, Rows);
  void (*rotary_forward)(const Rotary<T>&, Rows);
  void (*rotary_backward)(const Rotary<T>&, Rows);
  void (*activate_forward)(const Activate<T>&, Rows);
  void (*activate_backward)(const Activate<T>&, Rows);
  void (*cross_entropy)(const CrossEntropy<T>&, Rows);
  void (*attend_forward)(const Attend<T>&, Rows);
  void (*attend_backward)(const Attend<T>&, Rows);
  void (*combine)(const Slots<T>&, Rows);
  void (*spread)(const Slots<T>&, Rows);
};

struct Table {
  TypedTable<float> f32;
  TypedTable<c10::BFloat16> bf16;
  void (*adamw)(const AdamW&, Rows);
  void (*add_bf16)(float* to, const c10::BFloat16* from, Rows);  // to += from
  double (*sum_of_squares)(const float*, Rows);

  template <typename T>
  const TypedTable<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return bf16;
    }
  }
};

enum class Capability : std::uint8_t { plain, avx2, avx512 };
Capability capability_here();  // plain: neither, and nn/ops uses its references
const char* name_of(Capability capability);

// REQUIRES: the processor has it; not plain.
const Table& table_of(Capability capability);

}  // namespace celere::nn::kernels
