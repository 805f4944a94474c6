#include "cost/efficiency.hpp"

#include <algorithm>
#include <cmath>

namespace celere::cost {
namespace {

constexpr double shape_share = 0.49;       // [fitted]
constexpr double unfused_a100 = 140e12;    // FLOP/s of batched products at heads of 128 [fitted]
constexpr double sustained_a100 = 242e12;  // what that chip sustains in large products [fitted]
constexpr double unfused_exponent = 0.6;
constexpr double unfused_misaligned = 0.3;

std::vector<double> logs_of(const std::vector<double>& values, double unit) {
  std::vector<double> logs;
  for (const double value : values) logs.push_back(std::log(value * unit));
  return logs;
}

}  // namespace

Efficiency::Axis::Axis(const std::vector<double>& points) : log_(logs_of(points, 1)) {}

Efficiency::Axis::Place Efficiency::Axis::place(double value) const {
  const double x = std::log(value);
  if (log_.size() == 1 || x <= log_.front()) return {0, 0};
  if (x >= log_.back()) return {log_.size() - 2, 1};
  const auto above = std::upper_bound(log_.begin(), log_.end(), x);
  const std::size_t low = static_cast<std::size_t>(above - log_.begin()) - 1;
  return {low, (x - log_[low]) / (log_[low + 1] - log_[low])};
}

Result<Efficiency> Efficiency::of(const spec::Chip& chip, spec::Precision precision) {
  const bool fp32 = precision == spec::Precision::fp32;
  const spec::Precision wide = fp32 ? spec::Precision::fp32 : spec::Precision::bf16;
  Efficiency e;
  ASSIGN_OR_RETURN(e.sustained_, chip.sustained[static_cast<std::size_t>(precision)].needed_for(
                                     "the time of linear layers"));
  ASSIGN_OR_RETURN(e.sustained_bf16_, chip.sustained[static_cast<std::size_t>(wide)].needed_for(
                                          "the time of the head"));
  ASSIGN_OR_RETURN(
      e.peak_bf16_,
      chip.peak[static_cast<std::size_t>(spec::arithmetic_of(wide))].needed_for("the MFU"));
  ASSIGN_OR_RETURN(const BytesPerSecond bandwidth,
                   chip.memory_bandwidth.needed_for("memory-bound operators"));
  ASSIGN_OR_RETURN(const double share,
                   chip.memory_bandwidth_share.needed_for("memory-bound operators"));
  e.memory_ = bandwidth * share;
  e.m_ = Axis(chip.gemm.m);
  e.n_ = Axis(chip.gemm.n);
  e.k_ = Axis(chip.gemm.k);
  e.m_first_ = chip.gemm.m.front();
  e.gemm_log_ = logs_of(chip.gemm.tflops, 1e12);
  e.best_ = chip.gemm.best_tflops * 1e12;
  e.attention_sequence_ = Axis(chip.attention.sequence);
  e.attention_dim_ = Axis(chip.attention.head_dim);
  e.attention_log_ = logs_of(chip.attention.tflops, 1e12);
  e.attention_heads_ = Axis(chip.attention.heads);
  e.attention_heads_log_ = logs_of(chip.attention.heads_factor, 1);
  e.grouped_tokens_ = Axis(chip.grouped_gemm.tokens_per_expert);
  e.grouped_tokens_first_ = chip.grouped_gemm.tokens_per_expert.front();
  e.grouped_ffn_ = Axis(chip.grouped_gemm.expert_ffn);
  e.grouped_log_ = logs_of(chip.grouped_gemm.tflops, 1e12);
  return e;
}

Seconds Efficiency::shaped(Flops work, double table, FlopsPerSecond sustained) const {
  const double flops = work.in_base();
  return work / sustained + Seconds::of(shape_share * std::max(0.0, flops / table - flops / best_));
}

Seconds Efficiency::gemm_at(double m, double n, double k, FlopsPerSecond sustained) const {
  // Fewer rows than the first point take as long as it.
  const double rows = std::max(m, m_first_);
  const Axis::Place a = m_.place(rows), b = n_.place(n), c = k_.place(k);
  const auto line = [&](std::size_t i, std::size_t j) {
    const double* row = &gemm_log_[(i * n_.size() + j) * k_.size() + c.low];
    return c.weight > 0 ? row[0] + c.weight * (row[1] - row[0]) : row[0];
  };
  const auto plane = [&](std::size_t i) {
    const double low = line(i, b.low);
    return b.weight > 0 ? low + b.weight * (line(i, b.low + 1) - low) : low;
  };
  double log_rate = plane(a.low);
  if (a.weight > 0) log_rate += a.weight * (plane(a.low + 1) - log_rate);
  return shaped(Flops::of(2 * rows * n * k), std::exp(log_rate), sustained);
}

Seconds Efficiency::attention_forward(Flops work, double sequence, double head_dim,
                                      double heads) const {
  const Axis::Place s = attention_sequence_.place(sequence), d = attention_dim_.place(head_dim);
  const auto line = [&](std::size_t i) {
    const double* row = &attention_log_[i * attention_dim_.size() + d.low];
    return d.weight > 0 ? row[0] + d.weight * (row[1] - row[0]) : row[0];
  };
  double log_rate = line(s.low);
  if (s.weight > 0) log_rate += s.weight * (line(s.low + 1) - log_rate);
  const Axis::Place h = attention_heads_.place(heads);
  const double* factor = &attention_heads_log_[h.low];
  log_rate += h.weight > 0 ? factor[0] + h.weight * (factor[1] - factor[0]) : factor[0];
  return Seconds::of(work.in_base() / std::exp(log_rate));
}

FlopsPerSecond Efficiency::unfused_attention_rate(double head_dim) const {
  const bool aligned = std::fmod(head_dim, 8) == 0;
  const double rate = unfused_a100 * std::pow(std::min(1.0, head_dim / 128), unfused_exponent) *
                      (aligned ? 1 : unfused_misaligned);
  return FlopsPerSecond::of(rate / sustained_a100 * sustained_bf16_.in_base());
}

Seconds Efficiency::grouped(Flops work, double tokens_per_expert, double expert_ffn) const {
  // Fewer tokens than the first point take as long as it: the weights must be read all the same.
  const double scale = std::max(1.0, grouped_tokens_first_ / tokens_per_expert);
  const Axis::Place t = grouped_tokens_.place(tokens_per_expert),
                    f = grouped_ffn_.place(expert_ffn);
  const auto line = [&](std::size_t i) {
    const double* row = &grouped_log_[i * grouped_ffn_.size() + f.low];
    return f.weight > 0 ? row[0] + f.weight * (row[1] - row[0]) : row[0];
  };
  double log_rate = line(t.low);
  if (t.weight > 0) log_rate += t.weight * (line(t.low + 1) - log_rate);
  return shaped(work * scale, std::exp(log_rate), sustained_);
}

}  // namespace celere::cost
