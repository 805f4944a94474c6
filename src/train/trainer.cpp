#include "train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nn/collectives.hpp"
#include "nn/stored.hpp"

namespace celere::train {
namespace {

const Seconds save_every_default = Seconds::of(60);

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
      optimizer_(setup_.run.optimizer, setup_.run.schedule, parameters_, table) {
  if (world_.hooks == nullptr) return;
  training_step_.when_zeroed(
      [this](bool in_check) { world_.hooks->gradients_zeroed(parameters_, in_check); });
}

Trainer::~Trainer() = default;

Result<std::unique_ptr<Trainer>> Trainer::blank(Setup setup, TrainerOptions options, World world) {
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
  return std::unique_ptr<Trainer>(new Trainer(std::move(setup), std::move(options), world,
                                              table_here(), std::move(training),
                                              std::move(validation)));
}

Result<std::unique_ptr<Trainer>> Trainer::make(Setup setup, TrainerOptions options, World world) {
  ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer,
                   blank(std::move(setup), std::move(options), world));
  trainer->phase(wire::RankPhase::loading);
  RETURN_IF_ERROR(trainer->resume());
  RETURN_IF_ERROR(trainer->open_writer());
  return trainer;
}

Result<std::unique_ptr<Trainer>> Trainer::go_on(Setup setup, TrainerOptions options, World world,
                                                const std::optional<Carried>& carried) {
  ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer,
                   blank(std::move(setup), std::move(options), world));
  trainer->phase(wire::RankPhase::loading);
  RETURN_IF_ERROR(trainer->adopt(carried));
  RETURN_IF_ERROR(trainer->open_writer());
  world.recorder.event(
      "went_on", {{"generation", trainer->options_.generation}, {"step", trainer->step_}}, true);
  return trainer;
}

// The same one on all ranks; later steps than from_step are passed over, whatever they hold.
Result<checkpoint::Newest> Trainer::newest() {
  checkpoint::OpenOptions options;
  options.wanted = nn::wanted(parameters_, optimizer_);
  if (!options_.memory.folder.empty()) options.memories = {options_.memory.folder};
  if (options_.from_step) options.step_max = *options_.from_step;
  return checkpoint::newest_good(world_.storage, options_.directory.checkpoints(), options,
                                 world_.peers);
}

Status Trainer::resume() {
  const Instant begin = world_.clock.now();
  ASSIGN_OR_RETURN(const checkpoint::Newest newest, this->newest());
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
                                    {"memory_bytes", from.sources().memory_bytes},
                                    {"peers_bytes", from.sources().peers_bytes},
                                    {"load_time_s", (world_.clock.now() - begin).in_base()}});
  return Done{};
}

Status Trainer::adopt(const std::optional<Carried>& carried) {
  ASSIGN_OR_RETURN(const Standing at,
                   train::adopt(carried, held_tensors(parameters_, optimizer_), world_.peers));
  parameters_.shards_changed();
  step_ = at.step;
  cursor_ = at.cursor;
  optimizer_.set_steps(at.optimizer_steps);
  time_before_ = at.time;
  // When it was saved last only those know who lived: the next save counts from here on all.
  saved_step_ = reported_step_ = step_;
  return Done{};
}

Carried Trainer::carried() const {
  std::vector<HeldTensor> tensors = held_tensors(parameters_, optimizer_);
  for (HeldTensor& held : tensors) held.copies = nullptr;  // it goes with the mesh
  return {.standing = {.step = step_,
                       .optimizer_steps = optimizer_.steps(),
                       .cursor = cursor_,
                       .time = time_before_ + (world_.clock.now() - begin_)},
          .intact = intact_,
          .tensors = std::move(tensors)};
}

void Trainer::phase(wire::RankPhase phase) const {
  if (world_.flight != nullptr) world_.flight->pulse(step_, phase);
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
  options.memory = options_.memory;
  ASSIGN_OR_RETURN(writer_, checkpoint::CheckpointWriter::open(std::move(options), world_.clock,
                                                               world_.storage, world_.peers));
  std::int64_t bytes = 0;
  for (const checkpoint::TensorView& view : nn::stored_views(parameters_, &optimizer_)) {
    bytes += static_cast<std::int64_t>(view.bytes.size());
  }
  writer_->reserve(bytes);
  return Done{};
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

Result<bool> Trainer::save_if_finite(Outcome& bad) {
  phase(wire::RankPhase::saving);
  ASSIGN_OR_RETURN(const bool finite, weights_are_finite());
  if (!finite) {
    bad = {
        .ended = Ended::not_finite,
        .message = fmt::format("a weight is not a number behind step {}; it was not saved", step_)};
    world_.recorder.event("not_finite", {{"step", step_}, {"message", bad.message}}, true);
    return false;
  }
  RETURN_IF_ERROR(save());
  return true;
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
  if (report->not_copied) {
    world_.recorder.event("memory_copy_failed",
                          {{"step", report->step}, {"error", report->not_copied->message}});
  }
  world_.recorder.event("checkpoint_saved",
                        {{"step", report->step},
                         {"bytes", report->bytes},
                         {"blocking_time_s", report->blocking.in_base()},
                         {"write_time_s", report->writing.in_base()}},
                        true);
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

Result<Outcome> Trainer::ended_badly(Outcome bad) {
  (void)writer_->wait();
  report_save();
  phase(wire::RankPhase::ended);
  bad.steps = step_;
  return bad;
}

Result<Outcome> Trainer::run(const std::atomic<bool>& stop) {
  const std::int64_t total = setup_.steps.total();
  const Until until{stop, options_.stop_after >= 0 ? std::min(total, options_.stop_after) : total};
  validate_every_ = std::max<std::int64_t>(1, setup_.run.validate_every.of(total));
  begin_ = saved_at_ = world_.clock.now();
  tell_start();
  Feeder feeder(training_, cursor_, setup_.steps, step_, cut_, setup_.model.bigram_embeddings);
  ASSIGN_OR_RETURN(Wishes wishes, agree(stop, false));
  Outcome bad;
  while (step_ < until.end && !wishes.stop && !wishes.regroup) {
    ASSIGN_OR_RETURN(const std::optional<Wishes> next, advance(feeder, until, bad));
    if (!next) return ended_badly(bad);
    wishes = *next;
  }
  if (wishes.regroup && step_ < until.end && !wishes.stop) {
    (void)writer_->wait();
    report_save();
    return Outcome{.ended = Ended::regroup, .steps = step_};
  }
  if (saved_step_ != step_) {
    ASSIGN_OR_RETURN(const bool saved, save_if_finite(bad));
    if (!saved) return ended_badly(bad);
  }
  phase(wire::RankPhase::saving);
  const std::optional<checkpoint::SaveReport> last = writer_->wait();
  report_save();
  if (last && last->failed) return *last->failed;
  const Ended ended = step_ == total ? Ended::done : Ended::stopped;
  phase(wire::RankPhase::ended);
  world_.recorder.event(ended == Ended::done ? "done" : "stopped",
                        {{"step", step_}, {"total_steps", total}}, true);
  return Outcome{.ended = ended, .steps = step_, .message = {}, .asked = wishes.stop};
}

}  // namespace celere::train
