// What a run fixes of its layout: the [layout] table of a run file, or the flag
// --layout tp=8,pp=16,... with the same keys. What is empty is searched.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "layout/layout.hpp"

namespace celere::spec {

class TomlTable;

struct LayoutWish {
  std::optional<int> tp, cp, pp, vpp, dp, ep, etp, micro_batch, zero_stage, shard, recompute_layers;
  std::optional<layout::Schedule> schedule;
  std::optional<layout::Partition> partition;
  std::optional<layout::CpMethod> cp_method;
  std::optional<layout::Recompute> recompute;
  std::optional<layout::RankOrder> order;
  std::optional<bool> sequence_parallel, offload_optimizer, offload_activations;
};

// What both say, and where they differ what `over` says.
LayoutWish merged(LayoutWish base, const LayoutWish& over);

// The layout that a wish is by itself: what it leaves open is 1, none or the default; interleaved
// where it has virtual stages.
layout::Layout layout_of(const LayoutWish& wish);

LayoutWish read_layout_wish(const TomlTable& table);

// "tp=8,pp=16,schedule=interleaved"; layout::written() writes such a text. Errors: bad_input with
// the key, all mistakes at once.
Result<LayoutWish> parse_layout_text(std::string_view text);

}  // namespace celere::spec
