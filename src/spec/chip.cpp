#include "spec/chip.hpp"

#include <fmt/format.h>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

// A fact that, where it is known, is above 0.
template <typename Q>
Fact<Q> positive(const TomlTable& table, const char* key) {
  Fact<Q> fact = table.fact<Q>(key);
  if (fact.value && !(fact.value->in_base() > 0)) table.mistake(key, "must be above 0");
  return fact;
}

Fact<double> factor_of(const TomlTable& table, const char* key, double most) {
  Fact<double> factor = table.number_fact(key);
  if (factor.value && !(*factor.value > 0 && *factor.value <= most)) {
    table.mistake(key, fmt::format("must be above 0 and at most {}", most));
  }
  return factor;
}

void read_peaks(Chip& chip, const TomlTable& peak) {
  const std::array<const char*, arithmetic_count> names = {"fp32", "bf16", "fp8", "fp4"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    chip.peak[i] = positive<FlopsPerSecond>(peak, names[i]);
  }
}

// One rate serves several formats: fp16 is bf16, and the recipes of fp8 differ in their casts only.
void read_sustained(Chip& chip, const TomlTable& sustained) {
  const auto read = [&](const char* key, std::initializer_list<Precision> precisions) {
    const Fact<FlopsPerSecond> rate = positive<FlopsPerSecond>(sustained, key);
    for (const Precision precision : precisions) {
      const Fact<FlopsPerSecond>& peak =
          chip.peak[static_cast<std::size_t>(arithmetic_of(precision))];
      if (rate.value && !peak.known()) {
        sustained.mistake(key, fmt::format("is known, and the peak is not ({})", peak.where));
      } else if (rate.value && *rate.value > *peak.value) {
        sustained.mistake(key, fmt::format("is above the peak of {}", written(*peak.value)));
      }
      chip.sustained[static_cast<std::size_t>(precision)] = rate;
    }
  };
  read("fp32", {Precision::fp32});
  read("bf16", {Precision::fp16, Precision::bf16});
  read("fp8", {Precision::fp8_delayed, Precision::fp8, Precision::fp8_block});
  read("mxfp8", {Precision::mxfp8});
  read("nvfp4", {Precision::nvfp4});
}

CurveUse use_of(const TomlTable& table) {
  CurveUse use{.name = table.text("use"), .scale = factor_of(table, "scale", 100)};
  if (!use.scale.known()) {
    table.mistake("scale", "must be a number: curves that cannot be scaled cannot be used");
  }
  return use;
}

// An entry need not say it: then it is unknown.
Fact<double> flash_attention_2_of(const TomlTable& curves, const std::string& chip) {
  if (const auto table = curves.table_if("flash_attention_2")) {
    return factor_of(*table, "share", 1);
  }
  Fact<double> unknown;
  unknown.source = "the entry does not say";
  unknown.where = fmt::format("chips/{}.toml: curves.flash_attention_2.share", chip);
  return unknown;
}

void multiply(std::vector<double>& values, double factor) {
  for (double& value : values) value *= factor;
}

// REQUIRES: every scale of chip.curve_uses is known.
Status read_curves(Chip& chip, const CurvesByName& curves) {
  const CurveUses& uses = chip.curve_uses;
  ASSIGN_OR_RETURN(Curves gemm, curves(uses.gemm.name));
  chip.gemm = std::move(gemm.gemm);
  multiply(chip.gemm.tflops, *uses.gemm.scale.value);
  chip.gemm.best_tflops *= *uses.gemm.scale.value;
  ASSIGN_OR_RETURN(Curves attention, curves(uses.attention.name));
  chip.attention = std::move(attention.attention);
  multiply(chip.attention.tflops, *uses.attention.scale.value);
  ASSIGN_OR_RETURN(Curves grouped, curves(uses.grouped_gemm.name));
  chip.grouped_gemm = std::move(grouped.grouped_gemm);
  multiply(chip.grouped_gemm.tflops, *uses.grouped_gemm.scale.value);
  if (!uses.collectives) return Done{};
  ASSIGN_OR_RETURN(Curves collectives, curves(uses.collectives->name));
  chip.collectives = std::move(collectives.collectives);
  for (CollectiveCurve& curve : chip.collectives) {
    multiply(curve.seconds, 1 / *uses.collectives->scale.value);
  }
  return Done{};
}

}  // namespace

Result<Chip> parse_chip(std::string_view toml, std::string name, const CurvesByName& curves) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("chips/{}.toml", name)));
  const TomlTable root = document->root();
  Chip chip;
  chip.name = std::move(name);
  chip.title = root.text("title");
  chip.power = positive<Watts>(root, "power");
  chip.price = root.fact<Dollars>("price");
  read_peaks(chip, root.table("peak"));
  read_sustained(chip, root.table("sustained"));
  const TomlTable memory = root.table("memory");
  chip.memory = positive<Bytes>(memory, "size");
  chip.memory_reserved = memory.fact<Bytes>("reserved");
  chip.memory_bandwidth = positive<BytesPerSecond>(memory, "bandwidth");
  chip.memory_bandwidth_share = factor_of(memory, "bandwidth_share", 1);
  const TomlTable nvlink = root.table("nvlink");
  chip.nvlink_bandwidth = positive<BytesPerSecond>(nvlink, "bandwidth");
  chip.nvlink_share = factor_of(nvlink, "share", 1);
  chip.nvlink_domain = static_cast<int>(nvlink.integer("domain", 1, 1 << 20));
  const TomlTable host = root.table("host");
  chip.host_bandwidth = positive<BytesPerSecond>(host, "bandwidth");
  chip.host_speed = factor_of(host, "launch_time", 100);
  const TomlTable uses = root.table("curves");
  chip.curve_uses = {.gemm = use_of(uses.table("gemm")),
                     .attention = use_of(uses.table("attention")),
                     .grouped_gemm = use_of(uses.table("grouped_gemm")),
                     .collectives = std::nullopt};
  if (const auto table = uses.table_if("collectives")) chip.curve_uses.collectives = use_of(*table);
  chip.flash_attention_2_share = flash_attention_2_of(uses, chip.name);
  RETURN_IF_ERROR(document->finish());
  RETURN_IF_ERROR(read_curves(chip, curves));
  return chip;
}

ProductRates product_rates(const Chip& chip) {
  const auto sustained = [&](Precision of) -> const Fact<FlopsPerSecond>& {
    return chip.sustained[static_cast<std::size_t>(of)];
  };
  const auto peak = [&](Arithmetic of) -> const Fact<FlopsPerSecond>& {
    return chip.peak[static_cast<std::size_t>(of)];
  };
  const bool both = sustained(Precision::fp32).known() && sustained(Precision::bf16).known();
  if (both) return {.fp32 = sustained(Precision::fp32), .bf16 = sustained(Precision::bf16)};
  return {.fp32 = peak(Arithmetic::fp32), .bf16 = peak(Arithmetic::bf16)};
}

Result<Precision> measured_precision(const Chip& chip) {
  constexpr double worth_it = 1.2;
  const ProductRates rates = product_rates(chip);
  const std::string user = "precision = \"auto\"";
  ASSIGN_OR_RETURN(const FlopsPerSecond full_rate, rates.fp32.needed_for(user));
  ASSIGN_OR_RETURN(const FlopsPerSecond half_rate, rates.bf16.needed_for(user));
  return half_rate.in_base() >= worth_it * full_rate.in_base() ? Precision::bf16 : Precision::fp32;
}

}  // namespace celere::spec
