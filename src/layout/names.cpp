#include <fmt/format.h>

#include <iterator>

#include "base/check.hpp"
#include "layout/layout.hpp"

namespace celere::layout {

const char* name_of(Schedule schedule) {
  switch (schedule) {
    case Schedule::one_f_one_b:
      return "1f1b";
    case Schedule::interleaved:
      return "interleaved";
    case Schedule::zero_bubble:
      return "zero-bubble";
    case Schedule::dual_pipe:
      return "dualpipe";
  }
  CHECK(false);
}

const char* name_of(Partition partition) {
  switch (partition) {
    case Partition::even:
      return "even";
    case Partition::balanced:
      return "balanced";
  }
  CHECK(false);
}

const char* name_of(CpMethod method) {
  switch (method) {
    case CpMethod::ring:
      return "ring";
    case CpMethod::all_gather:
      return "all-gather";
    case CpMethod::all_to_all:
      return "all-to-all";
  }
  CHECK(false);
}

const char* name_of(Recompute recompute) {
  switch (recompute) {
    case Recompute::none:
      return "none";
    case Recompute::selective:
      return "selective";
    case Recompute::full:
      return "full";
    case Recompute::full_for_some:
      return "full-for-some";
  }
  CHECK(false);
}

const char* name_of(RankOrder order) {
  switch (order) {
    case RankOrder::tp_cp_dp_pp:
      return "tp-cp-dp-pp";
    case RankOrder::tp_cp_pp_dp:
      return "tp-cp-pp-dp";
  }
  CHECK(false);
}

std::string written(const Layout& layout) {
  std::string text = fmt::format("tp={},pp={},dp={}", layout.tp, layout.pp, layout.dp);
  const auto add = [&text](const char* key, const auto& value) {
    fmt::format_to(std::back_inserter(text), ",{}={}", key, value);
  };
  const Layout plain;
  if (layout.cp != plain.cp) {
    add("cp", layout.cp);
    add("cp_method", name_of(layout.cp_method));
  }
  if (layout.vpp != plain.vpp) add("vpp", layout.vpp);
  if (layout.ep != plain.ep) add("ep", layout.ep);
  if (layout.etp != plain.etp) add("etp", layout.etp);
  add("micro_batch", layout.micro_batch);
  add("zero_stage", layout.zero_stage);
  if (layout.shard != plain.shard) add("shard", layout.shard);
  if (layout.pp > 1) {
    add("schedule", name_of(layout.schedule));
    add("partition", name_of(layout.partition));
  }
  add("recompute", name_of(layout.recompute));
  if (layout.recompute == Recompute::full_for_some) {
    add("recompute_layers", layout.recompute_layers);
  }
  if (layout.order != plain.order) add("order", name_of(layout.order));
  if (layout.sequence_parallel) add("sequence_parallel", true);
  if (layout.offload_optimizer) add("offload_optimizer", true);
  if (layout.offload_activations) add("offload_activations", true);
  return text;
}

}  // namespace celere::layout
