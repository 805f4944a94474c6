#include "cost/efficiency.hpp"

#include <algorithm>
#include <cmath>

namespace celere::cost {
namespace {

constexpr double tera = 1e12;
constexpr double unfused_full_head = 128;

template <std::size_t N>
Result<FlopsPerSecond> rate_of(const std::array<spec::Fact<FlopsPerSecond>, N>& rates,
                               std::size_t which, const char* what) {
  return rates[which].needed_for(what);
}

}  // namespace

Efficiency::Tables::Tables(const spec::Chip& chip)
    : gemm({.x = chip.gemm.m,
            .y = chip.gemm.n,
            .z = chip.gemm.k,
            .values = chip.gemm.tflops,
            .unit = tera}),
      attention({.x = chip.attention.sequence,
                 .y = chip.attention.head_dim,
                 .z = chip.attention.heads,
                 .values = chip.attention.tflops,
                 .unit = tera}),
      grouped({.x = chip.grouped_gemm.tokens_per_expert,
               .y = chip.grouped_gemm.expert_ffn,
               .z = {1},
               .values = chip.grouped_gemm.tflops,
               .unit = tera}),
      best(chip.gemm.best_tflops * tera) {}

Result<Efficiency> Efficiency::of(const spec::Chip& chip, spec::Precision precision,
                                  const SoftwareShares& software, const Efficiency* like) {
  const bool fp32 = precision == spec::Precision::fp32;
  const spec::Precision wide = fp32 ? spec::Precision::fp32 : spec::Precision::bf16;
  Efficiency e;
  e.software_ = software;
  ASSIGN_OR_RETURN(e.sustained_, rate_of(chip.sustained, static_cast<std::size_t>(precision),
                                         "the time of linear layers"));
  ASSIGN_OR_RETURN(e.sustained_bf16_,
                   rate_of(chip.sustained, static_cast<std::size_t>(wide), "the time of the head"));
  ASSIGN_OR_RETURN(
      e.peak_bf16_,
      rate_of(chip.peak, static_cast<std::size_t>(spec::arithmetic_of(wide)), "the MFU"));
  ASSIGN_OR_RETURN(const BytesPerSecond bandwidth,
                   chip.memory_bandwidth.needed_for("the time of memory-bound operators"));
  ASSIGN_OR_RETURN(const double share,
                   chip.memory_bandwidth_share.needed_for("the time of memory-bound operators"));
  e.memory_ = bandwidth * share;
  e.tables_ = like != nullptr ? like->tables_ : std::make_shared<const Tables>(chip);
  return e;
}

Seconds Efficiency::shaped(Flops work, double table, FlopsPerSecond sustained) const {
  const double lost = std::max(0.0, 1 / table - 1 / tables_->best);
  return work / sustained + Seconds::of(software_.shape_share * lost * work.in_base());
}

Seconds Efficiency::gemm_at(double m, double n, double k, FlopsPerSecond sustained) const {
  const double rows = std::max(m, tables_->gemm.first_x());
  return shaped(Flops::of(2 * rows * n * k), tables_->gemm.at(rows, n, k), sustained);
}

Seconds Efficiency::attention_forward(Flops work, double sequence, double head_dim,
                                      double heads) const {
  return work / FlopsPerSecond::of(tables_->attention.at(sequence, head_dim, heads));
}

FlopsPerSecond Efficiency::unfused_attention_rate(double head_dim) const {
  const bool aligned = std::fmod(head_dim, 8) == 0;
  const double head =
      std::pow(std::min(1.0, head_dim / unfused_full_head), software_.unfused_exponent);
  const double share = software_.unfused_share * head;
  return share * (aligned ? 1 : software_.unfused_misaligned) * sustained_bf16_;
}

// The fused kernels behind the table were tuned for inference and lose half of the speed on wide
// experts, where a product for each expert is as fast as any other linear layer. The width stands
// for both of that product's other sides: it is the lesser one where experts are narrow, and on the
// plateau where they are wide.
Seconds Efficiency::grouped(Flops work, double tokens_per_expert, double expert_ffn) const {
  const double fused_tokens = std::max(tokens_per_expert, tables_->grouped.first_x());
  const double single_tokens = std::max(tokens_per_expert, tables_->gemm.first_x());
  const Seconds fused = shaped(work * (fused_tokens / tokens_per_expert),
                               tables_->grouped.at(fused_tokens, expert_ffn, 1), sustained_);
  const Seconds single =
      shaped(work * (single_tokens / tokens_per_expert),
             tables_->gemm.at(single_tokens, expert_ffn, expert_ffn), sustained_);
  return min(fused, single);
}

}  // namespace celere::cost
