#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <mutex>
#include <thread>

#include "nn/optimizer.hpp"
#include "nn/parallel_test.hpp"
#include "nn/test_models.hpp"
#include "nn/training_step.hpp"

namespace celere::nn {
namespace {

// The micro-batches of one step: the same whatever the layout. Documents begin in the middle of
// some sequences, and some rows do not count.
std::vector<Batch> batches_of(const spec::Model& model, const TrainPlan& plan, int step) {
  std::vector<Batch> out;
  for (int i = 0; i < plan.micro_batches; ++i) {
    const auto generator =
        at::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(1000 * step + i));
    Batch batch = plain_batch(at::randint(0, model.vocab, {plan.micro_batch, plan.length + 1},
                                          generator, at::TensorOptions().dtype(at::kLong)),
                              model.bigram_embeddings);
    const std::int64_t cut = plan.length / 3 + i % 3;  // where the second document begins
    for (std::int64_t row = cut; row < plan.length; ++row) {
      batch.start[row] = cut;
      batch.position[row] = row - cut;
    }
    batch.counted[i % plan.length] = 0;
    out.push_back(std::move(batch));
  }
  return out;
}

spec::Schedule schedule() {
  spec::Schedule s;
  s.learning_rate = s.embedding_learning_rate = 0.05;
  s.muon.learning_rate = 0.05;
  s.muon.weight_decay = 0.1;
  return s;
}

// The training of one rank; what it holds is put into `out`, whose lock is `mutex`.
class RankTraining {
 public:
  RankTraining(const spec::Model& model, const Mesh& mesh, const TrainPlan& plan, Trained& out,
               std::mutex& mutex)
      : model_(model),
        mesh_(mesh),
        plan_(plan),
        types_{plan.type, plan.type},
        parameters_(model, types_, at::kCPU, mesh),
        table_(plan.fast ? &kernels::table_of(kernels::capability_here()) : nullptr),
        optimizer_(plan.optimizer, schedule(), parameters_, table_),
        step_(model, parameters_, types_, table_, plan.length),
        out_(out),
        mutex_(mutex) {
    draw_all(model, parameters_);
  }

  void run() {
    for (int step = 0; step < plan_.steps; ++step) {
      const std::vector<Batch> all = batches_of(model_, plan_, step);
      std::int64_t counted = 0;
      for (const Batch& batch : all) counted += batch.counted.sum().item<std::int64_t>();
      const std::size_t each = all.size() / static_cast<std::size_t>(mesh_.layout().dp);
      const std::span<const Batch> own(
          all.data() + each * static_cast<std::size_t>(mesh_.place().dp), each);
      const Result<StepLoss> loss =
          step_.run(own, {.head = 1 / static_cast<double>(counted),
                          .balance = 1 / static_cast<double>(all.size())});
      ASSERT_TRUE(loss.ok()) << loss.error().text();
      if (step == 0) tell_first(*loss);
      optimizer_.step(1, 0.8);
    }
    tell(out_.weights, [](const Bucket& bucket) { return bucket.value_shard(); });
  }

 private:
  void tell_first(const StepLoss& loss) {
    const double norm = gradient_norm(parameters_, table_);
    {
      const std::lock_guard lock(mutex_);
      out_.losses = loss.of_micro_batch;
      out_.balance = loss.balance;
      out_.gradient_norm = norm;
    }
    tell(out_.gradients, [](const Bucket& bucket) { return bucket.gradient_shard(); });
  }

  // Every rank writes the part that it has: where several have the same, they must agree.
  template <typename F>
  void tell(std::map<std::string, at::Tensor>& to, const F& shard_of) {
    for (const Parameter& p : parameters_.all()) {
      const Bucket& bucket = *parameters_.buckets()[p.bucket];
      const Optimizer::Piece piece = piece_of(p, bucket);
      if (piece.count == 0) continue;
      const at::Tensor flat =
          shard_of(bucket).narrow(0, piece.in_shard, piece.count).detach().clone();
      // Which elements of the whole these are.
      at::Tensor index = at::arange(p.what.count()).view(p.what.shape);
      for (std::size_t d = 0; d < p.what.shape.size(); ++d) {
        index = index.narrow(static_cast<std::int64_t>(d), p.held.slice.offset[d],
                             p.held.slice.extent[d]);
      }
      index = index.reshape({-1}).narrow(0, piece.begin, piece.count);
      const std::lock_guard lock(mutex_);
      const auto [place, is_new] = to.emplace(p.what.name, at::Tensor());
      if (is_new) {
        place->second = at::full({p.what.count()}, std::nan(""), at::kDouble);
      }
      const at::Tensor before = place->second.index_select(0, index);
      const at::Tensor wide = flat.to(at::kDouble);
      const bool agrees = before.isnan().bitwise_or(before.eq(wide)).all().item<bool>();
      if (!agrees) out_.apart.insert(p.what.name);
      place->second.index_copy_(0, index, wide);
    }
  }

  const spec::Model& model_;
  const Mesh& mesh_;
  TrainPlan plan_;
  Types types_;
  Parameters parameters_;
  const kernels::Table* table_;
  Optimizer optimizer_;
  TrainingStep step_;
  Trained& out_;
  std::mutex& mutex_;
};

}  // namespace

void Difference::take(double difference, const std::string& what) {
  if (difference > worst || std::isnan(difference)) {
    worst = difference;
    where = what;
  }
}

Difference difference_of(const Trained& own, const Trained& right) {
  Difference out;
  if (own.losses.size() != right.losses.size() || own.gradients.size() != right.gradients.size() ||
      own.weights.size() != right.weights.size()) {
    return {1, "what there is"};
  }
  for (std::size_t i = 0; i < own.losses.size(); ++i) {
    out.take(std::abs(own.losses[i] / right.losses[i] - 1), fmt::format("micro-batch {}", i));
  }
  out.take(std::abs(own.balance - right.balance), "the balance loss");
  out.take(std::abs(own.gradient_norm / right.gradient_norm - 1), "the norm of all gradients");
  const auto compare = [&](const auto& a, const auto& b, const char* what) {
    for (const auto& [name, tensor] : b) {
      const double scale = std::max(tensor.norm().template item<double>(), 1e-6);
      const auto found = a.find(name);
      out.take(
          found == a.end() ? 1 : (found->second - tensor).norm().template item<double>() / scale,
          fmt::format("{} of {}", what, name));
    }
  };
  compare(own.gradients, right.gradients, "the gradient");
  compare(own.weights, right.weights, "the weight");
  for (const std::string& name : own.apart) out.take(1, "copies that differ, of " + name);
  return out;
}

Trained train_alone(const spec::Model& model, const TrainPlan& plan) {
  Trained out;
  std::mutex mutex;
  const Mesh mesh;
  RankTraining(model, mesh, plan, out, mutex).run();
  return out;
}

Trained train_over_ranks(const spec::Model& model, const layout::Layout& layout,
                         const TrainPlan& plan) {
  Trained out;
  std::mutex mutex;
  const Meeting meeting = Meeting::in_process();
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < layout.ranks(); ++rank) {
    ranks.emplace_back([&, rank] {
      at::set_num_threads(1);
      Result<Mesh> mesh = Mesh::make(meeting, layout,
                                     {.rank = rank,
                                      .kv_heads = model.attention.kv_heads,
                                      .interface = "lo",
                                      .patience = 60_s});
      ASSERT_TRUE(mesh.ok()) << mesh.error().text();
      if (plan.left_out) mesh->leave_alone(*plan.left_out);
      try {
        RankTraining(model, *mesh, plan, out, mutex).run();
      } catch (const std::exception& thrown) {
        ADD_FAILURE() << "rank " << rank << ": " << thrown.what();
      }
    });
  }
  for (std::thread& rank : ranks) rank.join();
  return out;
}

namespace {

spec::Model small(const char* name) {
  spec::Model m;
  m.name = name;
  m.layers = 4;
  m.hidden = 24;
  m.ffn = 32;
  m.vocab = 37;
  m.context = 64;
  m.attention.heads = 8;
  m.attention.kv_heads = 2;
  m.attention.head_dim = 6;
  m.attention.value_dim = 6;
  m.initial_std = 0.2;
  return m;
}

}  // namespace

spec::Model small_dense() {
  spec::Model m = small("small dense");
  m.tied_embeddings = true;
  m.attention.query_key_norm = true;
  m.mlp_biases = m.attention.biases = m.attention.output_bias = true;
  m.value_embeddings = {0, 3};
  m.bigram_embeddings = 19;
  m.logit_soft_cap = 6;
  m.logit_scale = 0.7;
  return m;
}

spec::Model small_sinks() {
  spec::Model m = small("small sinks");
  m.norm = spec::Norm::layer;
  m.norms_per_layer = 4;
  m.norm_biases = true;
  m.position = spec::Position::learned;
  m.activation = spec::Activation::gelu;
  m.attention.kv_heads = 8;
  m.attention.sinks = true;
  m.attention.soft_cap = 4;
  m.embedding_scale = 2;
  return m;
}

spec::Model small_mixture() {
  spec::Model m = small("small mixture");
  m.attention.kv_heads = 4;
  m.experts = spec::Experts{};
  m.experts->count = 8;
  m.experts->top_k = 3;
  m.experts->ffn = 12;
  m.experts->shared_ffn = 16;
  m.experts->first_dense = 1;
  m.experts->biases = true;
  m.experts->balance_loss = 0.05;
  return m;
}

spec::Model small_latent() {
  spec::Model m = small("small latent");
  m.attention.kind = spec::AttentionKind::latent;
  m.attention.query_rank = 12;
  m.attention.kv_rank = 10;
  m.attention.rope_dim = 4;
  m.attention.head_dim = 8;
  m.attention.value_dim = 6;
  m.experts = spec::Experts{};
  m.experts->count = 8;
  m.experts->top_k = 2;
  m.experts->ffn = 8;
  m.experts->dense_branch_ffn = 16;
  m.experts->groups = 4;
  m.experts->group_limit = 2;
  m.experts->router_bias = true;
  m.experts->scoring = spec::Scoring::sigmoid;
  m.experts->balance_loss = 0.05;
  m.experts->scale = 2.5;
  return m;
}

}  // namespace celere::nn
