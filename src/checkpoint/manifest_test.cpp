#include "checkpoint/manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <span>

#include "checkpoint/checksum.hpp"

namespace celere::checkpoint {
namespace {

using testing::HasSubstr;

Manifest small() {
  const std::string sum(32, 'a');
  return {
      .step = 120,
      .about = {.code_version = "0.1.0 \"x\"", .model = "m", .inventory = "h", .layout = "dp=2"},
      .files = {{"rank-00000.safetensors", 256, sum}, {"rank-00001.safetensors", 128, sum}},
      .tensors =
          {{"w",
            DataType::bf16,
            {4, 8},
            {{0, "w", {{0, 0}, {2, 8}}}, {1, "w", {{2, 0}, {1, 8}}}, {1, "w#2", {{3, 0}, {1, 8}}}}},
           {"b", DataType::f32, {}, {{0, "b", {{}, {}}}}}},
      .state = {{"cursor", std::string("{\"samples\":[1,2]}\nand é")},
                {"seed", std::int64_t{-7}},
                {"rate", 0.1},
                {"whole_rate", 1.0}}};
}

// The text again with its right checksum, after `from` was replaced by `to` in it.
std::string replaced(const std::string& from, const std::string& to) {
  std::string text = *written_manifest(small());
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  const std::string rest = text.substr(text.find('\n') + 1);
  return "{\"xxh3_128\": \"" + checksum_of(std::as_bytes(std::span(rest))) + "\",\n" + rest;
}

std::string error_of(const std::string& text) {
  const auto manifest = parse_manifest(text, "m");
  return manifest.ok() ? "" : manifest.error().message;
}

TEST(Manifest, is_read_as_it_was_written) {
  const auto text = written_manifest(small());
  ASSERT_TRUE(text.ok()) << text.error().text();
  const auto back = parse_manifest(*text, "m");
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(*back, small());
  EXPECT_EQ(back->bytes(), 384);
  EXPECT_EQ(back->find("b")->dtype, DataType::f32);
  EXPECT_EQ(back->find("c"), nullptr);
}

TEST(Manifest, sees_each_flipped_bit) {
  const std::string text = *written_manifest(small());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string flipped = text;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    ASSERT_FALSE(parse_manifest(flipped, "m").ok()) << "byte " << i;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    ASSERT_FALSE(parse_manifest(text.substr(0, i), "m").ok()) << "cut to " << i;
  }
}

TEST(Manifest, cannot_lead_outside_its_folder) {
  for (const char* name : {"../x.safetensors", "/etc/passwd", "a/b", "..", ".", ".hidden", "",
                           "manifest.json", "a\\\\b", "a b"}) {
    EXPECT_THAT(error_of(replaced("rank-00001.safetensors", name)),
                HasSubstr("is no plain name in the checkpoint's folder"))
        << name;
  }
  EXPECT_EQ(error_of(replaced("rank-00001", "rank-00000")),
            "m: file \"rank-00000.safetensors\" stands twice");
}

TEST(Manifest, says_what_is_wrong) {
  EXPECT_EQ(error_of(replaced("\"version\": 1", "\"version\": 2")),
            "m: has format version 2; this program reads 1");
  EXPECT_EQ(error_of(replaced("\"step\": 120", "\"step\": -1")), "m: step: is no whole number");
  EXPECT_EQ(error_of(replaced("\"step\": 120,\n", "")), "m: step: is missing");
  EXPECT_EQ(error_of(replaced("\"model\": \"m\"", "\"model\": 3")), "m: model: is no text");
  EXPECT_EQ(error_of(replaced("BF16", "B16")), "m: tensor \"w\": dtype: \"B16\" is not known");
  EXPECT_EQ(error_of(replaced("\"offset\":[2,0]", "\"offset\":[1,0]")),
            "m: tensor \"w\": its pieces leave out or hold twice a part of [4, 8]");
  EXPECT_EQ(error_of(replaced("\"offset\":[3,0]", "\"offset\":[4,0]")),
            "m: tensor \"w\": a piece lies outside its shape [4, 8]");
  EXPECT_EQ(error_of(replaced("\"shape\":[4,8]", "\"shape\":[4294967296,4294967296]")),
            "m: tensor \"w\": shape [4294967296, 4294967296] is not possible");
  EXPECT_EQ(error_of(replaced("{\"file\":1", "{\"file\":2")),
            "m: tensor \"w\": a piece is in file 2 of 2");
  EXPECT_EQ(error_of(replaced("w#2", "w")), "m: tensor \"w\": \"w\" is the name of two pieces");
  EXPECT_EQ(error_of(replaced("\"name\":\"b\"", "\"name\":\"w\"")),
            "m: tensor \"w\": stands twice");
  EXPECT_EQ(error_of(replaced("\"seed\":-7", "\"seed\":[1]")),
            "m: state: seed: is neither a number nor a text");
  EXPECT_EQ(error_of(replaced("\"seed\":-7", "\"seed\":-7,\"seed\":8")),
            "m: the name \"seed\" stands twice in one object");
  EXPECT_EQ(error_of("{}"), "m: does not begin with its checksum");
}

TEST(Manifest, is_not_written_where_it_could_not_be_read) {
  Manifest manifest = small();
  manifest.state["loss"] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(written_manifest(manifest).error().message, "step 120: state \"loss\" is nan");
  manifest = small();
  manifest.state["cursor"] = std::string("\xff");
  EXPECT_EQ(written_manifest(manifest).error().message, "step 120: state \"cursor\" is not UTF-8");
  manifest = small();
  manifest.tensors[0].pieces.pop_back();
  EXPECT_THAT(written_manifest(manifest).error().message, HasSubstr("its pieces leave out"));
}

TEST(StepFolders, have_one_name_a_step) {
  EXPECT_EQ(folder_name_of_step(120), "step-000000120");
  EXPECT_EQ(step_of_folder_name("step-000000120"), 120);
  EXPECT_EQ(step_of_folder_name(folder_name_of_step(12'345'678'901)), 12'345'678'901);
  for (const char* name : {"step-120", "step-", "step--00000001", "step-00000012x", "other"}) {
    EXPECT_FALSE(step_of_folder_name(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace celere::checkpoint
