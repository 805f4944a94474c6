#include "study/end_to_end_layout.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "layout/legal.hpp"
#include "spec/catalog.hpp"
#include "study/row_place.hpp"

namespace celere::study {
namespace {

using layout::Layout;
using layout::Recompute;

std::unique_ptr<cost::StepModel> model_of(const char* name, std::int64_t gpus) {
  const std::unique_ptr<Files> files = local_files();
  const spec::Catalog catalog(*files, {});
  cost::Setting setting;
  setting.model = *catalog.model(name);
  setting.chip = *catalog.chip("h100-sxm");
  setting.cluster = *catalog.cluster("dgx-h100-superpod");
  setting.stack = *catalog.stack("megatron-core-2025");
  setting.sequence = 4096;
  setting.gpus = gpus;
  make_room(setting.cluster, gpus);
  return *cost::StepModel::of(std::move(setting));
}

// Every layout of 16 GPUs with tp, pp, interleaving, micro-batch, ZeRO 1 or 3 and each amount of
// recomputation, one by one: none that fits is faster than what was chosen.
TEST(UsualLayout, is_no_slower_than_any_of_its_kind) {
  constexpr std::int64_t gpus = 16, batch = 64;
  const auto model = model_of("llama-2-13b", gpus);
  const auto chosen = usual_layout(*model, gpus, {.sequences = batch, .fixed = true});
  ASSERT_TRUE(chosen);
  EXPECT_TRUE(chosen->fits);
  int tried = 0;
  for (const int tp : {1, 2, 4, 8}) {
    for (const int pp : {1, 2, 4, 8, 16}) {
      for (const int chunk : {0, 1, 2, 4}) {
        for (const int micro_batch : {1, 2, 4}) {
          for (const int zero : {1, 3}) {
            for (int again = 0; again <= 40; ++again) {
              Layout one;
              one.tp = tp;
              one.pp = pp;
              if (gpus % (tp * pp) != 0) continue;
              one.dp = static_cast<int>(gpus / (tp * pp));
              one.sequence_parallel = tp > 1;
              one.micro_batch = micro_batch;
              if (chunk > 0) {
                if (40 % (pp * chunk) != 0 || pp == 1) continue;
                one.vpp = 40 / (pp * chunk);
                one.schedule = layout::Schedule::interleaved;
              }
              one.partition = layout::Partition::even;
              if (zero == 3 && (tp > 1 || pp > 1)) continue;
              one.zero_stage = one.dp > 1 ? zero : 0;
              if (again == 40) one.recompute = Recompute::full;
              if (again > 0 && again < 40) {
                one.recompute = Recompute::full_for_some;
                one.recompute_layers = again;
              }
              if (layout::illegal(one, model->shape(batch))) continue;
              const cost::StepCost step = model->cost(one, batch);
              if (!model->fits(step)) continue;
              ++tried;
              EXPECT_GE(step.time, chosen->step.time * (1 - 1e-9)) << layout::written(one);
            }
          }
        }
      }
    }
  }
  EXPECT_GT(tried, 100);
}

// 60 sequences on 16 replicas are 64; 1,009 GPUs are a prime: at least 15 sixteenths of them work.
TEST(UsualLayout, rounds_the_batch_up_and_leaves_few_gpus) {
  const auto model = model_of("llama-3-8b", 16);
  const auto chosen = usual_layout(*model, 16, {.sequences = 60, .fixed = false});
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->layout.ranks(), 16);
  EXPECT_GE(chosen->global_batch, 60);
  EXPECT_EQ(layout::illegal(chosen->layout, model->shape(chosen->global_batch)), std::nullopt);
  const auto prime = model_of("llama-2-70b", 1009);
  const auto most = usual_layout(*prime, 1009, {.sequences = 1024, .fixed = false});
  ASSERT_TRUE(most);
  EXPECT_TRUE(most->fits);
  EXPECT_GE(most->layout.ranks(), 946);
  EXPECT_LE(most->layout.ranks(), 1009);
}

// 405 G parameters do not fit 8 GPUs of 80 GB: said so, and the one that needs least is given.
TEST(UsualLayout, says_where_nothing_fits) {
  const auto model = model_of("llama-3.1-405b", 8);
  const auto chosen = usual_layout(*model, 8, {.sequences = 64, .fixed = true});
  ASSERT_TRUE(chosen);
  EXPECT_FALSE(chosen->fits);
  EXPECT_GT(chosen->step.memory_max, model->numbers().memory);
}

// 100,000 GPUs and one sequence: at most 8 * 64 ranks can share it.
TEST(UsualLayout, says_where_nothing_is_legal) {
  const auto model = model_of("llama-3-8b", 100'000);
  EXPECT_FALSE(usual_layout(*model, 100'000, {.sequences = 1, .fixed = true}));
}

}  // namespace
}  // namespace celere::study
