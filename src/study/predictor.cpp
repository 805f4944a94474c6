#include "study/predictor.hpp"

#include <fmt/format.h>

#include "layout/legal.hpp"
#include "study/row_layout.hpp"
#include "study/row_model.hpp"
#include "study/row_place.hpp"

namespace celere::study {
namespace {

template <typename T>
Result<T> entry(const std::map<std::string, T>& entries, const std::string& name) {
  const auto found = entries.find(name);
  if (found == entries.end()) {
    return Error{ErrorCode::not_found, fmt::format("the catalogue has no \"{}\"", name), {}};
  }
  return found->second;
}

Spread spread_of(const spec::StackSpread& spread, bool experts) {
  const spec::Fact<double>& low = experts ? spread.experts_low : spread.dense_low;
  const spec::Fact<double>& high = experts ? spread.experts_high : spread.dense_high;
  return {low.value.value_or(1), high.value.value_or(1)};
}

}  // namespace

Bytes Prediction::allocated() const {
  return cost.memory_max - cost.memory[cost::Bucket::reserved] -
         cost.memory[cost::Bucket::fragmentation];
}

Result<Predictor> Predictor::of(const spec::Catalog& catalog, SwitchFactors factors) {
  using spec::Kind;
  Predictor out;
  out.factors_ = factors;
  for (const std::string& name : catalog.names(Kind::model)) {
    ASSIGN_OR_RETURN(spec::Model model, catalog.model(name));
    if (model.unknown.empty()) out.models_.push_back(std::move(model));
  }
  for (const std::string& name : catalog.names(Kind::chip)) {
    ASSIGN_OR_RETURN(out.chips_[name], catalog.chip(name));
  }
  for (const std::string& name : catalog.names(Kind::cluster)) {
    ASSIGN_OR_RETURN(out.clusters_[name], catalog.cluster(name));
  }
  for (const std::string& name : catalog.names(Kind::stack)) {
    ASSIGN_OR_RETURN(out.stacks_[name], catalog.stack(name));
  }
  return out;
}

Result<cost::Setting> Predictor::setting_of(const RunInputs& row, spec::Model model) const {
  cost::Setting setting;
  setting.model = std::move(model);
  ASSIGN_OR_RETURN(const RowPlace place, place_of(row));
  ASSIGN_OR_RETURN(setting.chip, entry(chips_, place.chip));
  ASSIGN_OR_RETURN(setting.cluster, entry(clusters_, place.cluster));
  ASSIGN_OR_RETURN(setting.stack, entry(stacks_, stack_name_of(row)));
  apply_switches(row, factors_, setting.stack);
  ASSIGN_OR_RETURN(setting.precision, precision_of(row));
  setting.optimizer = optimizer_of(row);
  if (!row.sequence) return Error{ErrorCode::unsupported, "seq_len is empty", {}};
  setting.sequence = *row.sequence;
  return setting;
}

Result<Prediction> Predictor::predict(const RunInputs& row) const {
  ASSIGN_OR_RETURN(RowModel shape, model_of(row, models_));
  ASSIGN_OR_RETURN(RowLayout plan, layout_of(row, shape.model));
  ASSIGN_OR_RETURN(cost::Setting setting, setting_of(row, std::move(shape.model)));
  setting.gpus = plan.layout.ranks();
  make_room(setting.cluster, setting.gpus);
  const layout::Shape counts = cost::shape_of(setting, plan.global_batch);
  if (const auto broken = layout::illegal(plan.layout, counts)) {
    return Error{ErrorCode::unsupported, layout::explain(*broken, plan.layout, counts), {}};
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<cost::StepModel> model,
                   cost::StepModel::of(std::move(setting)));
  const cost::Setting& of = model->setting();
  Prediction out;
  out.layout = plan.layout;
  out.global_batch = plan.global_batch;
  for (const layout::Recompute recompute : plan.recompute) {
    out.layout.recompute = recompute;
    out.cost = model->cost(out.layout, out.global_batch);
    out.fits = model->fits(out.cost);
    if (out.fits) break;
  }
  out.experts = of.model.experts.has_value();
  out.step = spread_around(out.cost.time, spread_of(of.stack.spread, out.experts));
  out.chip = of.chip.name;
  out.cluster = of.cluster.name;
  out.stack = of.stack.name;
  out.known_stack = of.stack.known;
  out.precision = of.precision;
  out.filled = std::move(shape.filled);
  out.filled.insert(out.filled.end(), plan.filled.begin(), plan.filled.end());
  return out;
}

}  // namespace celere::study
