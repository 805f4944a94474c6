// How fast a chip runs a shape: the tables of spec/curves.hpp, made ready for many look-ups.
//
//   linear layer     t = F / sustained + s (F / table(m, n, k) - F / best)
//   grouped product  the same with its own table, or one product an expert, whichever is faster
//   attention        t = useful F / table(sequence, head size, heads x batch)
//   memory-bound     t = bytes / (share * bandwidth)
//
// Tables are linear in logarithms, best is the 97th percentile of the rows behind the table,
// sustained what the chip holds for hours; only the first term gains from 8 and 4 bit formats.
// s is the stack's shape_share: part of what a short benchmark loses on a small shape is hidden in
// a training. What a shape gains over `best` is not credited: a throttled chip does not have it to
// give. Before FlashAttention the batched products reached a share of the sustained rate that falls
// with small heads and where 8 does not divide the head size (spec/stack.hpp).
//
// Leaves out: attention backward, casts and launches (cost/layer.hpp).
#pragma once

#include <memory>

#include "base/result.hpp"
#include "base/units.hpp"
#include "cost/log_table.hpp"
#include "spec/chip.hpp"
#include "spec/precision.hpp"

namespace celere::cost {

// What of a chip's rates the software reaches: fields of spec::Stack.
struct SoftwareShares {
  double shape_share = 0;
  double unfused_share = 1, unfused_exponent = 0, unfused_misaligned = 1;
};

class Efficiency {
 public:
  // `like`: of a chip with the same tables. Errors: unknown_value where the chip lacks what
  // `precision` needs, naming the entry.
  static Result<Efficiency> of(const spec::Chip& chip, spec::Precision precision,
                               const SoftwareShares& software, const Efficiency* like = nullptr);

  // C[m, n] = A[m, k] B[k, n] in the precision of the run. Fewer rows than the table's first take
  // as long as it. REQUIRES: all > 0.
  Seconds gemm(double m, double n, double k) const { return gemm_at(m, n, k, sustained_); }
  // The same in bf16 (fp32 runs: in fp32): the head, the router.
  Seconds gemm_bf16(double m, double n, double k) const {
    return gemm_at(m, n, k, sustained_bf16_);
  }

  // Causal attention forward for `work` useful FLOP at this sequence length, head size, and heads
  // x batch on the rank.
  Seconds attention_forward(Flops work, double sequence, double head_dim, double heads) const;
  FlopsPerSecond unfused_attention_rate(double head_dim) const;

  // The grouped products of experts of this width at so many tokens an expert. Fewer tokens than
  // the table's first take as long as it: the weights must be read all the same.
  Seconds grouped(Flops work, double tokens_per_expert, double expert_ffn) const;

  // Time of a memory-bound operator: bytes over what such kernels achieve.
  Seconds memory(Bytes bytes) const { return bytes / memory_; }

  FlopsPerSecond sustained() const { return sustained_; }
  FlopsPerSecond sustained_bf16() const { return sustained_bf16_; }
  // What MFU is counted against; fp32 runs: the fp32 peak.
  FlopsPerSecond peak_bf16() const { return peak_bf16_; }

 private:
  Efficiency() = default;
  Seconds gemm_at(double m, double n, double k, FlopsPerSecond sustained) const;
  // work / sustained + s (work / table - work / best); `table` in FLOP/s.
  Seconds shaped(Flops work, double table, FlopsPerSecond sustained) const;

  struct Tables {
    LogTable gemm;       // m, n, k; FLOP/s
    LogTable attention;  // sequence, head size, heads
    LogTable grouped;    // tokens an expert, width
    double best = 0;     // FLOP/s
    explicit Tables(const spec::Chip& chip);
  };
  std::shared_ptr<const Tables> tables_;
  FlopsPerSecond sustained_, sustained_bf16_, peak_bf16_;
  BytesPerSecond memory_;
  SoftwareShares software_;
};

}  // namespace celere::cost
