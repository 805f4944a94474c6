#include "study/row_layout.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "study/words.hpp"

namespace celere::study {
namespace {

using layout::Layout;
using layout::Recompute;

constexpr std::int64_t sequence_parallel_since = 2023;

Error cannot(std::string why) { return Error{ErrorCode::unsupported, std::move(why), {}}; }

int degree(const std::optional<std::int64_t>& cell) { return static_cast<int>(cell.value_or(1)); }

Status set_degrees(Layout& out, const RunInputs& row, std::vector<std::string>& filled) {
  const auto note = [&](const auto& cell, const char* column) {
    if (!cell) filled.emplace_back(column);
  };
  note(row.tp, "tp");
  note(row.pp, "pp");
  note(row.micro_batch, "micro_batch");
  out.tp = degree(row.tp);
  out.pp = degree(row.pp);
  out.cp = degree(row.cp);
  out.micro_batch = degree(row.micro_batch);
  if (out.pp > 1) {
    note(row.vpp, "vpp");
    out.vpp = degree(row.vpp);
  }
  const std::int64_t replica = std::int64_t{1} * out.tp * out.pp * out.cp;
  if (!row.gpus && !row.dp) return cannot("n_gpus is empty, and so is dp");
  const std::int64_t gpus = row.gpus.value_or(replica * row.dp.value_or(1));
  if (gpus % replica != 0) {
    return cannot(fmt::format("tp * pp * cp = {} does not divide the {} GPUs", replica, gpus));
  }
  out.dp = static_cast<int>(gpus / replica);
  if (row.dp && *row.dp != out.dp) {
    return cannot(
        fmt::format("dp = {} is not {} GPUs / (tp * pp * cp = {})", *row.dp, gpus, replica));
  }
  return Done{};
}

// Whether experts are cut by the tensor parallel degree too.
bool experts_follow_tp(const RunInputs& row) {
  if (contains(row.framework, "NeMo")) return true;
  return contains(row.framework, "Megatron-Core") && !contains(row.framework, "Folding") &&
         !contains(row.framework, "FSDP");
}

void set_experts(Layout& out, const RunInputs& row, const spec::Model& model) {
  if (!model.experts) return;
  out.ep = degree(row.ep);
  if (!experts_follow_tp(row)) return;
  const std::int64_t ranks = std::int64_t{1} * out.tp * out.cp * out.dp;
  if (ranks % (std::int64_t{out.ep} * out.tp) == 0) out.etp = out.tp;
}

void set_zero(Layout& out, const RunInputs& row, std::vector<std::string>& filled) {
  const std::string& text = row.zero;
  const int replicas = out.dp * out.cp;
  if (text.empty()) {
    filled.emplace_back("zero_stage/fsdp");
    const bool plain = row.year.value_or(sequence_parallel_since) < sequence_parallel_since ||
                       contains(row.framework, "Megatron-DeepSpeed");
    out.zero_stage = plain ? 0 : 1;
  } else if (contains(text, "ZeRO-2") || contains(text, "SHARD_GRAD_OP")) {
    out.zero_stage = 2;
  } else if (contains(text, "ZeRO-3") || contains(text, "FSDP")) {
    out.zero_stage = 3;
  } else if (contains(text, "ZeRO-1") || contains(text, "distributed optimizer")) {
    out.zero_stage = 1;
  }
  if (replicas == 1) out.zero_stage = 0;
  std::optional<int> group = number_behind(text, "group ");
  if (!group && contains(text, "-way")) group = number_behind(text, "(");
  if (out.zero_stage > 0 && group && *group > 1 && *group < replicas && replicas % *group == 0) {
    out.shard = *group;
  }
}

void set_pipeline(Layout& out, const RunInputs& row, const spec::Model& model) {
  if (out.pp > 1 && row.has("dualpipe")) {
    out.schedule = layout::Schedule::dual_pipe;
  } else if (out.vpp > 1) {
    out.schedule = layout::Schedule::interleaved;
  }
  const bool ends_count = contains(row.pp_partition, "embedding");
  if (ends_count || model.layers % (out.pp * out.vpp) != 0) {
    out.partition = layout::Partition::balanced;
  }
}

// "full (block, 5 layers)": the first five of each chunk.
void set_recompute(Layout& out, const std::string& text) {
  const std::optional<int> layers = number_behind(text, "block, ");
  if (text.starts_with("full") && layers) {
    out.recompute = Recompute::full_for_some;
    out.recompute_layers = *layers;
  } else if (text.starts_with("full") || contains(text, "(moe+")) {
    out.recompute = Recompute::full;
  } else if (text == "selective" || text == "selective (core_attn)") {
    out.recompute = Recompute::selective;
  }
}

bool sequence_parallel(const Layout& out, const RunInputs& row, const spec::Model& model,
                       std::vector<std::string>& filled) {
  if (out.tp == 1) return false;
  if (model.experts) return true;
  if (row.sequence_parallel) return *row.sequence_parallel == 1;
  filled.emplace_back("sequence_parallel");
  return row.year.value_or(sequence_parallel_since) >= sequence_parallel_since;
}

}  // namespace

Result<RowLayout> layout_of(const RunInputs& row, const spec::Model& model) {
  if (!row.global_batch) return cannot("global_batch is empty");
  RowLayout out;
  RETURN_IF_ERROR(set_degrees(out.layout, row, out.filled));
  set_experts(out.layout, row, model);
  set_zero(out.layout, row, out.filled);
  set_pipeline(out.layout, row, model);
  out.layout.sequence_parallel = sequence_parallel(out.layout, row, model, out.filled);
  set_recompute(out.layout, row.recompute);
  out.recompute_is_open = row.recompute.empty();
  if (out.recompute_is_open) out.filled.emplace_back("recompute");
  out.layout.offload_optimizer = contains(row.offload, "optimizer");
  out.layout.offload_activations = contains(row.offload, "activations");
  const std::int64_t together = std::int64_t{out.layout.dp} * out.layout.micro_batch;
  out.global_batch = (*row.global_batch + together - 1) / together * together;
  return out;
}

}  // namespace celere::study
