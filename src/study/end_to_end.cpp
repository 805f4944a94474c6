#include "study/end_to_end.hpp"

#include <fmt/format.h>

#include <cmath>

#include "cost/goodput.hpp"
#include "study/row_place.hpp"
#include "study/row_software.hpp"

namespace celere::study {
namespace {

// The useful share with the cluster's failures and the best interval between checkpoints.
Result<double> goodput_of(const cost::StepModel& model, const layout::Layout& layout,
                          Seconds working) {
  ASSIGN_OR_RETURN(const cost::FailureModel failures,
                   cost::failures_of(model.setting().cluster, layout.ranks(), working,
                                     model.checkpoint_bytes()));
  return cost::useful_share(failures, cost::best_interval(failures));
}

}  // namespace

Result<WholeRunPredictor> WholeRunPredictor::of(const spec::Catalog& catalog,
                                                WholeNumbers numbers) {
  WholeRunPredictor out;
  out.numbers_ = std::move(numbers);
  ASSIGN_OR_RETURN(out.entries_, Entries::of(catalog));
  return out;
}

Result<cost::Setting> WholeRunPredictor::setting_of(const WholeInputs& inputs,
                                                    WholeShape& shape) const {
  cost::Setting setting;
  ASSIGN_OR_RETURN(const RowPlace place, place_of(shape.run));
  ASSIGN_OR_RETURN(setting.chip, entries_.chip(place.chip));
  ASSIGN_OR_RETURN(setting.cluster, entries_.cluster(place.cluster));
  const std::string stack = inputs.mlperf() ? stack_name_of(shape.run) : setting.cluster.stack;
  ASSIGN_OR_RETURN(setting.stack, entries_.stack(stack));
  ASSIGN_OR_RETURN(setting.precision, precision_of(shape.run));
  setting.model = std::move(shape.model);
  setting.sequence = *shape.run.sequence;
  setting.gpus = *shape.run.gpus;
  make_room(setting.cluster, setting.gpus);
  return setting;
}

// What is beside the steps; the interval.
Result<Spread> WholeRunPredictor::set_practice(WholePrediction& out, const WholeInputs& inputs,
                                               const cost::StepModel& model,
                                               Seconds working) const {
  const std::string what = "the time of a whole training";
  if (inputs.mlperf()) {
    ASSIGN_OR_RETURN(const double others, numbers_.mlperf_others.needed_for(what));
    out.practice = 1 + others;
    return raised(numbers_.mlperf, inputs.global_batch ? 1 : numbers_.assumed_batch);
  }
  ASSIGN_OR_RETURN(out.goodput, goodput_of(model, out.layout.layout, working));
  if (!(out.goodput > 0)) {
    return Error{ErrorCode::unsupported, "failures leave it no time to train", {}};
  }
  ASSIGN_OR_RETURN(const double exponent, numbers_.exponent.needed_for(what));
  if (model.setting().stack.fused_attention) {
    out.beyond = beyond_chinchilla(inputs.tokens->in_base() / *inputs.parameters);
  }
  out.practice = std::exp(exponent * out.beyond);
  return numbers_.trainings;
}

Result<WholePrediction> WholeRunPredictor::predict(const WholeInputs& inputs) const {
  ASSIGN_OR_RETURN(WholeShape shape, shape_of_whole(inputs, entries_.models));
  ASSIGN_OR_RETURN(cost::Setting setting, setting_of(inputs, shape));
  ASSIGN_OR_RETURN(const std::unique_ptr<cost::StepModel> model,
                   cost::StepModel::of(std::move(setting)));
  const std::int64_t gpus = *shape.run.gpus;
  const std::int64_t batch = *shape.run.global_batch;
  const std::optional<UsualLayout> layout =
      usual_layout(*model, gpus, {.sequences = batch, .fixed = shape.known_batch});
  if (!layout) {
    return Error{ErrorCode::unsupported,
                 fmt::format("no usual layout of {} GPUs is legal with {} sequences", gpus, batch),
                 {}};
  }
  WholePrediction out;
  out.layout = *layout;
  out.gpus = gpus;
  out.step = layout->step.time;
  const std::int64_t trained = shape.known_batch ? batch : layout->global_batch;
  out.steps = inputs.tokens->in_base() /
              (static_cast<double>(*shape.run.sequence) * static_cast<double>(trained));
  const Evaluations evaluations = evaluations_of(inputs);
  if (evaluations.every > 0) out.evaluation_share = evaluations.sequences / evaluations.every / 3;
  const Seconds working = out.steps * out.step * (1 + out.evaluation_share);
  ASSIGN_OR_RETURN(const Spread spread, set_practice(out, inputs, *model, working));
  out.gpu_time =
      spread_around(static_cast<double>(gpus) * working / out.goodput * out.practice, spread);
  out.mfu = model->mfu(layout->layout, layout->global_batch, out.step);
  const cost::Setting& of = model->setting();
  out.model = of.model.name;
  out.chip = of.chip.name;
  out.cluster = of.cluster.name;
  out.stack = of.stack.name;
  out.precision = of.precision;
  out.assumed = std::move(shape.assumed);
  return out;
}

}  // namespace celere::study
