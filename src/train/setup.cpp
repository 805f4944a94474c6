#include "train/setup.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "layout/legal.hpp"
#include "spec/layout_shape.hpp"
#include "spec/scaled_model.hpp"

namespace celere::train {
namespace {

// Tokens of a micro-batch beyond which products gain nothing on a CPU and activations leave the
// cache.
constexpr std::int64_t micro_batch_tokens = 4096;

Error refused(const spec::Run& run, const std::string& key, const std::string& why) {
  return bad_input(fmt::format("{}: {}", run.place_of(key), why));
}

Result<spec::Precision> choose_precision(const spec::Run& run, const spec::Chip& chip) {
  if (run.precision_auto) return spec::measured_precision(chip);
  if (run.precision == spec::Precision::fp32) return run.precision;
  if (run.precision != spec::Precision::bf16) {
    return refused(run, "train.precision",
                   fmt::format("{} is not a format that {} multiplies; fp32 and bf16 are, and "
                               "\"auto\" takes the faster",
                               name_of(run.precision), chip.title));
  }
  const auto [wide, narrow] = spec::product_rates(chip);
  if (narrow.known() && wide.known() && *narrow.value < *wide.value) {
    return refused(
        run, "train.precision",
        fmt::format("{} multiplies bf16 at {:.1f} GFLOP/s and fp32 at {:.1f}: write fp32, "
                    "or \"auto\"",
                    chip.title, narrow.value->in_base() * 1e-9, wide.value->in_base() * 1e-9));
  }
  return run.precision;
}

// The key of the run file that a rule is about, as far as one is.
std::string key_of(layout::Illegal rule) {
  using layout::Illegal;
  switch (rule) {
    case Illegal::tp_heads:
    case Illegal::tp_kv_heads:
    case Illegal::tp_ffn:
      return "layout.tp";
    case Illegal::cp_sequence:
    case Illegal::cp_heads:
      return "layout.cp";
    case Illegal::pp_layers:
    case Illegal::partition_layers:
      return "layout.pp";
    case Illegal::global_batch:
      return "layout.micro_batch";
    default:
      return "layout";
  }
}

// Of one rank every batch can be cut: the last micro-batch is then a smaller one.
Status check_layout(const spec::Run& run, const spec::Model& model, const layout::Layout& layout,
                    Batches batches) {
  if (const auto why = layout::untrained(layout)) return refused(run, "layout", *why);
  if (layout.ranks() == 1) return Done{};
  layout::Shape shape = spec::layout_shape(model);
  shape.sequence = run.sequence;
  shape.global_batch = run.batch.phases.back().sequences;
  if (batches == Batches::filled_up) {
    const std::int64_t of_all = static_cast<std::int64_t>(layout.dp) *
                                std::max<std::int64_t>(1, layout.micro_batch) *
                                (layout.schedule == layout::Schedule::interleaved ? layout.pp : 1);
    shape.global_batch = (shape.global_batch + of_all - 1) / of_all * of_all;
  }
  shape.gpus = layout.ranks();
  if (const auto rule = layout::illegal(layout, shape)) {
    return refused(run, key_of(*rule), layout::explain(*rule, layout, shape));
  }
  return Done{};
}

// Where nothing is said: as many sequences as a CPU's products gain by, of those that a replica
// has.
std::int64_t micro_batch_of(const spec::Run& run, const layout::Layout& layout) {
  const std::int64_t batch = run.batch.phases.back().sequences;
  if (run.layout.micro_batch) return std::min<std::int64_t>(*run.layout.micro_batch, batch);
  const std::int64_t each = std::max<std::int64_t>(1, batch / layout.dp);
  std::int64_t micro = std::clamp<std::int64_t>(micro_batch_tokens / run.sequence, 1, each);
  while (layout.ranks() > 1 && each % micro != 0) --micro;
  return micro;
}

}  // namespace

double flops_per_token(const spec::Model& model, std::int64_t sequence) {
  const spec::ParameterCount count = spec::count_parameters(model);
  double weights = static_cast<double>(count.active);
  for (const spec::Tensor& tensor : spec::tensors(model)) {
    const bool head = tensor.name == "head";
    if (tensor.type == spec::TensorType::embedding && !head && tensor.layer < model.layers) {
      weights -= static_cast<double>(tensor.count());
    }
  }
  if (model.tied_embeddings) weights += static_cast<double>(model.vocab) * model.hidden;
  const spec::Attention& a = model.attention;
  const double attention =
      3.0 * static_cast<double>(sequence) * model.layers * a.heads * (a.head_dim + a.value_dim);
  return 6 * weights + attention;
}

Result<Setup> make_setup(spec::Run run, const spec::Catalog& catalog, Batches batches) {
  ASSIGN_OR_RETURN(spec::Model model, spec::model_of(run, catalog));
  if (!model.unknown.empty()) {
    return refused(run, "model.use",
                   fmt::format("nobody published its {}", fmt::join(model.unknown, ", ")));
  }
  if (!run.data) return refused(run, "data", "is missing: a training needs its texts");
  ASSIGN_OR_RETURN(const spec::Cluster cluster, catalog.cluster(run.cluster_name));
  ASSIGN_OR_RETURN(const spec::Chip chip, catalog.chip(cluster.chip));
  ASSIGN_OR_RETURN(const spec::Precision precision, choose_precision(run, chip));
  const double tokens = run.tokens
                            ? run.tokens->in_base()
                            : run.compute->in_base() /
                                  (6 * static_cast<double>(spec::count_parameters(model).active));
  ASSIGN_OR_RETURN(Steps steps, Steps::make(run.batch, run.sequence, tokens));
  if (model.position == spec::Position::learned && run.sequence > model.context) {
    return refused(run, "train.sequence",
                   fmt::format("{} is more than the {} positions that the model learns",
                               run.sequence, model.context));
  }
  layout::Layout layout = spec::layout_of(run.layout);
  layout.micro_batch = static_cast<int>(micro_batch_of(run, layout));
  RETURN_IF_ERROR(check_layout(run, model, layout, batches));
  const spec::ProductRates rates = spec::product_rates(chip);
  const auto& rate = precision == spec::Precision::bf16 ? rates.bf16 : rates.fp32;
  Setup setup{.run = std::move(run),
              .model = std::move(model),
              .precision = precision,
              .types = {},
              .steps = std::move(steps),
              .layout = layout,
              .micro_batch = layout.micro_batch,
              .product_peak = rate.known() ? std::optional(rate.value->in_base()) : std::nullopt,
              .flops_per_token = 0};
  setup.types.compute = precision == spec::Precision::bf16 ? at::kBFloat16 : at::kFloat;
  setup.flops_per_token = flops_per_token(setup.model, setup.run.sequence);
  return setup;
}

}  // namespace celere::train
