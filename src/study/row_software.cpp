#include "study/row_software.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string_view>

#include "study/words.hpp"

namespace celere::study {
namespace {

// "25.04.02" and "MLPerf v5.1" as 25.04 and 5.1; 0 where there is no number.
double release_number(std::string_view release) {
  const std::size_t digit = release.find_first_of("0123456789");
  if (digit == std::string_view::npos) return 0;
  double number = 0;
  std::string_view rest = release.substr(digit);
  const std::size_t dot = rest.find('.');
  if (dot != std::string_view::npos) rest = rest.substr(0, rest.find('.', dot + 1));
  std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return number;
}

std::string megatron_bridge(double release, std::int64_t year) {
  if (release == 0) return year <= 2025 ? "megatron-bridge-25" : "megatron-bridge-26a";
  if (release < 26) return "megatron-bridge-25";
  return release < 26.06 ? "megatron-bridge-26a" : "megatron-bridge-26b";
}

std::string nemo(const RunInputs& row, double release, std::int64_t year) {
  if (contains(row.framework, "MLPerf")) {
    if (release == 0) return year <= 2024 ? "megatron-core-2024" : "megatron-core-2025";
    if (release < 5) return "megatron-core-2024";
    return release < 5.1 ? "megatron-core-2025" : "mlperf-5.1";
  }
  if (release == 0) return year <= 2024 ? "megatron-core-2024" : "megatron-core-2025";
  // The recipes of DGX Cloud Benchmarking 25.02 are of NeMo 24.12.
  const double first_of_2025 = row.framework == "NeMo" ? 25.04 : 25.02;
  return release < first_of_2025 ? "megatron-core-2024" : "megatron-core-2025";
}

std::string megatron_lm(const RunInputs& row, std::int64_t year) {
  if (contains(row.zero, "ZeRO-3")) return "deepspeed-zero3-2021";
  if (row.has("no_comm_overlap")) return "megatron-lm-no-overlap";
  if (year <= 2021) return "megatron-2021";
  if (year <= 2023) return "megatron-2022-sp";
  return year == 2024 ? "megatron-core-2024" : "megatron-core-2025";
}

struct Rule {
  std::string_view framework;  // what the text contains
  std::string_view stack;
};
// Software of one stack, whatever its release.
constexpr std::array simple_rules = {
    Rule{"GPT-NeoX", "gpt-neox-2023"}, Rule{"llm-foundry", "llm-foundry-fsdp"},
    Rule{"MaxText", "jax-fsdp"},       Rule{"PaxML", "jax-fsdp"},
    Rule{"HAI-LLM", "hai-dualpipe"},   Rule{"torchtitan", "fsdp2"},
    Rule{"OLMo-core", "fsdp2"},        Rule{"fms-fsdp", "fsdp2"},
};

struct Format {
  std::string_view text;
  spec::Precision precision;
};
// Transformer Engine's "fp8" without more scales by the history of the maximum.
constexpr std::array formats = {
    Format{"", spec::Precision::bf16},
    Format{"bf16", spec::Precision::bf16},
    Format{"bf16 mixed", spec::Precision::bf16},
    Format{"fp16", spec::Precision::fp16},
    Format{"fp16 mixed", spec::Precision::fp16},
    Format{"fp16/bf16 mixed", spec::Precision::bf16},
    Format{"fp32", spec::Precision::fp32},
    Format{"tf32", spec::Precision::fp32},
    Format{"fp8", spec::Precision::fp8_delayed},
    Format{"fp8 (delayed scaling)", spec::Precision::fp8_delayed},
    Format{"fp8 (current scaling)", spec::Precision::fp8},
    Format{"fp8 mixed", spec::Precision::fp8_block},
    Format{"fp8 (blockwise)", spec::Precision::fp8_block},
    Format{"mxfp8", spec::Precision::mxfp8},
    Format{"nvfp4", spec::Precision::nvfp4},
};

// Unknown where either is.
template <typename T>
void scale(spec::Fact<T>& fact, const spec::Fact<double>& by) {
  if (fact.known() && by.known()) {
    *fact.value *= *by.value;
  } else {
    fact.value = std::nullopt;
  }
}

}  // namespace

std::string stack_name_of(const RunInputs& row) {
  const std::string_view framework = row.framework;
  const double release = release_number(row.release);
  const std::int64_t year = row.year.value_or(2025);
  for (const Rule& rule : simple_rules) {
    if (contains(framework, rule.framework)) return std::string(rule.stack);
  }
  if (contains(framework, "Megatron-Bridge")) return megatron_bridge(release, year);
  if (contains(framework, "NeMo")) return nemo(row, release, year);
  // DeepSpeed's engine runs the pipeline where a ZeRO stage is named; otherwise Megatron's does.
  if (contains(framework, "Megatron-DeepSpeed")) {
    if (contains(row.zero, "ZeRO-3")) return "deepspeed-zero3-2021";
    return row.zero.empty() ? "megatron-2021" : "megatron-deepspeed-2022";
  }
  if (contains(framework, "DeepSpeed")) return year <= 2022 ? "deepspeed-zero3-2021" : "unknown";
  if (contains(framework, "Megatron-Core")) {
    if (year <= 2024) return "megatron-core-2024";
    return year == 2025 ? "megatron-core-2025" : "megatron-bridge-26a";
  }
  if (framework.starts_with("Megatron-LM")) return megatron_lm(row, year);
  return "unknown";
}

void apply_switches(const RunInputs& row, spec::Stack& stack) {
  if (row.has("no_comm_overlap")) {
    stack.tp_overlap.value = 0;
    stack.dp_overlap.value = 0;
  }
  if (contains(row.framework, "Liger")) stack.fused_loss = true;
  if (row.has("deepep")) stack.dispatch_once = true;
  if (row.has("cuda_graphs")) {
    scale(stack.host_time_dense, stack.graph_host_time);
    scale(stack.host_time_experts, stack.graph_host_time);
  }
  if (row.has("a2a_overlap")) scale(stack.ep_factor, stack.overlapped_all_to_all);
  if (row.has("vboost")) scale(stack.gemm_factor, stack.vboost_gemm_time);
}

Result<spec::Precision> precision_of(const RunInputs& row) {
  for (const Format& format : formats) {
    if (row.precision == format.text) return format.precision;
  }
  return Error{ErrorCode::unsupported,
               fmt::format("the precision \"{}\" is none that is known", row.precision),
               {}};
}

spec::Optimizer optimizer_of(const RunInputs& row) {
  return row.has("muon") ? spec::Optimizer::muon : spec::Optimizer::adamw;
}

}  // namespace celere::study
