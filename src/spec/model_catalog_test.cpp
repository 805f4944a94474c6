// The models of the catalogue against what was published of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "spec/catalog.hpp"

namespace celere::spec {
namespace {

using testing::HasSubstr;

std::vector<Model> all_models() {
  const auto files = memory_files();
  const Catalog catalog(*files, {});
  std::vector<Model> models;
  for (const std::string& name : catalog.names(Kind::model)) {
    auto model = catalog.model(name);
    EXPECT_TRUE(model.ok()) << model.error().text();
    if (model.ok()) models.push_back(*std::move(model));
  }
  return models;
}

Model named(std::string_view name) {
  for (Model& model : all_models()) {
    if (model.name == name) return std::move(model);
  }
  ADD_FAILURE() << name;
  return {};
}

ParameterCount count_of(std::string_view name) { return count_parameters(named(name)); }

double billions(std::int64_t count) { return static_cast<double>(count) * 1e-9; }

// The place of the last digit that was printed: of whole billions where no decimals are, as "400B"
// means three digits.
double last_place(double published) {
  double place = published >= 1e9 ? 1e9 : 1e6;
  while (place > 1 && std::abs(published / place - std::round(published / place)) > 1e-6)
    place /= 10;
  return place;
}

bool agrees(const Fact<double>& published, std::int64_t count) {
  if (!published.known()) return true;
  const double place = last_place(*published.value);
  return std::round(static_cast<double>(count) / place) == std::round(*published.value / place);
}

TEST(LastPlace, is_that_of_the_last_printed_digit) {
  EXPECT_EQ(last_place(400e9), 1e9);
  EXPECT_NEAR(last_place(12.9e9), 1e8, 1);
  EXPECT_NEAR(last_place(116.83e9), 1e7, 1);
  EXPECT_EQ(last_place(124e6), 1e6);
  EXPECT_EQ(last_place(8030261248), 1);
}

// Published counts to the digits printed; where ours differs, the entry says so and says ours, and
// no entry speaks of a difference that is none.
TEST(ModelCatalog, counts_what_was_published_or_states_the_difference) {
  int checked = 0;
  for (const Model& model : all_models()) {
    if (!model.unknown.empty()) continue;
    const ParameterCount count = count_parameters(model);
    const bool total_agrees = agrees(model.published_parameters, count.total);
    const bool active_agrees = agrees(model.published_active_parameters, count.active);
    EXPECT_EQ(model.difference.empty(), total_agrees && active_agrees)
        << model.name << ": " << count.total << ", active " << count.active;
    if (!total_agrees) {
      EXPECT_THAT(model.difference, HasSubstr(fmt::format("{:.1f} B", billions(count.total))));
    }
    if (!active_agrees) {
      EXPECT_THAT(model.difference, HasSubstr(fmt::format("{:.1f} B", billions(count.active))));
    }
    checked += model.published_parameters.known() ? 1 : 0;
  }
  EXPECT_EQ(checked, 27);
}

struct Exact {
  const char* model;
  std::int64_t total;
};

// Elements of the state dict that transformers 4.56.2 makes of the published configurations.
constexpr Exact of_transformers[] = {
    {"gpt2-124m", 124439808},        {"gpt2-350m", 354823168},
    {"gpt2-774m", 774030080},        {"gpt2-1.5b", 1557611200},
    {"llama-2-7b", 6738415616},      {"llama-2-13b", 13015864320},
    {"llama-2-70b", 68976648192},    {"llama-3-8b", 8030261248},
    {"llama-3-70b", 70553706496},    {"llama-3.1-405b", 405853388800},
    {"llama-4-scout", 107769861120}, {"llama-4-maverick", 400711848960},
    {"mixtral-8x7b", 46702792704},   {"mixtral-8x22b", 140620634112},
    {"qwen3-30b-a3b", 30532122624},  {"qwen3-235b-a22b", 235093634560},
    {"deepseek-v2", 235741434880},   {"deepseek-v3", 671026419200},
    {"gpt-oss-20b", 20914757184},    {"gpt-oss-120b", 116829156672},
    {"nemotron-4-15b", 15628775424}, {"nemotron-4-340b", 341029195776},
};

TEST(ModelCatalog, counts_what_transformers_counts) {
  for (const Exact& exact : of_transformers) {
    EXPECT_EQ(count_of(exact.model).total, exact.total) << exact.model;
  }
}

// run.py of grok-1: 64 layers of 6144, 48 heads of 128 and 8 for keys and values, 8 experts of
// 32768 with three matrices, 4 norms, one embedding that is the head too:
// attention 2 x 6144^2 + 2 x 6144 x 1024 = 88,080,384; experts 8 x 3 x 6144 x 32768 =
// 4,831,838,208; router 49,152; norms 24,576: 4,919,992,320 a layer. Embedding 805,306,368, last
// norm 6,144. A token passes 2 of 8 experts: 6/8 of 4,831,838,208 less a layer.
TEST(ModelCatalog, grok_1_by_hand) {
  const ParameterCount count = count_of("grok-1");
  EXPECT_EQ(count.total, 64 * 4919992320 + 805306368 + 6144);
  EXPECT_EQ(count.active, count.total - 64 * 3623878656);
  EXPECT_NEAR(billions(count.total), 315.7, 0.05);
  EXPECT_NEAR(billions(count.active), 83.8, 0.05);
}

// 64 layers of 8192: attention 2 x 8192^2 + 2 x 8192 x 1024 = 150,994,944; the dense branch
// 3 x 8192 x 32768 = 805,306,368; an expert half of that; router 65,536; norms 32,768. Embedding
// and head 1,073,741,824 each, last norm 8,192.
TEST(ModelCatalog, grok_2_by_hand) {
  const ParameterCount count = count_of("grok-2");
  const std::int64_t always = 150994944 + 805306368 + 65536 + 32768;
  EXPECT_EQ(count.total, 64 * (always + 8 * 402653184LL) + 2 * 1073741824LL + 8192);
  EXPECT_EQ(count.active, 64 * (always + 2 * 402653184LL) + 2 * 1073741824LL + 8192);
  EXPECT_NEAR(billions(count.total), 269.5, 0.05);
  EXPECT_NEAR(billions(count.active), 114.9, 0.05);
}

// 128 layers of 14336: attention 2 x 14336^2 + 2 x 14336 x 1024 = 440,401,920; 8 experts of
// 3 x 14336 x 65536 = 2,818,572,288; router 114,688; norms 57,344. Embedding 1,879,048,192.
TEST(ModelCatalog, next_grok_is_what_its_comment_says) {
  const ParameterCount count = count_of("next-grok");
  EXPECT_EQ(count.total,
            128 * (440401920 + 8 * 2818572288LL + 114688 + 57344) + 1879048192 + 14336);
  EXPECT_EQ(count.total, 2944490551296);
  EXPECT_EQ(count.active, 779827034112);
  EXPECT_EQ(named("next-grok").grade, Grade::assumption);
}

// Narayanan et al. 2021, eq. 2: 12 l h^2 + 13 l h + (V + s) h. It leaves out the last norm, 2 h.
TEST(ModelCatalog, megatrons_follow_their_makers_formula) {
  for (const char* name : {"gpt3-175b", "megatron-22b", "megatron-530b", "megatron-1t"}) {
    const Model m = named(name);
    const std::int64_t h = m.hidden, l = m.layers;
    EXPECT_EQ(count_parameters(m).total,
              12 * l * h * h + 13 * l * h + (m.vocab + m.context) * h + 2 * h)
        << name;
  }
}

// README_WEIGHTS.md: 11.5 B of the module's own. That leaves out the projection from two streams to
// one, 2 x 7168^2, of 0.1 B: ours are 11.6 B.
TEST(ModelCatalog, deepseek_v3_has_the_prediction_module_that_was_published) {
  const std::int64_t projection = 2 * 7168 * 7168;
  const std::int64_t mtp = count_of("deepseek-v3").mtp;
  EXPECT_NEAR(billions(mtp - projection), 11.5, 0.05);
  EXPECT_NEAR(billions(mtp), 11.6, 0.05);
}

// The model card, table 1: 5.13 B and 3.61 B active without the input embedding; embedding and head
// 1.16 B.
TEST(ModelCatalog, gpt_oss_is_active_as_published_without_its_embedding) {
  const ParameterCount large = count_of("gpt-oss-120b"), small = count_of("gpt-oss-20b");
  EXPECT_NEAR(billions(large.active - large.embedding), 5.13, 0.005);
  EXPECT_NEAR(billions(small.active - small.embedding), 3.61, 0.005);
  EXPECT_NEAR(billions(2 * large.embedding), 1.16, 0.005);
}

// arXiv 2406.11704: 9.4 B of embeddings (and head) and 331.6 B others; arXiv 2402.16819: 12.5 B
// others.
TEST(ModelCatalog, nemotron_splits_into_embeddings_and_the_rest_as_published) {
  const ParameterCount large = count_of("nemotron-4-340b"), small = count_of("nemotron-4-15b");
  EXPECT_NEAR(billions(2 * large.embedding), 9.4, 0.05);
  EXPECT_NEAR(billions(large.total - 2 * large.embedding), 331.6, 0.05);
  EXPECT_NEAR(billions(small.total - 2 * small.embedding), 12.5, 0.05);
}

// run.py and model.py of grok-1: the embedding times sqrt(6144), the logits over sqrt(3), scores
// capped at 30, and the weights of the two experts left as the softmax over all eight gave them.
TEST(ModelCatalog, grok_1_flows_as_its_makers_wrote_it) {
  const Model m = named("grok-1");
  EXPECT_NEAR(m.embedding_scale, std::sqrt(6144), 1e-9);
  EXPECT_NEAR(m.logit_scale, 1 / std::sqrt(3), 1e-12);
  EXPECT_EQ(m.attention.soft_cap, 30);
  EXPECT_EQ(m.attention.scale, 0);  // 0.088388 = 1 / sqrt(128), the default
  EXPECT_FALSE(m.experts->normalise);
  EXPECT_EQ(m.experts->scoring, Scoring::softmax);
  EXPECT_NEAR(named("grok-2").embedding_scale, std::sqrt(8192), 1e-9);
  EXPECT_NEAR(named("next-grok").embedding_scale, std::sqrt(14336), 1e-6);
}

TEST(ModelCatalog, models_whose_source_is_silent_wait) {
  std::vector<std::string> waiting;
  for (const Model& model : all_models()) {
    if (!model.unknown.empty()) waiting.push_back(model.name);
  }
  EXPECT_THAT(waiting, testing::ElementsAre("glm-4.5", "kimi-k2"));
}

TEST(ModelCatalog, every_entry_names_its_source) {
  for (const Model& model : all_models()) {
    EXPECT_FALSE(model.source.empty()) << model.name;
    EXPECT_FALSE(model.published_parameters.source.empty()) << model.name;
  }
}

}  // namespace
}  // namespace celere::spec
