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

LayoutWish read_layout_wish(const TomlTable& table);

// "tp=8,pp=16,schedule=interleaved"; layout::written() writes such a text. Errors: bad_input with
// the key, all mistakes at once.
Result<LayoutWish> parse_layout_text(std::string_view text);

}  // namespace celere::spec
