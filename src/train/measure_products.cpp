#include "train/measure_products.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "nn/kernels/kernels.hpp"
#include "nn/ops.hpp"

namespace celere::train {
namespace {

constexpr Seconds product_time = 30_ms;
// A run that another program interrupts takes many times as long: one alone says nothing, unless it
// is long itself.
constexpr int runs_least = 3;
constexpr double long_run = 8;

std::string name_of(at::ScalarType type) { return type == at::kFloat ? "fp32" : "bf16"; }

// Not zeros, which a processor may multiply faster.
at::Tensor filled(const std::vector<std::int64_t>& shape, at::ScalarType type) {
  return at::full(shape, 0.125, at::TensorOptions(type));
}

std::function<void()> product_of(Product product, at::ScalarType type) {
  const at::Tensor a = filled({product.m, product.k}, type);
  const at::Tensor b = filled({product.n, product.k}, type);
  return
      [a, b = b.t(), c = filled({product.m, product.n}, type)]() mutable { at::mm_out(c, a, b); };
}

// One product over and over.
class Repeated {
 public:
  // The largest that runs four times in each quarter of the time, by what a probe found.
  Repeated(at::ScalarType type, double probed, Seconds time) : type_(type) {
    constexpr double least_runs = 16;
    for (const std::int64_t side : {512, 1024, 2048}) {
      const Product larger{side, side, side};
      if (least_runs * larger.flop() < probed * time.in_base()) product_ = larger;
    }
    run_ = product_of(product_, type);
    run_();
  }

  void run(Clock& clock, Seconds time) {
    const Instant begin = clock.now();
    double done = 0;
    Seconds spent;
    do {
      run_();
      done += product_.flop();
      spent = clock.now() - begin;
    } while (spent < time);
    spent_ += spent;
    best_ = std::max(best_, done / spent.in_base());
  }

  wire::SustainedMeasured measured() const {
    return {.precision = name_of(type_), .time_s = spent_.in_base(), .flop_per_s = best_};
  }

 private:
  at::ScalarType type_;
  Product product_{128, 128, 128};
  std::function<void()> run_;
  double best_ = 0;  // FLOP/s
  Seconds spent_;
};

}  // namespace

Seconds best_time(Clock& clock, Seconds budget, const std::function<void()>& run) {
  const auto timed = [&] {
    const Instant begin = clock.now();
    run();
    return clock.now() - begin;
  };
  const Seconds first = timed();
  if (long_run * budget < first) return first;
  Seconds best = timed();
  Seconds spent = first + best;
  for (int runs = 1; runs < runs_least || spent < budget; ++runs) {
    const Seconds time = timed();
    spent += time;
    best = min(best, time);
  }
  return best;
}

double product_rate(Clock& clock, Product product, at::ScalarType type, Seconds budget) {
  return product.flop() / best_time(clock, budget, product_of(product, type)).in_base();
}

// Where the processor lacks the instructions, 128 takes 14 ms at 0.3 GFLOP/s and 512 would take a
// second; a processor that has them is never judged by 128, where the start of the threads counts.
Probe probe_products(Clock& clock, bool has_bf16) {
  constexpr Product small{128, 128, 128}, medium{512, 512, 512};
  Probe probe;
  probe.fp32 = product_rate(clock, medium, at::kFloat, 200_ms);
  probe.bf16 = product_rate(clock, has_bf16 ? medium : small, at::kBFloat16, 200_ms);
  if (!has_bf16 && probe.bf16 > probe.fp32 / 10) {
    probe.bf16 = product_rate(clock, medium, at::kBFloat16, 200_ms);
  }
  return probe;
}

std::vector<std::int64_t> product_axis(double flop_per_s, Seconds budget) {
  constexpr std::array<std::int64_t, 4> points = {128, 512, 2048, 4096};
  std::vector<std::int64_t> axis;
  double sum = 0;
  for (const std::int64_t point : points) {
    // All shapes together: 2 (128 + 512 + ...)^3.
    sum += static_cast<double>(point);
    if (axis.size() >= 2 && 2 * std::pow(sum, 3) > flop_per_s * budget.in_base()) break;
    axis.push_back(point);
  }
  return axis;
}

void measure_products(Clock& clock, at::ScalarType type, const std::vector<std::int64_t>& axis,
                      const Listener& listener) {
  double all = 0, done = 0;
  for (const std::int64_t point : axis) all += static_cast<double>(point);
  all = 2 * std::pow(all, 3);
  for (const std::int64_t m : axis) {
    for (const std::int64_t n : axis) {
      for (const std::int64_t k : axis) {
        const Product product{m, n, k};
        const double rate = product_rate(clock, product, type, product_time);
        listener.tell(wire::ProductMeasured{
            .precision = name_of(type), .m = m, .n = n, .k = k, .flop_per_s = rate});
        done += product.flop();
        listener.progress(done / all);
      }
    }
  }
}

bool measure_sustained(Clock& clock, const Probe& probe, Seconds time, const Tell& tell) {
  constexpr int slices = 4;
  Repeated fp32(at::kFloat, probe.fp32, time), bf16(at::kBFloat16, probe.bf16, time);
  for (int slice = 0; slice < slices; ++slice) {
    fp32.run(clock, time / slices);
    bf16.run(clock, time / slices);
  }
  tell(fp32.measured());
  tell(bf16.measured());
  return bf16.measured().flop_per_s > fp32.measured().flop_per_s;
}

void measure_attention(Clock& clock, at::ScalarType type, bool quick, const Tell& tell) {
  const at::NoGradGuard no_gradients;
  const nn::kernels::Capability here = nn::kernels::capability_here();
  const nn::kernels::Table* table =
      here == nn::kernels::Capability::plain ? nullptr : &nn::kernels::table_of(here);
  const nn::Ops ops({.master = at::kFloat, .compute = type}, table);
  const std::vector<std::int64_t> sequences =
      quick ? std::vector<std::int64_t>{64, 512} : std::vector<std::int64_t>{64, 256, 1024, 2048};
  for (const std::int64_t sequence : sequences) {
    for (const std::int64_t dim : {32, 64, 128}) {
      for (const std::int64_t heads : {4, 32}) {
        const at::Tensor x = filled({sequence, heads * dim}, type);
        const at::Tensor start = at::zeros({sequence}, at::kInt);
        nn::AttentionWords words;
        words.heads = words.kv_heads = heads;
        words.dim = words.value_dim = dim;
        words.scale = 1 / std::sqrt(static_cast<double>(dim));
        const Seconds time =
            best_time(clock, product_time, [&] { ops.attend(x, x, x, start, sequence, words); });
        // Scores and sums, 2 FLOP each, of half of the pairs.
        const double work = 2 * static_cast<double>(sequence) * static_cast<double>(sequence) *
                            static_cast<double>(dim * heads);
        tell(wire::AttentionMeasured{.sequence = sequence,
                                     .head_dim = dim,
                                     .heads = heads,
                                     .flop_per_s = work / time.in_base()});
      }
    }
  }
}

void measure_experts(Clock& clock, at::ScalarType type, bool quick, const Tell& tell) {
  constexpr std::int64_t experts = 4, hidden = 512;
  const std::vector<std::int64_t> widths =
      quick ? std::vector<std::int64_t>{256, 1024} : std::vector<std::int64_t>{128, 512, 2048};
  for (const std::int64_t tokens : {16, 64, 256, 1024}) {
    for (const std::int64_t width : widths) {
      const at::Tensor x = filled({experts, tokens, hidden}, type);
      const at::Tensor up = filled({experts, width, hidden}, type);
      const at::Tensor down = filled({experts, hidden, width}, type);
      at::Tensor middle = filled({tokens, width}, type), out = filled({tokens, hidden}, type);
      const Seconds time = best_time(clock, product_time, [&] {
        for (std::int64_t e = 0; e < experts; ++e) {
          at::mm_out(middle, x[e], up[e].t());
          at::mm_out(out, middle, down[e].t());
        }
      });
      const double work = static_cast<double>(experts) * 2 * Product{tokens, width, hidden}.flop();
      tell(wire::GroupedMeasured{
          .tokens_per_expert = tokens, .expert_ffn = width, .flop_per_s = work / time.in_base()});
    }
  }
}

}  // namespace celere::train
