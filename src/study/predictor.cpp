#include "study/predictor.hpp"

#include <fmt/format.h>

#include "layout/legal.hpp"
#include "layout/pipeline.hpp"
#include "study/row_layout.hpp"
#include "study/row_model.hpp"
#include "study/row_place.hpp"

namespace celere::study {
namespace {

// The choices of recomputation, least first; the layers of a chunk by halving.
void recompute_least(const cost::StepModel& model, std::int64_t global_batch,
                     layout::Layout& layout) {
  using layout::Recompute;
  const auto fits = [&](Recompute recompute, int layers) {
    layout.recompute = recompute;
    layout.recompute_layers = layers;
    return model.fits(model.cost(layout, global_batch));
  };
  if (fits(Recompute::none, 0) || fits(Recompute::selective, 0)) return;
  // `low` layers do not fit, `high` layers do or are all.
  const int all = layout::longest_chunk(layout, model.setting().model.layers);
  int low = 0;
  int high = all;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (fits(Recompute::full_for_some, middle) ? high : low) = middle;
  }
  layout.recompute = high < all ? Recompute::full_for_some : Recompute::full;
  layout.recompute_layers = high < all ? high : 0;
}

// Wider where a row leaves fields empty.
Result<Spread> spread_of(const spec::StackSpread& spread, bool experts, bool complete) {
  const std::string what = "the interval of the step time";
  ASSIGN_OR_RETURN(const double low, spread.low(experts).needed_for(what));
  ASSIGN_OR_RETURN(const double high, spread.high(experts).needed_for(what));
  ASSIGN_OR_RETURN(const double wider, spread.incomplete.needed_for(what));
  return raised({low, high}, complete ? 1 : wider);
}

}  // namespace

Bytes Prediction::allocated() const {
  return cost.memory_max - cost.memory[cost::Bucket::reserved] -
         cost.memory[cost::Bucket::fragmentation];
}

Result<Predictor> Predictor::of(const spec::Catalog& catalog) {
  Predictor out;
  ASSIGN_OR_RETURN(out.entries_, Entries::of(catalog));
  return out;
}

Result<cost::Setting> Predictor::setting_of(const RunInputs& row, spec::Model model) const {
  cost::Setting setting;
  setting.model = std::move(model);
  ASSIGN_OR_RETURN(const RowPlace place, place_of(row));
  ASSIGN_OR_RETURN(setting.chip, entries_.chip(place.chip));
  ASSIGN_OR_RETURN(setting.cluster, entries_.cluster(place.cluster));
  ASSIGN_OR_RETURN(setting.stack, entries_.stack(stack_name_of(row)));
  ASSIGN_OR_RETURN(setting.precision, precision_of(row));
  setting.optimizer = optimizer_of(row);
  if (!row.sequence) return Error{ErrorCode::unsupported, "seq_len is empty", {}};
  setting.sequence = *row.sequence;
  return setting;
}

Result<PreparedRun> Predictor::prepare(const RunInputs& row) const {
  ASSIGN_OR_RETURN(RowModel shape, model_of(row, entries_.models));
  ASSIGN_OR_RETURN(RowLayout plan, layout_of(row, shape.model));
  PreparedRun out;
  out.row = row;
  ASSIGN_OR_RETURN(out.setting, setting_of(row, std::move(shape.model)));
  out.setting.gpus = plan.layout.ranks();
  make_room(out.setting.cluster, out.setting.gpus);
  const layout::Shape counts = cost::shape_of(out.setting, plan.global_batch);
  if (const auto broken = layout::illegal(plan.layout, counts)) {
    return Error{ErrorCode::unsupported, layout::explain(*broken, plan.layout, counts), {}};
  }
  out.layout = plan.layout;
  out.global_batch = plan.global_batch;
  cost::Setting switched = out.setting;
  apply_switches(row, switched.stack);
  ASSIGN_OR_RETURN(out.like, cost::StepModel::of(std::move(switched)));
  if (plan.recompute_is_open) recompute_least(*out.like, out.global_batch, out.layout);
  out.filled = std::move(shape.filled);
  out.filled.insert(out.filled.end(), plan.filled.begin(), plan.filled.end());
  return out;
}

Result<Prediction> Predictor::predict(const RunInputs& row) const {
  ASSIGN_OR_RETURN(const PreparedRun run, prepare(row));
  return predict(run, [](spec::Stack&, spec::Chip&, spec::Cluster&) {});
}

Result<Prediction> Predictor::predict(const PreparedRun& run, const Adjust& adjust) {
  cost::Setting setting = run.setting;
  adjust(setting.stack, setting.chip, setting.cluster);
  apply_switches(run.row, setting.stack);
  ASSIGN_OR_RETURN(const std::unique_ptr<cost::StepModel> model,
                   cost::StepModel::of(std::move(setting), run.like.get()));
  const cost::Setting& of = model->setting();
  Prediction out;
  out.layout = run.layout;
  out.global_batch = run.global_batch;
  out.cost = model->cost(out.layout, out.global_batch);
  out.fits = model->fits(out.cost);
  out.experts = of.model.experts.has_value();
  ASSIGN_OR_RETURN(const Spread spread,
                   spread_of(of.stack.spread, out.experts, run.filled.empty()));
  out.step = spread_around(out.cost.time, spread);
  out.chip = of.chip.name;
  out.cluster = of.cluster.name;
  out.stack = of.stack.name;
  out.known_stack = of.stack.known;
  out.precision = of.precision;
  out.filled = run.filled;
  return out;
}

}  // namespace celere::study
