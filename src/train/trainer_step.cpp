// What one step does, and what follows it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/own_memory.hpp"
#include "nn/collectives.hpp"
#include "train/check.hpp"
#include "train/trainer.hpp"

namespace celere::train {
namespace {

constexpr double smoothing = 0.1;  // of the shown speed

std::string of_layer(const spec::Model& model, std::optional<int> layer) {
  if (!layer) return "the weights and all layers are finite: the loss alone is not";
  if (*layer < 0) return "first in the embedding";
  if (*layer >= model.layers) return "first in the head";
  return fmt::format("first in layer {}", *layer);
}

// While it lives nobody is made to give up: no update is left half-way.
class Held {
 public:
  explicit Held(nn::Watch* watch) : watch_(watch) { hold(true); }
  ~Held() { hold(false); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  void hold(bool held) {
    if (watch_ != nullptr) watch_->hold(held);
  }
  nn::Watch* watch_;
};

}  // namespace

std::string Trainer::not_finite(const GlobalBatch& batch, const nn::StepLoss& loss) const {
  const auto bad = std::find_if(loss.of_micro_batch.begin(), loss.of_micro_batch.end(),
                                [](double one) { return !std::isfinite(one); });
  const auto index = static_cast<std::size_t>(bad - loss.of_micro_batch.begin());
  const std::size_t each = batch.micro_batches.size();
  std::string text = fmt::format(
      "the loss is not a number at step {}, micro-batch {} (samples {} to {})", step_ + 1,
      index % each, batch.samples.first, batch.samples.first + batch.samples.count - 1);
  if (setup_.layout.dp > 1) text += fmt::format(" of replica {}", index / each);
  if (setup_.layout.ranks() > 1 || bad == loss.of_micro_batch.end()) return text;
  const nn::Decoder decoder(setup_.model, parameters_, nn::Ops(setup_.types, table_),
                            setup_.run.sequence);
  return text + "; " + of_layer(setup_.model, decoder.first_not_finite(batch.micro_batches[index]));
}

std::string Trainer::bad_gradient(const GlobalBatch& batch) const {
  // The last layer is the first that the backward pass meets.
  std::string where;
  for (const nn::Parameter& p : parameters_.all()) {
    const nn::Bucket& bucket = *parameters_.buckets()[p.bucket];
    const nn::Optimizer::Piece piece = nn::piece_of(p, bucket);
    const at::Tensor gradient = bucket.gradient_shard().narrow(0, piece.in_shard, piece.count);
    if (!gradient.isfinite().all().item<bool>()) where = p.what.name;
  }
  return fmt::format("the gradient is not a number at step {} (samples {} to {}){}", step_ + 1,
                     batch.samples.first, batch.samples.first + batch.samples.count - 1,
                     where.empty() ? ", on another rank" : "; first in " + where);
}

Result<double> Trainer::counted_of(const GlobalBatch& batch) const {
  double counted = static_cast<double>(batch.counted);
  RETURN_IF_ERROR(nn::sum_over(world_.mesh[layout::Axis::world], std::span(&counted, 1)));
  // The ranks of a replica have all counted the same.
  return std::max(1.0, counted * setup_.layout.dp / static_cast<double>(setup_.layout.ranks()));
}

Result<std::optional<Trainer::StepResult>> Trainer::train_step(const GlobalBatch& batch,
                                                               std::string& message) {
  ASSIGN_OR_RETURN(const double counted, counted_of(batch));
  const auto micro_batches =
      static_cast<double>(batch.micro_batches.size()) * static_cast<double>(setup_.layout.dp);
  ASSIGN_OR_RETURN(
      const nn::StepLoss loss,
      training_step_.run(batch.micro_batches, {.head = 1 / counted, .balance = 1 / micro_batches}));
  if (world_.hooks != nullptr) world_.hooks->gradients_summed(parameters_);
  if (!std::isfinite(loss.head)) {
    message = not_finite(batch, loss);
    return std::optional<StepResult>();
  }
  StepResult result;
  result.loss = loss.head;
  if (setup_.model.experts && setup_.model.experts->balance_loss > 0) result.balance = loss.balance;
  RETURN_IF_ERROR(
      nn::guarded([&] { result.gradient_norm = nn::gradient_norm(parameters_, table_); }));
  if (!std::isfinite(result.gradient_norm)) {
    message = bad_gradient(batch);
    return std::optional<StepResult>();
  }
  const spec::Schedule& schedule = setup_.run.schedule;
  result.rate_factor = spec::learning_rate_factor(schedule, step_, setup_.steps.total());
  const bool clips = schedule.clip > 0 && result.gradient_norm > schedule.clip;
  phase(wire::RankPhase::updating);
  const Held held(world_.watch);
  intact_ = false;
  RETURN_IF_ERROR(nn::guarded([&] {
    optimizer_.step(result.rate_factor, clips ? schedule.clip / result.gradient_norm : 1);
  }));
  intact_ = true;
  ++step_;
  cursor_.consume(static_cast<std::uint64_t>(batch.samples.count));
  if (world_.hooks != nullptr) world_.hooks->weights_updated(parameters_);
  return std::optional(result);
}

Result<double> Trainer::validation_loss() {
  const auto available = static_cast<std::int64_t>(validation_->epoch_samples());
  const std::int64_t count = std::min(setup_.run.validation, available);
  // The same samples each time: a cursor of its own, at its beginning.
  const GlobalBatch batch =
      make_batch(*validation_, {}, {0, count}, cut_, setup_.model.bigram_embeddings);
  ASSIGN_OR_RETURN(const double counted, counted_of(batch));
  ASSIGN_OR_RETURN(const nn::StepLoss loss,
                   training_step_.losses(batch.micro_batches, {.head = 1, .balance = 0}));
  return loss.head / counted;
}

wire::StepMetrics Trainer::metrics_of(const StepResult& result, const GlobalBatch& batch,
                                      Seconds step, Seconds data) const {
  const double tokens = static_cast<double>(batch.samples.count * setup_.run.sequence);
  const double speed = tokens / step.in_base();
  speed_ = speed_ == 0 ? speed : (1 - smoothing) * speed_ + smoothing * speed;
  const StepSamples end = setup_.steps.at(setup_.steps.total() - 1);
  const auto left = static_cast<double>(
      (end.first + end.count - batch.samples.first - batch.samples.count) * setup_.run.sequence);
  wire::StepMetrics m;
  m.step = step_;
  m.time_s = (time_before_ + (world_.clock.now() - begin_)).in_base();
  m.samples = batch.samples.first + batch.samples.count;
  m.tokens = *m.samples * setup_.run.sequence;
  m.loss = result.loss;
  m.loss_balance = result.balance;
  m.learning_rate = result.rate_factor * setup_.run.schedule.learning_rate;
  m.gradient_norm = result.gradient_norm;
  m.step_time_s = step.in_base();
  m.data_time_s = data.in_base();
  m.tokens_per_s = speed;
  if (setup_.product_peak) m.gemm_share = speed * setup_.flops_per_token / *setup_.product_peak;
  m.time_left_s = left / speed_;
  // Freed memory stays with the process (launch/ sets the allocator so): what it has is the most.
  const std::optional<Bytes> memory = own_memory(world_.files, "RssAnon");
  if (memory) m.memory_max_bytes = static_cast<std::int64_t>(memory->in_base());
  return m;
}

// Of regrouping it counts how many know.
Result<Trainer::Wishes> Trainer::agree(bool stop, bool save) const {
  const bool first = world_.mesh.rank() == 0;
  bool regroup = false;
  if (world_.orders != nullptr) {
    regroup = world_.orders->regroup(options_.generation).has_value();
    if (first && world_.orders->take_save()) save = true;
    if (const auto failure = world_.orders->take_failure()) {
      world_.recorder.own_event("orders_failed", {{"error", failure->message}});
    }
  }
  std::array<double, 3> numbers{stop ? 1.0 : 0.0, save && first ? 1.0 : 0.0, regroup ? 1.0 : 0.0};
  RETURN_IF_ERROR(nn::sum_over(world_.mesh[layout::Axis::world], numbers));
  return Wishes{.stop = numbers[0] > 0,
                .save = numbers[1] > 0,
                .regroup = numbers[2] >= static_cast<double>(setup_.layout.ranks())};
}

Seconds Trainer::computed() const {
  return world_.watch != nullptr ? world_.watch->computed() : Seconds{};
}

void Trainer::skip_batch(const GlobalBatch& batch) {
  ++step_;
  cursor_.consume(static_cast<std::uint64_t>(batch.samples.count));
  world_.recorder.event(
      "batch_skipped",
      {{"step", step_}, {"first_sample", batch.samples.first}, {"samples", batch.samples.count}},
      true);
}

// As many micro-batches as go through the stages at once; another one each time.
Result<bool> Trainer::check(const GlobalBatch& batch, Outcome& bad) {
  const auto turns = static_cast<std::size_t>(cut_.turns);
  const auto index = static_cast<std::size_t>(step_ / setup_.run.check_every);
  const std::size_t first = index % (batch.micro_batches.size() / turns) * turns;
  ASSIGN_OR_RETURN(std::vector<Mismatch> found,
                   check_repeat(training_step_,
                                std::span(batch.micro_batches).subspan(first, turns), world_.mesh));
  ASSIGN_OR_RETURN(const std::vector<Mismatch> of_copies,
                   check_replicas(parameters_, optimizer_, setup_.model.layers));
  found.insert(found.end(), of_copies.begin(), of_copies.end());
  std::stable_sort(found.begin(), found.end(),
                   [](const Mismatch& a, const Mismatch& b) { return a.sure && !b.sure; });
  if (found.empty()) {
    world_.recorder.event("check_clean", {{"step", step_}});
    return true;
  }
  bad = {.ended = Ended::mismatch};
  for (const Mismatch& one : found) {
    world_.recorder.event("mismatch",
                          {{"step", step_},
                           {"rank", one.rank},
                           {"check", one.kind},
                           {"sure", one.sure},
                           {"detail", one.detail}},
                          true);
    bad.message += fmt::format("{}rank {} behind step {}: {}", bad.message.empty() ? "" : "\n",
                               one.rank, step_, one.detail);
  }
  return false;
}

Result<std::optional<Trainer::Wishes>> Trainer::behind_step(const Until& until,
                                                            wire::StepMetrics* metrics,
                                                            Outcome& bad) {
  const Instant now = world_.clock.now();
  const bool validates = step_ % validate_every_ == 0 || step_ == setup_.steps.total();
  if (metrics != nullptr && validation_ && validates) {
    phase(wire::RankPhase::validating);
    ASSIGN_OR_RETURN(metrics->loss_validation, validation_loss());
  }
  ASSIGN_OR_RETURN(const Wishes wishes, agree(until.stop, step_ == until.end || save_due(now)));
  if (wishes.save) {
    const Instant before = world_.clock.now();
    ASSIGN_OR_RETURN(const bool saved, save_if_finite(bad));
    if (!saved) return std::optional<Wishes>();
    if (metrics != nullptr) {
      metrics->checkpoint_time_s = (world_.clock.now() - before).in_base();
    }
  }
  report_save();
  if (metrics != nullptr) world_.recorder.step(*metrics);
  return std::optional(wishes);
}

Result<std::optional<Trainer::Wishes>> Trainer::advance(Feeder& feeder, const Until& until,
                                                        Outcome& bad) {
  phase(wire::RankPhase::computing);
  const Instant begin = world_.clock.now();
  const Seconds computed_before = computed();
  if (world_.hooks != nullptr) world_.hooks->step_begins(computed_);
  const GlobalBatch batch = feeder.next();
  const Seconds data = world_.clock.now() - begin;
  if (options_.skipped.contains(step_ + 1)) {
    skip_batch(batch);
    return behind_step(until, nullptr, bad);
  }
  bad = {.ended = Ended::not_finite};
  ASSIGN_OR_RETURN(const std::optional<StepResult> result, train_step(batch, bad.message));
  if (!result) {
    world_.recorder.event("not_finite", {{"step", step_ + 1}, {"message", bad.message}}, true);
    return std::optional<Wishes>();
  }
  const Seconds whole = world_.clock.now() - begin;
  computed_ = computed() - computed_before;
  if (world_.flight != nullptr) {
    world_.flight->step_done({.step = step_, .compute = computed_, .whole = whole});
  }
  phase(wire::RankPhase::computing);
  wire::StepMetrics metrics = metrics_of(*result, batch, whole, data);
  const std::int64_t every = setup_.run.check_every;
  const auto what_follows = [&]() -> Result<std::optional<Wishes>> {
    if (every > 0 && step_ % every == 0) {
      ASSIGN_OR_RETURN(const bool clean, check(batch, bad));
      if (!clean) {
        world_.recorder.step(metrics);
        return std::optional<Wishes>();
      }
    }
    return behind_step(until, &metrics, bad);
  };
  Result<std::optional<Wishes>> wishes = what_follows();
  // The step was done all the same, and a next generation goes on behind it.
  if (!wishes.ok()) world_.recorder.step(metrics);
  return wishes;
}

}  // namespace celere::train
