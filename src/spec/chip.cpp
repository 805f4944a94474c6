#include "spec/chip.hpp"

#include <fmt/format.h>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

Fact<FlopsPerSecond> rate_of(const TomlTable& table, const char* key) {
  return table.fact<FlopsPerSecond>(key);
}

Fact<double> share_of(const TomlTable& table, const char* key, double most) {
  Fact<double> share = table.number_fact(key);
  if (share.value && !(*share.value > 0 && *share.value <= most)) {
    table.mistake(key, fmt::format("must be above 0 and at most {}", most));
  }
  return share;
}

void read_rates(Chip& chip, const TomlTable& root) {
  const TomlTable peak = root.table("peak");
  const std::array<const char*, arithmetic_count> arithmetics = {"fp32", "bf16", "fp8", "fp4"};
  for (std::size_t i = 0; i < arithmetics.size(); ++i) chip.peak[i] = rate_of(peak, arithmetics[i]);
  // One rate serves several formats: fp16 is bf16, the three recipes of fp8 differ in their casts
  // only.
  const TomlTable sustained = root.table("sustained");
  const auto set = [&](Precision precision, const Fact<FlopsPerSecond>& rate) {
    chip.sustained[static_cast<std::size_t>(precision)] = rate;
  };
  set(Precision::fp32, rate_of(sustained, "fp32"));
  for (const Precision p : {Precision::fp16, Precision::bf16}) set(p, rate_of(sustained, "bf16"));
  for (const Precision p : {Precision::fp8_delayed, Precision::fp8, Precision::fp8_block}) {
    set(p, rate_of(sustained, "fp8"));
  }
  set(Precision::mxfp8, rate_of(sustained, "mxfp8"));
  set(Precision::nvfp4, rate_of(sustained, "nvfp4"));
}

void scale(std::vector<double>& rates, double factor) {
  for (double& rate : rates) rate *= factor;
}

Status read_curves(Chip& chip, const CurvesByName& curves) {
  const Fact<FlopsPerSecond>& peak = chip.peak[static_cast<std::size_t>(Arithmetic::bf16)];
  const auto factor = [&](const Curves& of) {
    return peak.known() ? peak.value->in_base() * 1e-12 / of.peak_bf16_tflops : 1.0;
  };
  ASSIGN_OR_RETURN(Curves gemm, curves(chip.curve_names.gemm));
  chip.gemm = std::move(gemm.gemm);
  scale(chip.gemm.tflops, factor(gemm));
  chip.gemm.best_tflops *= factor(gemm);
  ASSIGN_OR_RETURN(Curves attention, curves(chip.curve_names.attention));
  chip.attention = std::move(attention.attention);
  scale(chip.attention.tflops, factor(attention));
  ASSIGN_OR_RETURN(Curves grouped, curves(chip.curve_names.grouped_gemm));
  chip.grouped_gemm = std::move(grouped.grouped_gemm);
  scale(chip.grouped_gemm.tflops, factor(grouped));
  ASSIGN_OR_RETURN(Curves collectives, curves(chip.curve_names.collectives));
  chip.collectives = std::move(collectives.collectives);
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
  read_rates(chip, root);
  const TomlTable memory = root.table("memory");
  chip.memory = memory.fact<Bytes>("size");
  chip.memory_reserved = memory.fact<Bytes>("reserved");
  chip.memory_bandwidth = memory.fact<BytesPerSecond>("bandwidth");
  chip.memory_bandwidth_share = share_of(memory, "bandwidth_share", 1);
  const TomlTable nvlink = root.table("nvlink");
  chip.nvlink_bandwidth = nvlink.fact<BytesPerSecond>("bandwidth");
  chip.nvlink_share = share_of(nvlink, "share", 1);
  chip.nvlink_domain = static_cast<int>(nvlink.integer("domain", 1, 1 << 20));
  const TomlTable host = root.table("host");
  chip.host_bandwidth = host.fact<BytesPerSecond>("bandwidth");
  chip.host_speed = share_of(host, "speed", 100);
  chip.power = root.fact<Watts>("power");
  chip.price = root.fact<Dollars>("price");
  const TomlTable names = root.table("curves");
  chip.curve_names = {.gemm = names.text("gemm"),
                      .attention = names.text("attention"),
                      .grouped_gemm = names.text("grouped_gemm"),
                      .collectives = names.text("collectives")};
  RETURN_IF_ERROR(document->finish());
  RETURN_IF_ERROR(read_curves(chip, curves));
  return chip;
}

}  // namespace celere::spec
