#include "study/unknowns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "spec/catalog.hpp"
#include "spec/toml_reader.hpp"

namespace celere::study {
namespace {

using spec::Fact;
using spec::Grade;
using spec::Precision;

double to_form(bool share, double number) {
  return share ? std::log(number / (1 - number)) : std::log(number);
}

double from_form(bool share, double x) { return share ? 1 / (1 + std::exp(-x)) : std::exp(x); }

const spec::StackNumber* stack_number(std::string_view key) {
  for (const spec::StackNumber& number : spec::stack_numbers()) {
    if (key == number.key) return &number;
  }
  return nullptr;
}

// "stack.KEY", "stack.NAME.KEY", "chip.sustained.PRECISION" and the four others.
bool understand(FittedNumber& number) {
  const auto after = [&](std::string_view start) {
    return number.name.starts_with(start) ? number.name.substr(start.size()) : std::string();
  };
  if (const std::string rest = after("stack."); !rest.empty()) {
    const std::size_t dot = rest.rfind('.');
    if (dot != std::string::npos) number.only = rest.substr(0, dot);
    number.key = dot == std::string::npos ? rest : rest.substr(dot + 1);
    number.of = FittedOf::stack;
    return stack_number(number.key) != nullptr;
  }
  if (const std::string rest = after("chip.sustained."); !rest.empty()) {
    number.key = rest;
    number.of = FittedOf::sustained;
    return spec::precision_named(rest).has_value();
  }
  const std::map<std::string, FittedOf> others = {
      {"chip.memory.bandwidth_share", FittedOf::bandwidth_share},
      {"chip.host.launch_time", FittedOf::launch_time},
      {"cluster.tier.share", FittedOf::tier_share},
      {"cluster.tier.latency", FittedOf::tier_latency}};
  const auto found = others.find(number.name);
  if (found == others.end()) return false;
  number.of = found->second;
  return true;
}

bool is_time(const FittedNumber& number) {
  if (number.of == FittedOf::tier_latency) return true;
  return number.of == FittedOf::stack && stack_number(number.key)->time != nullptr;
}

FittedNumber read_unknown(const spec::TomlTable& table) {
  FittedNumber number;
  number.name = table.text("of");
  number.share = table.choice("form", {"log", "share"}, -1) == 1;
  number.sd = table.number("sd", 0, 10);
  number.own = table.number_or("own", 0, 0, 10);
  static_cast<void>(table.text("why"));
  if (!understand(number)) {
    table.mistake("of", fmt::format("\"{}\" is no number that a fit can find", number.name));
    static_cast<void>(table.has("prior"));
    return number;
  }
  number.prior =
      is_time(number) ? table.quantity<Seconds>("prior").in_base() : table.number("prior", 0, 1e6);
  if (!(number.prior > 0) || (number.share && number.prior >= 1)) {
    table.mistake("prior", number.share ? "must lie between 0 and 1" : "must be above 0");
  }
  return number;
}

// Chips that are served by the same products' curve are one die.
const std::string& die_of(const spec::Chip& chip) { return chip.curve_uses.gemm.name; }

bool same_rate(const std::string& key, Precision precision) {
  switch (precision) {
    case Precision::fp16:
      return key == "bf16";
    case Precision::fp8_delayed:
    case Precision::fp8_block:
      return key == "fp8";
    default:
      return key == spec::name_of(precision);
  }
}

// Whether a number of the stack can change the step time of a run at all.
bool plays_a_part(std::string_view key, const PreparedRun& run) {
  const cost::Setting& setting = run.setting;
  const layout::Layout& layout = run.layout;
  const spec::Arithmetic arithmetic = spec::arithmetic_of(setting.precision);
  const bool experts = setting.model.experts.has_value();
  const bool sharded = layout.zero_stage == 3;
  const auto any = [&](std::initializer_list<std::string_view> keys) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  if (any({"unfused_share", "unfused_exponent", "unfused_misaligned"})) {
    return !setting.stack.fused_attention;
  }
  if (key == "attention_backward") return setting.stack.fused_attention;
  if (any({"grouped_gemm_factor", "narrow_expert_ffn", "host_time_experts"})) return experts;
  if (any({"ep_factor", "all_to_all_of_ring"})) return layout.ep > 1 || layout.cp > 1;
  if (key == "tp_overlap") return layout.tp > 1 || layout.etp > 1;
  if (key == "dp_overlap") return !sharded && layout.dp * layout.cp > 1;
  if (any({"fsdp_bandwidth_share", "fsdp_exposed_share"})) return sharded;
  if (key == "bubble_factor") return layout.pp > 1;
  if (key == "mxfp8_cast_bytes") return setting.precision == Precision::mxfp8;
  if (key == "nvfp4_cast_bytes") return setting.precision == Precision::nvfp4;
  if (key == "fp8_cast_bytes") return arithmetic == spec::Arithmetic::fp8;
  if (key == "graph_host_time") return run.row.has("cuda_graphs");
  if (key == "overlapped_all_to_all") return run.row.has("a2a_overlap");
  if (key == "vboost_gemm_time") return run.row.has("vboost");
  return true;
}

template <typename T>
void put(Fact<T>& fact, double value) {
  if (!fact.known() || fact.grade != Grade::fitted) return;
  if constexpr (std::is_same_v<T, double>) {
    fact.value = value;
  } else {
    fact.value = T::of(value);
  }
}

void put(spec::Stack& stack, const std::string& key, double value) {
  const spec::StackNumber& number = *stack_number(key);
  if (number.number != nullptr) put(stack.*number.number, value);
  if (number.time != nullptr) put(stack.*number.time, value);
}

void put_sustained(spec::Chip& chip, const std::string& key, double ratio) {
  for (int i = 0; i < spec::precision_count; ++i) {
    if (!same_rate(key, static_cast<Precision>(i))) continue;
    put(chip.sustained[static_cast<std::size_t>(i)], ratio * chip.gemm.best_tflops * 1e12);
  }
}

}  // namespace

Result<std::vector<FittedNumber>> parse_unknowns(std::string_view toml) {
  ASSIGN_OR_RETURN(const std::unique_ptr<spec::TomlDocument> document,
                   spec::TomlDocument::parse(toml, "fit/unknowns.toml"));
  std::vector<FittedNumber> numbers;
  for (const spec::TomlTable& table : document->root().tables("unknown")) {
    numbers.push_back(read_unknown(table));
  }
  RETURN_IF_ERROR(document->finish());
  return numbers;
}

std::string_view embedded_unknowns() { return spec::embedded_text("fit/unknowns.toml"); }

Unknowns::Unknowns(std::vector<FittedNumber> numbers) {
  for (FittedNumber& number : numbers) {
    Parts& parts = parts_.emplace_back();
    parts.number = std::move(number);
    if (parts.number.sd == 0) continue;
    parts.common = unknowns_.size();
    unknowns_.push_back({.name = parts.number.name,
                         .prior = to_form(parts.number.share, parts.number.prior),
                         .sd = parts.number.sd});
    place_.emplace_back(parts_.size() - 1, "");
  }
}

bool Unknowns::belongs(const Parts& parts, const spec::Stack& stack) const {
  if (!parts.number.only.empty()) return parts.number.only == stack.name;
  return std::none_of(parts_.begin(), parts_.end(), [&](const Parts& other) {
    return other.number.only == stack.name && other.number.key == parts.number.key;
  });
}

void Unknowns::observe(const PreparedRun& run) {
  const spec::Stack& stack = run.setting.stack;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Parts& parts = parts_[i];
    if (parts.number.own == 0) continue;
    std::string entry;
    if (parts.number.of == FittedOf::stack && belongs(parts, stack) && stack.known &&
        plays_a_part(parts.number.key, run)) {
      entry = stack.name;
    }
    if (parts.number.of == FittedOf::sustained &&
        same_rate(parts.number.key, run.setting.precision)) {
      entry = die_of(run.setting.chip);
    }
    if (entry.empty() || !parts.own.try_emplace(entry, unknowns_.size()).second) continue;
    unknowns_.push_back({.name = fmt::format("{} of {}", parts.number.name, entry),
                         .prior = 0,
                         .sd = parts.number.own});
    place_.emplace_back(i, entry);
  }
}

std::vector<double> Unknowns::start() const {
  std::vector<double> x;
  for (const Unknown& unknown : unknowns_) x.push_back(unknown.prior);
  return x;
}

double Unknowns::value(const Parts& parts, const std::string& entry,
                       const std::vector<double>& x) const {
  double form = parts.common ? x[*parts.common] : to_form(parts.number.share, parts.number.prior);
  if (const auto own = parts.own.find(entry); own != parts.own.end()) form += x[own->second];
  return from_form(parts.number.share, form);
}

void Unknowns::apply(const std::vector<double>& x, spec::Stack& stack, spec::Chip& chip,
                     spec::Cluster& cluster) const {
  for (const Parts& parts : parts_) {
    switch (parts.number.of) {
      case FittedOf::stack:
        if (belongs(parts, stack)) put(stack, parts.number.key, value(parts, stack.name, x));
        break;
      case FittedOf::sustained:
        put_sustained(chip, parts.number.key, value(parts, die_of(chip), x));
        break;
      case FittedOf::bandwidth_share:
        put(chip.memory_bandwidth_share, value(parts, "", x));
        break;
      case FittedOf::launch_time:
        put(chip.host_speed, value(parts, "", x));
        break;
      case FittedOf::tier_share:
        for (spec::Tier& tier : cluster.tiers) put(tier.share, value(parts, "", x));
        break;
      case FittedOf::tier_latency:
        for (spec::Tier& tier : cluster.tiers) put(tier.latency, value(parts, "", x));
        break;
    }
  }
}

std::optional<double> Unknowns::own_of_stack(const std::string& key, const std::string& stack,
                                             const std::vector<double>& x) const {
  for (const Parts& parts : parts_) {
    if (parts.number.of != FittedOf::stack || parts.number.key != key) continue;
    if (parts.number.only == stack && parts.common)
      return x[*parts.common] - unknowns_[*parts.common].prior;
    const auto own = parts.own.find(stack);
    if (parts.number.only.empty() && own != parts.own.end()) return x[own->second];
  }
  return std::nullopt;
}

bool Unknowns::concerns(std::size_t unknown, const PreparedRun& run) const {
  const auto& [place, entry] = place_[unknown];
  const Parts& parts = parts_[place];
  const cost::Setting& setting = run.setting;
  switch (parts.number.of) {
    case FittedOf::stack:
      return belongs(parts, setting.stack) && (entry.empty() || entry == setting.stack.name) &&
             plays_a_part(parts.number.key, run);
    case FittedOf::sustained: {
      // The head and the router run in bf16 whatever the precision of the rest.
      const bool used =
          same_rate(parts.number.key, setting.precision) || parts.number.key == "bf16";
      return used && (entry.empty() || entry == die_of(setting.chip));
    }
    case FittedOf::launch_time:
      return setting.chip.host_speed.grade == Grade::fitted;
    case FittedOf::bandwidth_share:
      return true;
    case FittedOf::tier_share:
    case FittedOf::tier_latency:
      return run.layout.ranks() > setting.chip.nvlink_domain;
  }
  CHECK(false);
}

}  // namespace celere::study
