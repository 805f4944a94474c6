#include "train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/own_memory.hpp"
#include "nn/collectives.hpp"
#include "nn/stored.hpp"

namespace celere::train {
namespace {

const Seconds save_every_default = Seconds::of(60);
constexpr double smoothing = 0.1;  // of the shown speed

const nn::kernels::Table* table_here() {
  const auto capability = nn::kernels::capability_here();
  return capability == nn::kernels::Capability::plain ? nullptr
                                                      : &nn::kernels::table_of(capability);
}

tokens::DatasetOptions dataset_options(const Setup& setup, tokens::Side side) {
  const spec::DataSpec& data = *setup.run.data;
  const spec::DataLoss loss =
      side == tokens::Side::training ? data.loss_on : data.validation_loss_on;
  return {
      .sequence = setup.run.sequence,
      .packing =
          data.packing == spec::DataPacking::whole ? tokens::Packing::whole : tokens::Packing::cut,
      .loss_on = loss == spec::DataLoss::answers ? tokens::LossOn::answers : tokens::LossOn::all,
      .side = side,
      .seed = data.seed};
}

BatchCut cut_of(const Setup& setup, const nn::Mesh& mesh) {
  const layout::Layout& l = setup.layout;
  return {.micro_batch = setup.micro_batch,
          .replicas = l.dp,
          .replica = mesh.place().dp,
          .turns = l.schedule == layout::Schedule::interleaved ? l.pp : 1};
}

std::string of_layer(const spec::Model& model, std::optional<int> layer) {
  if (!layer) return "the weights and all layers are finite: the loss alone is not";
  if (*layer < 0) return "first in the embedding";
  if (*layer >= model.layers) return "first in the head";
  return fmt::format("first in layer {}", *layer);
}

}  // namespace

Trainer::Trainer(Setup setup, TrainerOptions options, World world, const nn::kernels::Table* table,
                 tokens::Dataset training, std::optional<tokens::Dataset> validation)
    : setup_(std::move(setup)),
      options_(std::move(options)),
      world_(world),
      table_(table),
      training_(std::move(training)),
      validation_(std::move(validation)),
      cut_(cut_of(setup_, world.mesh)),
      parameters_(setup_.model, setup_.types, at::kCPU, world.mesh),
      training_step_(setup_.model, parameters_, setup_.types, table, setup_.run.sequence),
      optimizer_(setup_.run.optimizer, setup_.run.schedule, parameters_, table) {}

Trainer::~Trainer() = default;

Result<std::unique_ptr<Trainer>> Trainer::make(Setup setup, TrainerOptions options, World world) {
  ASSIGN_OR_RETURN(tokens::Dataset training,
                   tokens::Dataset::open(world.files, options.corpus,
                                         dataset_options(setup, tokens::Side::training)));
  Result<tokens::Dataset> held_out = tokens::Dataset::open(
      world.files, options.corpus, dataset_options(setup, tokens::Side::validation));
  std::optional<tokens::Dataset> validation;
  if (held_out.ok()) {
    validation = *std::move(held_out);
  } else if (held_out.error().code != ErrorCode::bad_input) {  // which says that it has no sample
    return std::move(held_out).error();
  }
  const std::int32_t vocabulary = training.tokenizer().vocabulary();
  if (vocabulary > setup.model.vocab) {
    return bad_input(fmt::format(
        "{}: {} entries are fewer than the {} of the corpus' "
        "tokenizer in {}",
        setup.run.place_of("model.vocab"), setup.model.vocab, vocabulary, options.corpus));
  }
  std::unique_ptr<Trainer> trainer(new Trainer(std::move(setup), std::move(options), world,
                                               table_here(), std::move(training),
                                               std::move(validation)));
  RETURN_IF_ERROR(trainer->resume());
  RETURN_IF_ERROR(trainer->open_writer());
  return trainer;
}

Status Trainer::resume() {
  const Instant begin = world_.clock.now();
  checkpoint::Newest newest =
      checkpoint::newest_good(world_.storage, options_.directory.checkpoints());
  for (const checkpoint::Refused& refused : newest.refused) {
    world_.recorder.event("checkpoint_refused", {{"step", refused.which.step},
                                                 {"folder", refused.which.folder},
                                                 {"error", refused.why.message}});
  }
  if (!newest.checkpoint) {
    parameters_.initialise(setup_.model, setup_.run.schedule.seed);
    return Done{};
  }
  const checkpoint::Checkpoint& from = *newest.checkpoint;
  RETURN_IF_ERROR(
      nn::load(from, setup_.model, parameters_, &optimizer_).during("loading " + from.folder()));
  step_ = from.manifest().step;
  saved_step_ = reported_step_ = step_;
  ASSIGN_OR_RETURN(const std::int64_t optimizer_steps, from.state_integer("optimizer_steps"));
  ASSIGN_OR_RETURN(const double time, from.state_number("time_s"));
  ASSIGN_OR_RETURN(const std::string cursor, from.state_text("cursor"));
  ASSIGN_OR_RETURN(cursor_, tokens::Cursor::parse(cursor).during("reading " + from.folder()));
  optimizer_.set_steps(optimizer_steps);
  time_before_ = Seconds::of(time);
  world_.recorder.event("resumed", {{"step", step_},
                                    {"checkpoint", from.folder()},
                                    {"saved_under", from.manifest().about.layout},
                                    {"bytes", from.manifest().bytes()},
                                    {"load_time_s", (world_.clock.now() - begin).in_base()}});
  return Done{};
}

Status Trainer::open_writer() {
  checkpoint::WriterOptions options;
  options.folder = options_.directory.checkpoints();
  options.about = {.code_version = "celere 0.1.0",
                   .model = setup_.model.name,
                   .inventory = nn::inventory_hash(setup_.model),
                   .layout = layout::written(setup_.layout)};
  options.keep = setup_.run.checkpoint.keep;
  options.keep_every = setup_.run.checkpoint.keep_every;
  ASSIGN_OR_RETURN(writer_, checkpoint::CheckpointWriter::open(std::move(options), world_.clock,
                                                               world_.storage, world_.peers));
  std::int64_t bytes = 0;
  for (const checkpoint::TensorView& view : nn::stored_views(parameters_, &optimizer_)) {
    bytes += static_cast<std::int64_t>(view.bytes.size());
  }
  writer_->reserve(bytes);
  return Done{};
}

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
  RETURN_IF_ERROR(nn::guarded([&] {
    optimizer_.step(result.rate_factor, clips ? schedule.clip / result.gradient_norm : 1);
  }));
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

Result<Trainer::Wishes> Trainer::agree(Wishes own) const {
  std::array<double, 2> numbers{own.stop ? 1.0 : 0.0,
                                own.save && world_.mesh.rank() == 0 ? 1.0 : 0.0};
  RETURN_IF_ERROR(nn::sum_over(world_.mesh[layout::Axis::world], numbers));
  return Wishes{.stop = numbers[0] > 0, .save = numbers[1] > 0};
}

bool Trainer::save_due(Instant now) const {
  const spec::CheckpointPlan& plan = setup_.run.checkpoint;
  if (plan.every_steps) return step_ - saved_step_ >= *plan.every_steps;
  return now - saved_at_ >= plan.every.value_or(save_every_default);
}

Result<bool> Trainer::weights_are_finite() const {
  double bad = 0;
  for (const auto& bucket : parameters_.buckets()) {
    // A sum of finite numbers of this size is finite, and one that is not makes it so.
    if (!std::isfinite(bucket->value_shard().sum().item<double>())) bad += 1;
  }
  RETURN_IF_ERROR(nn::sum_over(world_.mesh[layout::Axis::world], std::span(&bad, 1)));
  return bad == 0;
}

Status Trainer::save() {
  report_save();
  checkpoint::State state;
  state["cursor"] = cursor_.json();
  state["optimizer_steps"] = optimizer_.steps();
  state["time_s"] = (time_before_ + (world_.clock.now() - begin_)).in_base();
  state["seed"] = std::to_string(setup_.run.schedule.seed);
  state["total_steps"] = setup_.steps.total();
  saved_step_ = step_;
  saved_at_ = world_.clock.now();
  return writer_->save(step_, nn::stored_views(parameters_, &optimizer_), std::move(state));
}

// Says how the save that ended last went, once.
void Trainer::report_save() {
  const std::optional<checkpoint::SaveReport> report = writer_->last();
  if (!report || report->step == reported_step_) return;
  reported_step_ = report->step;
  if (report->failed) {
    world_.recorder.event("checkpoint_failed",
                          {{"step", report->step}, {"error", report->failed->message}}, true);
    return;
  }
  world_.recorder.event("checkpoint_saved",
                        {{"step", report->step},
                         {"bytes", report->bytes},
                         {"blocking_time_s", report->blocking.in_base()},
                         {"write_time_s", report->writing.in_base()}},
                        true);
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

void Trainer::tell_start() {
  world_.recorder.event(
      "started", {{"step", step_},
                  {"total_steps", setup_.steps.total()},
                  {"parameters", spec::count_parameters(setup_.model).total},
                  {"precision", std::string(name_of(setup_.precision))},
                  {"kernels", std::string(nn::kernels::name_of(nn::kernels::capability_here()))},
                  {"ranks", setup_.layout.ranks()},
                  {"layout", layout::written(setup_.layout)},
                  {"threads", static_cast<std::int64_t>(at::get_num_threads())},
                  {"micro_batch", setup_.micro_batch},
                  {"training_tokens", static_cast<std::int64_t>(training_.tokens())}});
}

Result<std::optional<Trainer::Wishes>> Trainer::advance(Feeder& feeder,
                                                        const std::atomic<bool>& stop,
                                                        std::int64_t end, std::string& message) {
  const Instant begin = world_.clock.now();
  const GlobalBatch batch = feeder.next();
  const Seconds data = world_.clock.now() - begin;
  ASSIGN_OR_RETURN(const std::optional<StepResult> result, train_step(batch, message));
  if (!result) return std::optional<Wishes>();
  ++step_;
  cursor_.consume(static_cast<std::uint64_t>(batch.samples.count));
  const Instant now = world_.clock.now();
  wire::StepMetrics metrics = metrics_of(*result, batch, now - begin, data);
  const bool validates = step_ % validate_every_ == 0 || step_ == setup_.steps.total();
  if (validation_ && validates) {
    ASSIGN_OR_RETURN(metrics.loss_validation, validation_loss());
  }
  ASSIGN_OR_RETURN(const Wishes wishes,
                   agree({.stop = stop, .save = step_ == end || save_due(now)}));
  if (wishes.save) {
    const Instant before = world_.clock.now();
    ASSIGN_OR_RETURN(const bool finite, weights_are_finite());
    if (!finite) {
      message = fmt::format("a weight is not a number behind step {}; it was not saved", step_);
      return std::optional<Wishes>();
    }
    RETURN_IF_ERROR(save());
    metrics.checkpoint_time_s = (world_.clock.now() - before).in_base();
  }
  report_save();
  world_.recorder.step(metrics);
  return std::optional(wishes);
}

Result<Outcome> Trainer::run(const std::atomic<bool>& stop) {
  const std::int64_t total = setup_.steps.total();
  const std::int64_t end = options_.stop_after >= 0 ? std::min(total, options_.stop_after) : total;
  validate_every_ = std::max<std::int64_t>(1, setup_.run.validate_every.of(total));
  begin_ = saved_at_ = world_.clock.now();
  tell_start();
  Feeder feeder(training_, cursor_, setup_.steps, step_, cut_, setup_.model.bigram_embeddings);
  ASSIGN_OR_RETURN(Wishes wishes, agree({.stop = stop, .save = false}));
  while (step_ < end && !wishes.stop) {
    std::string message;
    ASSIGN_OR_RETURN(const std::optional<Wishes> next, advance(feeder, stop, end, message));
    if (!next) {
      (void)writer_->wait();
      report_save();
      world_.recorder.event("not_finite", {{"step", step_ + 1}, {"message", message}}, true);
      return Outcome{Ended::not_finite, step_, message};
    }
    wishes = *next;
  }
  if (saved_step_ != step_) {
    ASSIGN_OR_RETURN(const bool finite, weights_are_finite());
    if (!finite) {
      const std::string message =
          fmt::format("a weight is not a number behind step {}; it was not saved", step_);
      world_.recorder.event("not_finite", {{"step", step_}, {"message", message}}, true);
      return Outcome{Ended::not_finite, step_, message};
    }
    RETURN_IF_ERROR(save());
  }
  const std::optional<checkpoint::SaveReport> last = writer_->wait();
  report_save();
  if (last && last->failed) return *last->failed;
  const Ended ended = step_ == total ? Ended::done : Ended::stopped;
  world_.recorder.event(ended == Ended::done ? "done" : "stopped",
                        {{"step", step_}, {"total_steps", total}}, true);
  return Outcome{ended, step_, {}};
}

}  // namespace celere::train
