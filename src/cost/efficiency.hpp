// How fast a chip runs a shape: the tables of spec/curves.hpp, made ready for many lookups.
//
//   linear layer     t = F / sustained + s (F / table(m, n, k) - F / best)
//   grouped product  the same with its own table
//
// where table is interpolated in the logarithms of m, n and k, best its 97th percentile, sustained
// what the chip holds for hours, and only the first term gains from 8 and 4 bit formats. s = 0.49
// was fitted on published runs of MLPerf Training, NeMo and Megatron-LM: part of what a short
// benchmark loses on a small shape is hidden in a training. Attention is read from its table
// (useful work over TFLOP/s). Before FlashAttention its batched products ran at 140 TFLOP/s (d /
// 128)^0.6 on an A100 for head sizes d up to 128, at 0.3 of that where 8 does not divide d [fitted
// on Megatron-LM 2021 and BLOOM], and in the ratio of sustained rates on other chips.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "spec/chip.hpp"
#include "spec/precision.hpp"

namespace celere::cost {

class Efficiency {
 public:
  // Errors: unknown_value where the chip lacks what `precision` needs, naming the entry.
  static Result<Efficiency> of(const spec::Chip& chip, spec::Precision precision);

  // C[m, n] = A[m, k] B[k, n] in the precision of the run. REQUIRES: all > 0.
  Seconds gemm(double m, double n, double k) const { return gemm_at(m, n, k, sustained_); }
  // The same in bf16 (fp32 runs: in fp32): the head, the router.
  Seconds gemm_bf16(double m, double n, double k) const {
    return gemm_at(m, n, k, sustained_bf16_);
  }

  // Causal attention forward for `work` useful FLOP at this sequence length, head size, and heads x
  // batch on the rank.
  Seconds attention_forward(Flops work, double sequence, double head_dim, double heads) const;
  FlopsPerSecond unfused_attention_rate(double head_dim) const;

  // The grouped products of experts of this width at so many tokens an expert.
  Seconds grouped(Flops work, double tokens_per_expert, double expert_ffn) const;

  // Time of a memory-bound operator: bytes over what such kernels achieve.
  Seconds memory(Bytes bytes) const { return bytes / memory_; }

  FlopsPerSecond sustained() const { return sustained_; }
  FlopsPerSecond sustained_bf16() const { return sustained_bf16_; }
  FlopsPerSecond peak_bf16() const {
    return peak_bf16_;
  }  // what MFU is counted against; fp32 runs: the fp32 peak

 private:
  // The logarithms of increasing points.
  class Axis {
   public:
    Axis() = default;
    explicit Axis(const std::vector<double>& points);
    struct Place {
      std::size_t low;
      double weight;  // of the next point
    };
    Place place(double value) const;
    std::size_t size() const { return log_.size(); }

   private:
    std::vector<double> log_;
  };

  Efficiency() = default;
  Seconds gemm_at(double m, double n, double k, FlopsPerSecond sustained) const;
  // work / sustained + s (work / table - work / best), never below what the table's best shape
  // would take.
  Seconds shaped(Flops work, double table, FlopsPerSecond sustained) const;

  Axis m_, n_, k_;
  double m_first_ = 1;
  std::vector<double> gemm_log_;  // of FLOP/s
  Axis attention_sequence_, attention_dim_, attention_heads_;
  std::vector<double> attention_log_, attention_heads_log_;
  Axis grouped_tokens_, grouped_ffn_;
  double grouped_tokens_first_ = 1;
  std::vector<double> grouped_log_;
  double best_ = 0;  // FLOP/s
  FlopsPerSecond sustained_, sustained_bf16_, peak_bf16_;
  BytesPerSecond memory_;
};

}  // namespace celere::cost
