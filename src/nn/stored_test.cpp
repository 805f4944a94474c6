// What one layout stores another loads, bit for bit: weights and optimizer's state, by ranks that
// are threads.
#include "nn/stored.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <thread>

#include "checkpoint/shard.hpp"
#include "nn/parallel_test.hpp"
#include "nn/test_models.hpp"

namespace celere::nn {
namespace {

using Stored = std::map<std::string, std::vector<std::byte>>;

class StoredTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Runs the ranks of a layout with the model's weights drawn and the state filled by element.
  template <typename F>
  void over_ranks(const spec::Model& model, const layout::Layout& layout, const F& function) {
    const Meeting meeting = Meeting::in_process();
    std::vector<std::thread> ranks;
    for (int rank = 0; rank < layout.ranks(); ++rank) {
      ranks.emplace_back([&, rank] {
        const auto mesh =
            Mesh::make(meeting, layout,
                       {.rank = rank, .kv_heads = model.attention.kv_heads, .interface = "lo"});
        ASSERT_TRUE(mesh.ok()) << mesh.error().text();
        Parameters parameters(model, {}, at::kCPU, *mesh);
        parameters.values_changed();  // all as in a training that begins: ZeRO 3 has shards alone
        Optimizer optimizer(spec::Optimizer::muon, {}, parameters, nullptr);
        function(parameters, optimizer, rank);
      });
    }
    for (std::thread& rank : ranks) rank.join();
  }

  void save(const std::string& folder, const spec::Model& model, const Parameters& parameters,
            const Optimizer& optimizer, int rank, std::vector<checkpoint::Shard>& shards) {
    const auto views = stored_views(parameters, &optimizer);
    const Status fit = checkpoint::check_views(views);
    ASSERT_TRUE(fit.ok()) << fit.error().text();
    auto shard = checkpoint::write_shard(*storage_, folder, rank, views);
    ASSERT_TRUE(shard.ok()) << shard.error().text();
    const std::lock_guard lock(mutex_);
    shards.push_back(*std::move(shard));
    (void)model;
  }

  checkpoint::Checkpoint commit(const std::string& folder,
                                const std::vector<checkpoint::Shard>& shards) {
    auto manifest = checkpoint::merge(shards);
    EXPECT_TRUE(manifest.ok()) << manifest.error().text();
    const Status done = checkpoint::commit(*storage_, folder, *manifest);
    EXPECT_TRUE(done.ok()) << done.error().text();
    auto opened = checkpoint::Checkpoint::open(*storage_, folder, checkpoint::Verify::deep);
    EXPECT_TRUE(opened.ok()) << opened.error().text();
    return *std::move(opened);
  }

  static Stored all_of(const checkpoint::Checkpoint& from) {
    Stored out;
    for (const checkpoint::StoredTensor& tensor : from.manifest().tensors) {
      auto& bytes = out[tensor.name];
      bytes.resize(static_cast<std::size_t>(checkpoint::count(tensor.shape)) * sizeof(float));
      EXPECT_TRUE(from.read(tensor.name, bytes).ok()) << tensor.name;
    }
    return out;
  }

  const std::string folder_ = testing::TempDir() + fmt::format("celere-stored-{}", getpid());
  std::unique_ptr<checkpoint::Storage> storage_ = checkpoint::local_storage();
  std::mutex mutex_;
};

const std::vector<layout::Layout> layouts{
    {},
    {.tp = 4},
    {.tp = 2, .pp = 2, .vpp = 2, .schedule = layout::Schedule::interleaved},
    {.dp = 3, .zero_stage = 1},
    {.tp = 2, .cp = 2, .dp = 2, .zero_stage = 2, .sequence_parallel = true},
    {.pp = 2, .dp = 4, .zero_stage = 3, .shard = 2},
    {.tp = 2, .dp = 2, .ep = 2, .etp = 2, .zero_stage = 1, .sequence_parallel = true},
    {.dp = 4, .ep = 4, .zero_stage = 3},
};

// A checkpoint of other bytes in every element, loaded by a layout and stored again by it.
TEST_F(StoredTest, every_layout_stores_what_it_loaded) {
  for (const spec::Model& model : {small_dense(), small_mixture()}) {
    const std::string first = folder_ + "/first-" + model.name;
    std::filesystem::create_directories(first);
    std::vector<checkpoint::Shard> written;
    over_ranks(model, {}, [&](Parameters& parameters, Optimizer& optimizer, int rank) {
      at::manual_seed(5);
      const at::NoGradGuard quiet;
      for (const auto& bucket : parameters.buckets()) bucket->values().normal_();
      for (const Optimizer::State& state : optimizer.state()) state.flat.normal_();
      save(first, model, parameters, optimizer, rank, written);
    });
    const checkpoint::Checkpoint from = commit(first, written);
    const Stored right = all_of(from);
    for (std::size_t i = 0; i < layouts.size(); ++i) {
      if (!model.experts && layouts[i].ep * layouts[i].etp > 1) continue;
      if (model.experts && layouts[i].tp > 1 && !layouts[i].sequence_parallel) continue;
      const std::string second = folder_ + fmt::format("/{}-{}", model.name, i);
      std::filesystem::create_directories(second);
      std::vector<checkpoint::Shard> shards;
      over_ranks(model, layouts[i], [&](Parameters& parameters, Optimizer& optimizer, int rank) {
        const Status loaded = load(from, model, parameters, &optimizer);
        ASSERT_TRUE(loaded.ok()) << loaded.error().text();
        save(second, model, parameters, optimizer, rank, shards);
      });
      EXPECT_EQ(all_of(commit(second, shards)), right) << layout::written(layouts[i]);
    }
  }
}

}  // namespace
}  // namespace celere::nn
