#include "spec/scaled_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace celere::spec {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// [model] begins at line 3 of the file, what is given here at line 5.
Result<Model> model_with(const std::string& fields, const std::string& use = "grok-1") {
  const std::string text = "[run]\nname = \"x\"\n[model]\nuse = \"" + use + "\"\n" + fields +
                           "[train]\ntokens = \"1 M tokens\"\nsequence = 64\nbatch = "
                           "\"8 sequences\"\nprecision = \"fp32\"\n[cluster]\nuse = "
                           "\"eos-h100\"\n";
  ASSIGN_OR_RETURN(const Run run, parse_run(text, "x.toml"));
  const auto no_files = memory_files();
  return model_of(run, Catalog(*no_files, {}));
}

std::string error_of(const std::string& fields, const std::string& use = "grok-1") {
  const auto model = model_with(fields, use);
  return model.ok() ? "" : model.error().message;
}

TEST(ModelOfARun, is_the_entry_where_nothing_else_is_given) {
  const auto model = model_with("");
  ASSERT_TRUE(model.ok()) << model.error().text();
  EXPECT_EQ(model->title, "Grok-1");
  EXPECT_EQ(model->layers, 64);
  EXPECT_TRUE(model->published_parameters.known());
}

// 4 layers of 256: attention 2 x 256 x 256 + 2 x 256 x 64 = 163,840; 4 experts of 3 x 256 x 512 =
// 393,216; router 1,024; four norms 1,024. Embedding 4,096 x 256 = 1,048,576 (the head too), last
// norm 256.
TEST(ModelOfARun, has_the_fields_given_and_the_rest_of_the_entry) {
  const auto model = model_with(
      "layers = 4\nhidden = 256\nvocab = 4096\nattention = { heads = 8, kv_heads = 2, head_dim = "
      "32 }\nexperts = { count = 4, ffn = 512 }\n");
  ASSERT_TRUE(model.ok()) << model.error().text();
  EXPECT_EQ(model->name, "grok-1");
  EXPECT_EQ(model->title, "Grok-1, scaled");
  EXPECT_EQ(model->layers, 4);
  EXPECT_EQ(model->attention.head_dim, 32);
  EXPECT_EQ(model->experts->top_k, 2);
  EXPECT_EQ(model->activation, Activation::gelu_gated);
  EXPECT_EQ(model->norms_per_layer, 4);
  EXPECT_EQ(count_parameters(*model).total,
            1048576 + 256 + 4 * (163840 + 4 * 393216 + 1024 + 1024));
  // What was published was of another size.
  EXPECT_FALSE(model->published_parameters.known());
  EXPECT_EQ(model->difference, "");
  EXPECT_EQ(model->grade, Grade::assumption);
  EXPECT_THAT(model->source, HasSubstr("x.toml"));
}

TEST(ModelOfARun, knows_what_is_given_of_an_entry_whose_source_is_silent) {
  const std::string fields =
      "hidden = 64\nlayers = 2\nvocab = 512\ncontext = 128\nffn = 128\n[model.attention]\n"
      "heads = 4\nhead_dim = 24\nvalue_dim = 16\nquery_rank = 32\nkv_rank = 16\nrope_dim = 8\n"
      "[model.experts]\ncount = 4\ntop_k = 2\nffn = 32\nshared_ffn = 32\n";
  const auto part = model_with(fields, "kimi-k2");
  ASSERT_TRUE(part.ok()) << part.error().text();
  EXPECT_THAT(part->unknown, testing::ElementsAre("experts.first_dense"));
  const auto all = model_with(fields + "first_dense = 1\n", "kimi-k2");
  ASSERT_TRUE(all.ok()) << all.error().text();
  EXPECT_TRUE(all->unknown.empty());
  EXPECT_EQ(all->attention.kv_rank, 16);
}

TEST(ModelOfARunErrors, name_the_line_and_key_of_the_run_file) {
  EXPECT_EQ(error_of("layers = -4\n"), "x.toml:5: model.layers: is -4, and must be from 1 to 4096");
  EXPECT_EQ(error_of("layer = 4\n"),
            "x.toml:5: model.layer: is not a key that is known here; is \"layers\" meant?");
  EXPECT_EQ(error_of("hidden = 256\nattention = { head = 4 }\n"),
            "x.toml:6: model.attention.head: is not a key that is known here; is \"heads\" meant?");
  EXPECT_EQ(error_of("experts = 4\n"),
            "x.toml:5: model.experts: is a whole number, and must be a "
            "table");
  EXPECT_EQ(error_of("source = \"me\"\n"),
            "x.toml:5: model.source: is said by the catalogue's entry alone");
}

// Grok-1 has 8 kv_heads, which do not divide 4 heads: the line is the entry's, the reason is here.
TEST(ModelOfARunErrors, say_where_entry_and_fields_do_not_agree) {
  const std::string error = error_of("layers = 4\nattention = { heads = 4 }\n");
  EXPECT_THAT(error, StartsWith("x.toml:5: model.layers: with the fields given here, "
                                "models/grok-1.toml:"));
  EXPECT_THAT(error, HasSubstr("attention.kv_heads: = 8 does not divide the 4 heads"));
}

TEST(ModelOfARunErrors, an_entry_that_is_not_there_comes_with_the_nearest) {
  EXPECT_THAT(error_of("layers = 4\n", "grok-9"), HasSubstr("is \"grok-1\" meant?"));
}

}  // namespace
}  // namespace celere::spec
