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

TEST(ModelEntry, names_the_source_and_grade) {
  EXPECT_THAT(error_of(with("source = \"a test\"\n", "")), HasSubstr("source: is missing"));
  EXPECT_THAT(error_of(with("\"assumption\"", "\"a guess\"")), HasSubstr("x.toml:3: grade: "));
}

}  // namespace
}  // namespace celere::spec
