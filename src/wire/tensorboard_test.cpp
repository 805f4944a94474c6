#include "wire/tensorboard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

namespace celere::wire {
namespace {

std::string bytes_of(std::string_view hexadecimal) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hexadecimal.size(); i += 2) {
    int byte = 0;
    std::from_chars(hexadecimal.data() + i, hexadecimal.data() + i + 2, byte, 16);
    out += static_cast<char>(byte);
  }
  return out;
}

// The vectors of RFC 3720, appendix B.4, and the check value of the CRC catalogues.
TEST(Crc32c, agrees_with_published_vectors) {
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(crc32c(""), 0u);
}

// Nine bytes: length 9 in eight bytes, its crc, the content, its crc. The crc of the content is
// 0xe3069283; turned right by 15 bits 0x2507c60d, plus 0xa282ead8 is 0xc78ab0e5.
TEST(TensorBoardRecord, has_length_and_content_each_with_a_masked_crc) {
  const std::string record = tensorboard_record("123456789");
  ASSERT_EQ(record.size(), 8u + 4 + 9 + 4);
  EXPECT_EQ(record.substr(0, 8), bytes_of("0900000000000000"));
  EXPECT_EQ(record.substr(12, 9), "123456789");
  EXPECT_EQ(record.substr(21), bytes_of("e5b08ac7"));
}

// At 1.5 s: 09 and the double 1.5 (field 1, eight bytes). The first record goes on with 1a 0d
// (field 3, 13 bytes); the second with 10 ac 02 (field 2, 300 = 0b10'0101100), 2a 0a (field 5, ten
// bytes): 0a 08 (field 1, eight bytes): 0a 01 61 (field 1, "a"), 15 and the float 0.5 (field 2,
// four bytes). Both are 24 bytes. The crcs are those of a program that goes bit by bit.
TEST(TensorBoardFile, is_written_as_derived_by_hand) {
  const std::string folder = testing::TempDir() + "celere-tb-" + std::to_string(::getpid());
  const auto files = local_files();
  const ManualClock clock(Instant{1'500'000'000});
  auto board = TensorBoard::open(*files, clock, folder);
  ASSERT_TRUE(board.ok()) << board.error().text();
  ASSERT_TRUE(board->add(300, {{"a", 0.5}}).ok());
  ASSERT_TRUE(board->add(301, {}).ok());  // nothing to say: no record
  EXPECT_THAT(std::filesystem::path(board->path()).filename().string(),
              testing::StartsWith("events.out.tfevents.0000000001."));
  EXPECT_EQ(*files->read(board->path()), bytes_of("1800000000000000"
                                                  "a37f4b22"
                                                  "09000000000000f83f1a0d627261696e2e4576656e743a32"
                                                  "2a28646c"
                                                  "1800000000000000"
                                                  "a37f4b22"
                                                  "09000000000000f83f10ac022a0a0a080a0161150000003f"
                                                  "64076a3f"));
  std::filesystem::remove_all(folder);
}

TEST(TensorBoardScalars, are_what_a_step_measured) {
  StepMetrics metrics;
  metrics.loss = 2.5;
  metrics.tokens = 100;
  const std::vector<Scalar> scalars = scalars_of(metrics);
  ASSERT_EQ(scalars.size(), 2u);
  EXPECT_EQ(scalars[0].tag, "loss/train");
  EXPECT_EQ(scalars[1].value, 100.0);
}

}  // namespace
}  // namespace celere::wire
