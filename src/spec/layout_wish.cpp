#include "spec/layout_wish.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "spec/toml_reader.hpp"
#include "spec/toml_tree.hpp"

namespace celere::spec {
namespace {

constexpr int degree_max = 1 << 24;
constexpr const char* flag = "--layout";

std::optional<int> count_if(const TomlTable& table, const char* key, int low, int high) {
  if (!table.has(key)) return std::nullopt;
  return static_cast<int>(table.integer(key, low, high));
}

std::optional<int> degree_if(const TomlTable& table, const char* key) {
  return count_if(table, key, 1, degree_max);
}

template <typename Enum>
std::optional<Enum> choice_if(const TomlTable& table, const char* key, Enum last) {
  if (!table.has(key)) return std::nullopt;
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    names.emplace_back(layout::name_of(static_cast<Enum>(i)));
  }
  return static_cast<Enum>(table.choice(key, names, 0));
}

std::optional<bool> boolean_if(const TomlTable& table, const char* key) {
  if (!table.has(key)) return std::nullopt;
  return table.boolean_or(key, false);
}

// The value of a flag, as TOML would read it without its quotes.
TomlNode value_of(std::string_view text) {
  TomlNode node;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), node.integer);
  if (error == std::errc{} && end == text.data() + text.size()) {
    node.kind = TomlKind::integer;
    node.number = static_cast<double>(node.integer);
  } else if (text == "true" || text == "false") {
    node.kind = TomlKind::boolean;
    node.boolean = text == "true";
  } else {
    node.kind = TomlKind::text;
    node.text = std::string(text);
  }
  return node;
}

}  // namespace

LayoutWish merged(LayoutWish base, const LayoutWish& over) {
  const auto take = [](auto& to, const auto& from) {
    if (from) to = from;
  };
  take(base.tp, over.tp);
  take(base.cp, over.cp);
  take(base.pp, over.pp);
  take(base.vpp, over.vpp);
  take(base.dp, over.dp);
  take(base.ep, over.ep);
  take(base.etp, over.etp);
  take(base.micro_batch, over.micro_batch);
  take(base.zero_stage, over.zero_stage);
  take(base.shard, over.shard);
  take(base.recompute_layers, over.recompute_layers);
  take(base.schedule, over.schedule);
  take(base.partition, over.partition);
  take(base.cp_method, over.cp_method);
  take(base.recompute, over.recompute);
  take(base.order, over.order);
  take(base.sequence_parallel, over.sequence_parallel);
  take(base.offload_optimizer, over.offload_optimizer);
  take(base.offload_activations, over.offload_activations);
  return base;
}

layout::Layout layout_of(const LayoutWish& wish) {
  layout::Layout l;
  const auto take = [](auto& to, const auto& from) {
    if (from) to = *from;
  };
  take(l.tp, wish.tp);
  take(l.cp, wish.cp);
  take(l.pp, wish.pp);
  take(l.vpp, wish.vpp);
  take(l.dp, wish.dp);
  take(l.ep, wish.ep);
  take(l.etp, wish.etp);
  take(l.micro_batch, wish.micro_batch);
  take(l.zero_stage, wish.zero_stage);
  take(l.shard, wish.shard);
  take(l.recompute_layers, wish.recompute_layers);
  if (l.vpp > 1) l.schedule = layout::Schedule::interleaved;
  take(l.schedule, wish.schedule);
  take(l.partition, wish.partition);
  take(l.cp_method, wish.cp_method);
  take(l.recompute, wish.recompute);
  take(l.order, wish.order);
  take(l.sequence_parallel, wish.sequence_parallel);
  take(l.offload_optimizer, wish.offload_optimizer);
  take(l.offload_activations, wish.offload_activations);
  return l;
}

LayoutWish read_layout_wish(const TomlTable& table) {
  LayoutWish wish;
  wish.tp = degree_if(table, "tp");
  wish.cp = degree_if(table, "cp");
  wish.pp = degree_if(table, "pp");
  wish.vpp = degree_if(table, "vpp");
  wish.dp = degree_if(table, "dp");
  wish.ep = degree_if(table, "ep");
  wish.etp = degree_if(table, "etp");
  wish.micro_batch = degree_if(table, "micro_batch");
  wish.zero_stage = count_if(table, "zero_stage", 0, 3);
  wish.shard = count_if(table, "shard", 0, degree_max);
  wish.recompute_layers = count_if(table, "recompute_layers", 0, degree_max);
  wish.schedule = choice_if(table, "schedule", layout::Schedule::dual_pipe);
  wish.partition = choice_if(table, "partition", layout::Partition::balanced);
  wish.cp_method = choice_if(table, "cp_method", layout::CpMethod::all_to_all);
  wish.recompute = choice_if(table, "recompute", layout::Recompute::full_for_some);
  wish.order = choice_if(table, "order", layout::RankOrder::tp_cp_pp_dp);
  wish.sequence_parallel = boolean_if(table, "sequence_parallel");
  wish.offload_optimizer = boolean_if(table, "offload_optimizer");
  wish.offload_activations = boolean_if(table, "offload_activations");
  return wish;
}

Result<LayoutWish> parse_layout_text(std::string_view text) {
  TomlNode table;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    const std::string_view part = text.substr(from, comma - from);
    from = comma + 1;
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == part.size()) {
      return bad_input(fmt::format("{}: \"{}\" is not KEY=VALUE, as in tp=8,pp=16", flag, part));
    }
    TomlNode value = value_of(part.substr(equals + 1));
    value.key = std::string(part.substr(0, equals));
    if (table.child(value.key) != nullptr) {
      return bad_input(fmt::format("{}: {}: stands there twice", flag, value.key));
    }
    table.children.push_back(std::move(value));
  }
  const std::unique_ptr<TomlDocument> document = TomlDocument::of(std::move(table), flag);
  const LayoutWish wish = read_layout_wish(document->root());
  RETURN_IF_ERROR(document->finish());
  return wish;
}

}  // namespace celere::spec
