// How fast a chip runs a shape: the tables of spec/chip.hpp, made ready for many lookups.
//
//   linear layer   t = F / sustained + s (F / table(m, n, k) - F / best)
//
// where table is interpolated in the logarithms of m, n and k, best its 97th percentile, sustained what the chip holds for hours,
// and only the first term gains from 8 and 4 bit formats. s (shape_share) is fitted: see the chip entries.
// Attention and grouped products are read from their tables (useful work over TFLOP/s).
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/chip.hpp"
#include "spec/precision.hpp"

namespace celere::cost {

class Efficiency {
 public:
  // Errors: unknown_value where the chip lacks what `precision` needs (a sustained rate, a table), naming the entry.
  static Result<Efficiency> of(const spec::Chip& chip, spec::Precision precision);

  // C[m, n] = A[m, k] B[k, n] in the precision of the run. REQUIRES: all >= 1.
  Seconds gemm(double m, double n, double k) const;
  // The same in bf16 whatever the run's precision: the head, the router, attention's own products.
  Seconds gemm_bf16(double m, double n, double k) const;

  // Causal attention forward for `work` useful FLOP at this sequence length, head size and heads on the rank.
  Seconds attention_forward(Flops work, double sequence, double head_dim, double heads) const;

  // Rate of the grouped products of experts of this width at so many tokens an expert.
  FlopsPerSecond grouped(double tokens_per_expert, double expert_ffn) const;

  // Time of a memory-bound operator: bytes over what such kernels achieve.
  Seconds memory(Bytes bytes) const;

  FlopsPerSecond sustained() const { return sustained_; }
  FlopsPerSecond peak() const { return peak_; }             // of the run's arithmetic
  FlopsPerSecond peak_bf16() const { return peak_bf16_; }   // what MFU is counted against
};

}  // namespace celere::cost
