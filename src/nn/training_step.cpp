#include "nn/training_step.hpp"

#include <torch/csrc/autograd/autograd.h>

#include <map>

#include "checkpoint/checksum.hpp"
#include "layout/pipeline.hpp"
#include "layout/schedule.hpp"
#include "nn/collectives.hpp"
#include "nn/context_rows.hpp"

namespace celere::nn {

TrainingStep::TrainingStep(const spec::Model& model, Parameters& parameters, Types types,
                           const kernels::Table* table, std::int64_t length_max)
    : model_(model), parameters_(&parameters) {
  const Mesh& mesh = parameters.mesh();
  const layout::Layout& l = mesh.layout();
  for (int v = 0; v < l.vpp; ++v) {
    const int index = v * l.pp + mesh.place().pp;
    const layout::ChunkLayers layers = layout::chunk_layers(l, model.layers, index);
    Chunk chunk;
    chunk.part = {.first = layers.first,
                  .count = layers.count,
                  .embedding = index == 0,
                  .head = index == l.pp * l.vpp - 1};
    chunk.units = std::make_unique<Units>(parameters, chunk.part, model);
    chunk.decoder = std::make_unique<Decoder>(model, parameters, Ops(types, table, &mesh),
                                              length_max, chunk.part, chunk.units.get());
    chunks_.push_back(std::move(chunk));
  }
}

// One step, or one pass over micro-batches without gradients.
struct TrainingStep::Run {
  struct Kept {
    at::Tensor in;  // leaf, or undefined at the first chunk
    PartResult out;
  };
  struct Arriving {
    at::Tensor tensor;
    std::optional<Pending> pending;
  };
  struct Sent {
    at::Tensor tensor;
    Pending pending;
  };

  Run(std::vector<Chunk>& parts, const Mesh& ranks, const spec::Model& of, Parameters& weights,
      LossScale loss_scale)
      : chunks(parts), mesh(ranks), model(of), parameters(weights), scale(loss_scale) {}

  int global_chunk(const layout::Pass& pass) const {
    return pass.chunk * mesh.layout().pp + mesh.place().pp;
  }
  int chunk_count() const { return mesh.layout().pp * mesh.layout().vpp; }
  const Batch& batch(const layout::Pass& pass) const {
    return batches[static_cast<std::size_t>(pass.micro_batch)];
  }
  // Of a message about the boundary before chunk `chunk`.
  int tag(std::int64_t micro_batch, int chunk) const {
    return static_cast<int>(micro_batch * (chunk_count() + 1) + chunk);
  }
  int neighbour(int step) const {
    return (mesh.place().pp + step + mesh.layout().pp) % mesh.layout().pp;
  }

  // Asks for what a pass will need from another stage, so that it comes while we compute.
  void ask(const layout::Pass& pass) {
    const int chunk = global_chunk(pass);
    const bool needs = pass.forward ? chunk > 0 : chunk + 1 < chunk_count();
    if (!needs) return;
    const std::int64_t rows =
        batch(pass).rows() / (mesh.layout().sequence_parallel ? mesh.layout().tp : 1);
    const Parameter& any = parameters.all().front();
    at::Tensor tensor = at::empty({rows, model.hidden}, any.value.options().requires_grad(false));
    const ProcessGroup& group = pass.forward ? mesh.forward_messages() : mesh.backward_messages();
    arriving = {tensor, group.receive(tensor, neighbour(pass.forward ? -1 : 1),
                                      tag(pass.micro_batch, pass.forward ? chunk : chunk + 1))};
  }
  at::Tensor arrived() {
    if (!arriving.pending) return {};
    finish(*std::exchange(arriving.pending, std::nullopt));
    return std::exchange(arriving.tensor, at::Tensor());
  }
  void send(const at::Tensor& tensor, const layout::Pass& pass) {
    const int boundary = global_chunk(pass) + (pass.forward ? 1 : 0);
    const ProcessGroup& group = pass.forward ? mesh.forward_messages() : mesh.backward_messages();
    const at::Tensor whole = tensor.detach().contiguous();
    sent.push_back({whole, group.send(whole, neighbour(pass.forward ? 1 : -1),
                                      tag(pass.micro_batch, boundary))});
  }

  void forward(const layout::Pass& pass, at::Tensor in) {
    const Chunk& chunk = chunks[static_cast<std::size_t>(pass.chunk)];
    if (in.defined() && learns) in.requires_grad_(true);
    PartResult out = chunk.decoder->run(batch(pass), in, scale);
    if (out.losses.head.defined()) {
      heads[static_cast<std::size_t>(pass.micro_batch)] = out.losses.head.item<double>();
    }
    if (out.losses.balance.defined()) balance += out.losses.balance.item<double>();
    if (!chunk.part.head) send(out.stream, pass);
    if (learns) kept[{pass.chunk, pass.micro_batch}] = {in, std::move(out)};
  }

  void backward(const layout::Pass& pass, const at::Tensor& gradient) {
    const Chunk& chunk = chunks[static_cast<std::size_t>(pass.chunk)];
    const auto place = kept.find({pass.chunk, pass.micro_batch});
    const Kept passed = std::move(place->second);
    kept.erase(place);
    chunk.units->set_last(pass.micro_batch + 1 == static_cast<std::int64_t>(batches.size()));
    Tensors roots, gradients;
    if (chunk.part.head) {
      roots.push_back(passed.out.losses.total());
      gradients.push_back(at::ones_like(roots.back()));
    } else {
      roots.push_back(passed.out.stream);
      gradients.push_back(gradient);
      if (passed.out.losses.balance.defined()) {
        roots.push_back(passed.out.losses.balance);
        gradients.push_back(at::ones_like(roots.back()));
      }
    }
    torch::autograd::backward(roots, gradients);
    chunk.units->backward_done();
    if (passed.in.defined()) send(passed.in.grad(), pass);
  }

  void through(const std::vector<layout::Pass>& passes) {
    if (!passes.empty()) ask(passes.front());
    for (std::size_t i = 0; i < passes.size(); ++i) {
      const at::Tensor in = arrived();
      if (i + 1 < passes.size()) ask(passes[i + 1]);
      if (passes[i].forward) {
        forward(passes[i], in);
      } else {
        backward(passes[i], in);
      }
    }
    for (Sent& one : sent) finish(one.pending);
  }

  std::vector<Chunk>& chunks;
  const Mesh& mesh;
  const spec::Model& model;
  Parameters& parameters;
  LossScale scale;
  bool learns = true;
  std::vector<Batch> batches;  // this rank's rows of them
  std::map<std::pair<int, std::int64_t>, Kept> kept;
  Arriving arriving;
  std::vector<Sent> sent;
  std::vector<double> heads;
  double balance = 0;
};

// Each rank brings what it alone knows: the last stage the heads' losses (the same on all ranks of
// tp), every stage and rank of a sequence its part of the balance loss.
StepLoss TrainingStep::told(Run& run) const {
  const Mesh& mesh = parameters_->mesh();
  const layout::Layout& l = mesh.layout();
  const auto count = static_cast<std::int64_t>(run.heads.size());
  at::Tensor all = at::zeros({l.dp * count + 1}, at::kDouble);
  double* numbers = all.mutable_data_ptr<double>();
  if (mesh.is_last_stage() && mesh.place().tp == 0) {
    std::copy(run.heads.begin(), run.heads.end(), numbers + mesh.place().dp * count);
  }
  numbers[l.dp * count] = run.balance;
  all = all.to(parameters_->all().front().value.device());
  finish(mesh[layout::Axis::world].all_reduce_sum(all));
  all = all.cpu();
  const double* sums = all.const_data_ptr<double>();
  StepLoss out;
  out.of_micro_batch.assign(sums, sums + l.dp * count);
  for (const double loss : out.of_micro_batch) out.head += loss;
  out.balance = sums[l.dp * count];
  return out;
}

void TrainingStep::through(Run& run, std::span<const Batch> micro_batches, bool learns) {
  const Mesh& mesh = parameters_->mesh();
  const layout::Layout& l = mesh.layout();
  run.learns = learns;
  for (const Batch& batch : micro_batches) {
    run.batches.push_back(context_rows(batch, l.cp, mesh.place().cp));
  }
  run.heads.assign(micro_batches.size(), 0);
  std::vector<layout::Pass> passes =
      layout::passes(l, mesh.place().pp, static_cast<std::int64_t>(micro_batches.size()));
  if (!learns) std::erase_if(passes, [](const layout::Pass& pass) { return !pass.forward; });
  const c10::AutoGradMode recording(learns);
  run.through(passes);
}

Result<StepLoss> TrainingStep::guarded(std::span<const Batch> micro_batches, LossScale scale,
                                       bool learns) {
  try {
    Run run(chunks_, parameters_->mesh(), model_, *parameters_, scale);
    if (learns) parameters_->zero_gradients();
    if (learns && when_zeroed_) when_zeroed_(false);
    through(run, micro_batches, learns);
    if (learns) {
      for (const auto& bucket : parameters_->buckets()) bucket->finish_gradients();
    }
    return told(run);
  } catch (const GroupBroken& broken) {
    return broken.error;
  }
}

Result<std::string> TrainingStep::fingerprint(std::span<const Batch> micro_batches,
                                              LossScale scale) {
  checkpoint::Checksum sum;
  const auto add = [&](const void* bytes, std::size_t count) {
    sum.add({static_cast<const std::byte*>(bytes), count});
  };
  struct Diverted {
    Parameters& parameters;
    ~Diverted() {
      for (const auto& bucket : parameters.buckets()) bucket->divert_gradients({});
    }
  } const diverted{*parameters_};
  try {
    parameters_->zero_gradients();
    if (when_zeroed_) when_zeroed_(true);
    for (const auto& bucket : parameters_->buckets()) {
      bucket->divert_gradients(
          [&](const at::Tensor& own) { add(own.const_data_ptr(), own.nbytes()); });
    }
    Run run(chunks_, parameters_->mesh(), model_, *parameters_, scale);
    through(run, micro_batches, true);
    add(run.heads.data(), run.heads.size() * sizeof(double));
    add(&run.balance, sizeof run.balance);
    parameters_->zero_gradients();
  } catch (const GroupBroken& broken) {
    return broken.error;
  }
  return sum.hexadecimal();
}

Result<StepLoss> TrainingStep::run(std::span<const Batch> micro_batches, LossScale scale) {
  return guarded(micro_batches, scale, true);
}

Result<StepLoss> TrainingStep::losses(std::span<const Batch> micro_batches, LossScale scale) {
  return guarded(micro_batches, scale, false);
}

}  // namespace celere::nn
