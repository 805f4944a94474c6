#include "spec/model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.hpp"
#include "spec/entry_text.hpp"

namespace celere::spec {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* small = R"(title = "A model of this test"
source = "a test"
grade = "assumption"
layers = 4
hidden = 64
ffn = 128
vocab = 100

[attention]
heads = 8
kv_heads = 2
head_dim = 8

[experts]
count = 16
top_k = 4
ffn = 32
every = 2
groups = 4
group_limit = 2

[published]
parameters = { is = 12e6, grade = "maker", from = "a test" }
active = { is = "unknown", grade = "maker", from = "a test" }
)";

std::string with(std::string_view part, std::string_view replacement) {
  return replaced(small, part, replacement);
}

std::string error_of(std::string_view toml) { return message_of(parse_model(toml, "x")); }

// The text above, and what it leaves out at its default.
TEST(ModelEntry, is_read_as_written) {
  const auto m = parse_model(small, "x");
  ASSERT_TRUE(m.ok()) << m.error().text();
  EXPECT_EQ(m->name, "x");
  EXPECT_EQ(m->title, "A model of this test");
  EXPECT_EQ(m->layers, 4);
  EXPECT_EQ(m->hidden, 64);
  EXPECT_EQ(m->attention.kind, AttentionKind::grouped);
  EXPECT_EQ(m->attention.kv_heads, 2);
  EXPECT_EQ(m->attention.value_dim, 8);
  EXPECT_EQ(m->experts->top_k, 4);
  EXPECT_EQ(m->expert_layers(), 2);
  EXPECT_EQ(m->activation, Activation::silu_gated);
  EXPECT_TRUE(m->gated());
  EXPECT_EQ(m->hf_family, HfFamily::none);
  EXPECT_EQ(*m->published_parameters.value, 12e6);
  EXPECT_FALSE(m->published_active_parameters.known());
  EXPECT_EQ(m->grade, Grade::assumption);
  EXPECT_EQ(m->source, "a test");
}

TEST(ModelEntry, without_kv_heads_has_one_for_each_head) {
  EXPECT_EQ(parse_model(with("kv_heads = 2\n", ""), "x")->attention.kv_heads, 8);
}

TEST(ModelEntry, kv_heads_divide_the_heads) {
  EXPECT_EQ(error_of(with("kv_heads = 2", "kv_heads = 3")),
            "models/x.toml:11: attention.kv_heads: = 3 does not divide the 8 heads");
}

TEST(ModelEntry, a_token_passes_no_more_experts_than_there_are) {
  EXPECT_THAT(error_of(with("top_k = 4", "top_k = 17")),
              StartsWith("models/x.toml:16: experts.top_k: = 17 is more than the 16 experts\n"));
}

// 2 of 4 groups of 4 hold 8 experts.
TEST(ModelEntry, the_groups_that_a_token_may_use_hold_its_experts) {
  EXPECT_EQ(error_of(with("top_k = 4", "top_k = 9")),
            "models/x.toml:20: experts.group_limit: = 2 groups hold 8 experts, fewer than "
            "top_k = 9");
}

TEST(ModelEntry, groups_are_of_equal_size) {
  EXPECT_EQ(error_of(with("groups = 4", "groups = 5")),
            "models/x.toml:19: experts.groups: = 5 does not divide the 16 experts");
}

TEST(ModelEntry, some_layer_has_experts) {
  EXPECT_EQ(error_of(with("every = 2", "every = 5")),
            "models/x.toml:14: experts: first_dense = 0 and every = 5 leave none of 4 layers with "
            "experts");
}

TEST(ModelEntry, gives_no_width_that_no_layer_has) {
  EXPECT_EQ(error_of(with("every = 2\n", "")),
            "models/x.toml:6: ffn: is the width of layers without experts, and every layer has "
            "experts");
}

TEST(ModelEntry, needs_the_width_of_layers_without_experts) {
  EXPECT_THAT(error_of(with("ffn = 128\n", "")), HasSubstr("ffn: is missing"));
}

TEST(ModelEntry, a_count_is_at_least_1) {
  EXPECT_THAT(error_of(with("layers = 4", "layers = -4")),
              StartsWith("models/x.toml:4: layers: is -4, and must be from 1 to 4096"));
}

TEST(ModelEntry, an_unknown_key_is_refused_with_the_nearest_one) {
  EXPECT_EQ(error_of(with("kv_heads", "kv_head")),
            "models/x.toml:11: attention.kv_head: is not a key that is known here; is "
            "\"kv_heads\" meant?");
}

TEST(ModelEntry, has_two_or_four_norms_a_layer) {
  EXPECT_EQ(error_of(with("vocab = 100", "vocab = 100\nnorms_per_layer = 3")),
            "models/x.toml:8: norms_per_layer: is 3, and must be 2 or 4");
}

TEST(ModelEntry, learned_positions_need_the_context) {
  EXPECT_THAT(error_of(with("vocab = 100", "vocab = 100\nposition = \"learned\"")),
              HasSubstr("context: learned positions need it"));
}

constexpr const char* latent = R"([attention]
kind = "latent"
heads = 8
head_dim = 24
value_dim = 16
kv_rank = 32
rope_dim = 8
)";

TEST(ModelEntry, latent_attention_needs_its_ranks_and_parts) {
  const std::string grouped = "[attention]\nheads = 8\nkv_heads = 2\nhead_dim = 8\n";
  const auto m = parse_model(with(grouped, latent), "x");
  ASSERT_TRUE(m.ok()) << m.error().text();
  EXPECT_EQ(m->attention.kind, AttentionKind::latent);
  EXPECT_EQ(m->attention.kv_heads, 8);
  EXPECT_EQ(m->attention.query_rank, 0);

  const auto without = [&](std::string_view part, std::string_view replacement) {
    std::string text = with(grouped, latent);
    return error_of(text.replace(text.find(part), part.size(), replacement));
  };
  EXPECT_THAT(without("kv_rank = 32\n", ""), HasSubstr("attention.kv_rank: is missing"));
  EXPECT_THAT(without("value_dim = 16\n", ""), HasSubstr("attention.value_dim: is missing"));
  EXPECT_EQ(without("rope_dim = 8", "rope_dim = 24"),
            "models/x.toml:15: attention.rope_dim: = 24 is a part of head_dim = 24, and must be "
            "less");
  // What latent attention does not have is no key of it.
  EXPECT_THAT(without("kv_rank = 32", "kv_rank = 32\nsinks = true"),
              HasSubstr("attention.sinks: is not a key that is known here"));
}

TEST(ModelEntry, what_is_listed_as_unknown_may_be_absent) {
  const std::string text = with("vocab = 100", "unknown = [\"vocab\", \"attention.head_dim\"]");
  EXPECT_THAT(error_of(text), HasSubstr("attention.head_dim: is given, and `unknown` lists"));
  std::string waits = text;
  waits.erase(waits.find("head_dim = 8\n"), 13);
  const auto m = parse_model(waits, "x");
  ASSERT_TRUE(m.ok()) << m.error().text();
  EXPECT_EQ(m->unknown, (std::vector<std::string>{"vocab", "attention.head_dim"}));
  EXPECT_EQ(m->vocab, 0);
}

TEST(ModelEntry, only_a_field_can_be_unknown) {
  EXPECT_THAT(error_of(with("vocab = 100", "vocab = 100\nunknown = [\"vocabulary\"]")),
              HasSubstr("models/x.toml:8: unknown: \"vocabulary\" cannot be unknown; what can: "
                        "layers, hidden,"));
}

TEST(ModelEntry, says_how_its_numbers_flow) {
  const std::string text = with("top_k = 4",
                                "top_k = 4\nscoring = \"sigmoid\"\nnormalise = false\nscale = "
                                "2.5\nbalance_loss = 0.01\ncapacity = 1.25");
  const auto m = parse_model(
      replaced(replaced(text, "kv_heads = 2",
                        "kv_heads = 2\nrope_theta = 5e5\nrope_share = 0.5\nscale = 0.12\n"
                        "soft_cap = 30"),
               "vocab = 100",
               "vocab = 100\nnorm_epsilon = 1e-6\nembedding_scale = 8\nlogit_scale = 0.5\n"
               "logit_soft_cap = 15\nvalue_embeddings = [-1, 0]\nbigram_embeddings = 1024\n"
               "initial_std = 0.01\nzero_output_projections = true"),
      "x");
  ASSERT_TRUE(m.ok()) << m.error().text();
  EXPECT_EQ(m->attention.rope_theta, 5e5);
  EXPECT_EQ(m->attention.rope_share, 0.5);
  EXPECT_EQ(m->attention.scale, 0.12);
  EXPECT_EQ(m->attention.soft_cap, 30);
  EXPECT_EQ(m->experts->scoring, Scoring::sigmoid);
  EXPECT_FALSE(m->experts->normalise);
  EXPECT_EQ(m->experts->scale, 2.5);
  EXPECT_EQ(m->experts->balance_loss, 0.01);
  EXPECT_EQ(m->experts->capacity, 1.25);
  EXPECT_EQ(m->norm_epsilon, 1e-6);
  EXPECT_EQ(m->embedding_scale, 8);
  EXPECT_EQ(m->logit_scale, 0.5);
  EXPECT_EQ(m->logit_soft_cap, 15);
  EXPECT_EQ(m->value_embeddings, (std::vector<int>{0, 3}));  // 4 layers: -1 is layer 3
  EXPECT_TRUE(m->has_value_embedding(3));
  EXPECT_FALSE(m->has_value_embedding(1));
  EXPECT_EQ(m->bigram_embeddings, 1024);
  EXPECT_EQ(m->initial_std, 0.01);
  EXPECT_TRUE(m->zero_output_projections);
}

TEST(ModelEntry, value_embeddings_are_of_layers_that_there_are_each_once) {
  const auto error = [](std::string_view list) {
    return error_of(with("vocab = 100", "vocab = 100\nvalue_embeddings = " + std::string(list)));
  };
  EXPECT_EQ(error("[4]"), "models/x.toml:8: value_embeddings: 4 is none of the 4 layers");
  EXPECT_EQ(error("[-5]"), "models/x.toml:8: value_embeddings: -5 is none of the 4 layers");
  EXPECT_EQ(error("[3, -1]"), "models/x.toml:8: value_embeddings: layer 3 stands there twice");
  EXPECT_THAT(error("\"all\""), HasSubstr("and must be a list of whole numbers"));
}

// 2^30 words x 4,096 heads x 4,096 are 2^54 each. Four of them are 2^56; 34 are over 2^59, which
// would leave no room for experts in a count of 63 bits.
TEST(ModelEntry, value_embeddings_keep_the_count_of_parameters_in_63_bits) {
  const std::string wide = replaced(
      replaced(replaced(with("vocab = 100", "vocab = 1073741824\nvalue_embeddings = [0, 1, 2, 3]"),
                        "heads = 8", "heads = 4096"),
               "kv_heads = 2", "kv_heads = 4096"),
      "head_dim = 8", "head_dim = 4096");
  const auto fits = parse_model(wide, "x");
  ASSERT_TRUE(fits.ok()) << fits.error().text();
  EXPECT_GT(count_parameters(*fits).total, std::int64_t{1} << 56);
  EXPECT_THAT(error_of(replaced(replaced(wide, "layers = 4", "layers = 64"), "[0, 1, 2, 3]",
                                "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, "
                                "18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33]")),
              HasSubstr("value_embeddings: have 6.12e+17 parameters together"));
}

// Half of a head of 8 are 2 pairs; a quarter is 1; an eighth is half a pair.
TEST(ModelEntry, rotary_positions_turn_pairs) {
  const auto share = [](std::string_view of) {
    return error_of(with("kv_heads = 2", "kv_heads = 2\nrope_share = " + std::string(of)));
  };
  EXPECT_EQ(share("0.5"), "");
  EXPECT_EQ(share("0.25"), "");
  EXPECT_EQ(share("0.125"),
            "models/x.toml:12: attention.rope_share: rotary positions turn pairs, and 0.125 x 8 is "
            "no even number of them");
  EXPECT_THAT(share("0"), HasSubstr("rope_share: rotary positions turn pairs"));
  EXPECT_THAT(error_of(with("head_dim = 8", "head_dim = 7")),
              HasSubstr("attention.head_dim: rotary positions turn pairs"));
  // Without them there is nothing to turn.
  const std::string learned = with("vocab = 100", "vocab = 100\nposition = \"none\"");
  EXPECT_EQ(error_of(replaced(learned, "head_dim = 8", "head_dim = 7")), "");
}

TEST(ModelEntry, refuses_scales_that_are_nothing) {
  EXPECT_THAT(error_of(with("vocab = 100", "vocab = 100\nembedding_scale = 0")),
              HasSubstr("embedding_scale: is 0, and must be from 1e-06"));
  EXPECT_THAT(error_of(with("top_k = 4", "top_k = 4\nscale = -1")),
              HasSubstr("experts.scale: is -1"));
  EXPECT_THAT(error_of(with("kv_heads = 2", "kv_heads = 2\nrope_theta = 0")),
              HasSubstr("attention.rope_theta: is 0"));
}

TEST(ModelEntry, names_the_source_and_grade) {
  EXPECT_THAT(error_of(with("source = \"a test\"\n", "")), HasSubstr("source: is missing"));
  EXPECT_THAT(error_of(with("\"assumption\"", "\"a guess\"")), HasSubstr("x.toml:3: grade: "));
}

}  // namespace
}  // namespace celere::spec
