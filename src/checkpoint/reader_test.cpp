#include "checkpoint/reader.hpp"

#include <gmock/gmock.h>

#include "checkpoint/test_storage.hpp"

namespace celere::checkpoint {
namespace {

using testing::HasSubstr;

class Reader : public FolderTest {
 protected:
  std::string step_folder(std::int64_t step) const {
    return folder_ + "/" + folder_name_of_step(step);
  }

  // A checkpoint of these shards, one process each.
  void save(std::int64_t step, const std::vector<std::vector<TensorView>>& ranks) {
    ASSERT_TRUE(storage_->files().make_folder(step_folder(step)).ok());
    std::vector<Shard> shards;
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      auto shard = write_shard(*storage_, step_folder(step), static_cast<int>(rank), ranks[rank]);
      ASSERT_TRUE(shard.ok()) << shard.error().text();
      shards.push_back(*std::move(shard));
    }
    auto manifest = merge(shards);
    ASSERT_TRUE(manifest.ok()) << manifest.error().text();
    manifest->step = step;
    manifest->about.model = "m";
    manifest->state = {{"cursor", std::int64_t{8}}, {"rate", 0.5}, {"prng", std::string("x")}};
    const Status status = commit(*storage_, step_folder(step), *manifest);
    ASSERT_TRUE(status.ok()) << status.error().text();
  }

  void save_small(std::int64_t step) {
    const auto model = small_model(static_cast<std::uint64_t>(step));
    save(step, {views_of(model)});
  }

  void flip_byte(const std::string& path, std::size_t at) {
    std::string content = *storage_->files().read(path);
    content.at(at) = static_cast<char>(content.at(at) ^ 4);
    ASSERT_TRUE(storage_->files().write(path, content).ok());
  }

  std::string why_refused(std::int64_t step, Verify verify = Verify::deep) {
    const auto checkpoint = Checkpoint::open(*storage_, step_folder(step), verify);
    return checkpoint.ok() ? "" : checkpoint.error().message;
  }

  std::string data_file(std::int64_t step) const {
    return step_folder(step) + "/rank-00000.safetensors";
  }
};

TEST_F(Reader, takes_the_newest_and_says_why_newer_ones_are_refused) {
  for (std::int64_t step = 10; step <= 60; step += 10) save_small(step);
  const auto size = std::filesystem::file_size(data_file(60));
  flip_byte(data_file(60), size - 1);
  std::filesystem::resize_file(data_file(50), size - 1);
  std::filesystem::remove(data_file(40));
  flip_byte(step_folder(30) + "/manifest.json", 200);
  const Newest newest = newest_good(*storage_, folder_);
  ASSERT_TRUE(newest.checkpoint.has_value());
  EXPECT_EQ(newest.checkpoint->manifest().step, 20);
  ASSERT_EQ(newest.refused.size(), 4u);
  EXPECT_THAT(newest.refused[0].why.message,
              HasSubstr("step-000000060/rank-00000.safetensors: its checksum is"));
  EXPECT_THAT(newest.refused[1].why.message,
              HasSubstr("step-000000050/rank-00000.safetensors: has " + std::to_string(size - 1) +
                        " bytes of " + std::to_string(size)));
  EXPECT_THAT(newest.refused[2].why.message,
              HasSubstr("step-000000040/rank-00000.safetensors: is missing"));
  EXPECT_THAT(newest.refused[3].why.message, HasSubstr("step-000000030/manifest.json: "));
  EXPECT_EQ(newest.refused[3].which.step, 30);
  EXPECT_FALSE(newest_good(*storage_, folder_ + "/none").checkpoint.has_value());
}

TEST_F(Reader, sees_each_flipped_byte) {
  save_small(1);
  const auto size = std::filesystem::file_size(data_file(1));
  for (std::size_t at = 0; at < size; at += 7) {
    flip_byte(data_file(1), at);
    EXPECT_NE(why_refused(1), "") << "byte " << at;
    flip_byte(data_file(1), at);
  }
  EXPECT_EQ(why_refused(1), "");
}

// Without a manifest a folder is no checkpoint, however much lies in it.
TEST_F(Reader, passes_over_what_was_never_committed) {
  save_small(10);
  save_small(20);
  std::filesystem::remove(step_folder(20) + "/manifest.json");
  const auto all = committed(*storage_, folder_);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].step, 10);
  EXPECT_TRUE(newest_good(*storage_, folder_).refused.empty());
}

// The file is whole and has its right checksum in the manifest; it is of another checkpoint.
TEST_F(Reader, holds_file_and_manifest_against_each_other) {
  const OwnedTensor w = random_tensor("w", DataType::f32, {4, 2}, 1);
  save(1, {{w.view()}});
  auto manifest = parse_manifest(*storage_->files().read(step_folder(1) + "/manifest.json"), "m");
  ASSERT_TRUE(manifest.ok());
  manifest->tensors[0].shape = {2, 4};
  manifest->tensors[0].pieces[0].slice = whole({2, 4});
  ASSERT_TRUE(commit(*storage_, step_folder(1), *manifest).ok());
  EXPECT_THAT(why_refused(1), HasSubstr("tensor \"w\": is F32 [4, 2], and the manifest says F32 "
                                        "[2, 4]"));
  manifest->tensors[0].pieces[0].key = "v";
  ASSERT_TRUE(commit(*storage_, step_folder(1), *manifest).ok());
  EXPECT_THAT(why_refused(1, Verify::quick), HasSubstr("tensor \"v\": is missing"));
}

TEST_F(Reader, refuses_another_model_by_name) {
  save_small(1);
  const auto checkpoint = Checkpoint::open(*storage_, step_folder(1), Verify::quick);
  ASSERT_TRUE(checkpoint.ok());
  std::vector<Expected> expected{{"embedding", DataType::f32, {10, 6}},
                                 {"norm", DataType::bf16, {7}},
                                 {"step", DataType::i64, {}}};
  EXPECT_TRUE(checkpoint->compare(expected).ok());
  expected.pop_back();
  EXPECT_TRUE(checkpoint->compare(expected, Extras::fine).ok());
  expected[0].shape = {12, 6};
  expected[1].dtype = DataType::f32;
  expected.push_back({"head", DataType::f32, {1}});
  EXPECT_EQ(checkpoint->compare(expected).error().message,
            step_folder(1) +
                ": a checkpoint of model m that does not fit (4 of 3 tensors):\n"
                "  \"embedding\" is F32 [10, 6], and F32 [12, 6] is needed\n"
                "  \"norm\" is BF16 [7], and F32 [7] is needed\n"
                "  \"head\" is missing\n"
                "  \"step\" is not needed");
}

TEST_F(Reader, gives_state_by_kind_and_refuses_wrong_requests) {
  save_small(1);
  const auto checkpoint = Checkpoint::open(*storage_, step_folder(1), Verify::quick);
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_EQ(*checkpoint->state_integer("cursor"), 8);
  EXPECT_EQ(*checkpoint->state_number("cursor"), 8.0);
  EXPECT_EQ(*checkpoint->state_number("rate"), 0.5);
  EXPECT_EQ(*checkpoint->state_text("prng"), "x");
  EXPECT_THAT(checkpoint->state_text("none").error().message, HasSubstr("\"none\": is missing"));
  EXPECT_THAT(checkpoint->state_text("rate").error().message, HasSubstr("\"rate\": is no text"));
  std::vector<std::byte> bytes(12);
  EXPECT_THAT(checkpoint->read("none", bytes).error().message, HasSubstr("has no tensor \"none\""));
  EXPECT_THAT(checkpoint->read("norm", bytes).error().message,
              HasSubstr("tensor \"norm\": [0:7] of it takes 14 bytes, and 12 were given"));
  EXPECT_THAT(checkpoint->read("norm", {{4}, {4}}, bytes).error().message,
              HasSubstr("the slice lies outside its shape [7]"));
}

// A tensor is split at random over 1 to 5 ranks and read back in other boxes: the slow twin is the
// tensor itself, from which each box is cut.
TEST_F(Reader, puts_any_slice_together_from_the_pieces_of_another_layout) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Prng prng(seed, 3);
    const OwnedTensor w = random_tensor("w", DataType::f16, {9, 4, 5}, seed);
    std::vector<Slice> slices{whole(w.shape)};
    while (slices.size() < 1 + prng.below(8)) {
      Slice& one = slices[prng.below(slices.size())];
      const std::size_t d = prng.below(3);
      if (one.extent[d] < 2) continue;
      Slice rest = one;
      const auto cut =
          static_cast<std::int64_t>(1 + prng.below(static_cast<std::uint64_t>(one.extent[d]) - 1));
      one.extent[d] = cut;
      rest.offset[d] += cut;
      rest.extent[d] -= cut;
      slices.push_back(rest);
    }
    std::vector<std::vector<std::byte>> parts;
    std::vector<std::vector<TensorView>> ranks(1 + prng.below(5));
    parts.reserve(slices.size());
    for (const Slice& slice : slices) {
      auto& part = parts.emplace_back(static_cast<std::size_t>(count(slice.extent)) * 2);
      copy_box(slice, {whole(w.shape), w.bytes.data()}, {slice, part.data()}, 2);
      ranks[prng.below(ranks.size())].push_back({"w", w.dtype, w.shape, slice, part});
    }
    const auto step = static_cast<std::int64_t>(seed);
    save(step, ranks);
    const auto checkpoint = Checkpoint::open(*storage_, step_folder(step), Verify::deep);
    ASSERT_TRUE(checkpoint.ok()) << "seed " << seed << checkpoint.error().text();
    for (int i = 0; i < 10; ++i) {
      Slice box;
      for (const std::int64_t extent : w.shape) {
        box.offset.push_back(
            static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(extent) + 1)));
        box.extent.push_back(static_cast<std::int64_t>(
            prng.below(static_cast<std::uint64_t>(extent - box.offset.back()) + 1)));
      }
      std::vector<std::byte> expected(static_cast<std::size_t>(count(box.extent)) * 2);
      copy_box(box, {whole(w.shape), w.bytes.data()}, {box, expected.data()}, 2);
      std::vector<std::byte> got(expected.size());
      ASSERT_TRUE(checkpoint->read("w", box, got).ok());
      ASSERT_EQ(got, expected) << "seed " << seed;
    }
  }
}

TEST_F(Reader, sees_shards_that_disagree) {
  const OwnedTensor a = random_tensor("w", DataType::f32, {4}, 1);
  const OwnedTensor b = random_tensor("w", DataType::f32, {5}, 1);
  const std::vector<Shard> shards{{{"rank-00000.safetensors", 1, ""}, listed(views_of({a}))},
                                  {{"rank-00001.safetensors", 1, ""}, listed(views_of({b}))}};
  EXPECT_EQ(merge(shards).error().message,
            "tensor \"w\": is F32 [4] in one shard and F32 [5] in rank-00001.safetensors");
}

}  // namespace
}  // namespace celere::checkpoint
