#include "tokens/shard.hpp"

#include <gtest/gtest.h>

#include "tokens/test_support.hpp"
#include "tokens/token_stream.hpp"

namespace celere::tokens {
namespace {

// Two documents of 3 and 1 tokens of two bytes, byte by byte from the description of the format:
// the magic, version 1, type 8, 2 sequences, 3 marks of documents; sizes 3 and 1; pointers 0 and 6;
// documents 0, 1 and 2.
TEST(Index, is_written_as_the_format_says) {
  std::string expected("MMIDIDX\0\0\1\0\0\0\0\0\0\0\x08", 18);
  expected += std::string("\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0", 16);
  expected += std::string("\3\0\0\0\1\0\0\0", 8);
  expected += std::string("\0\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0", 16);
  expected += std::string("\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 24);
  EXPECT_EQ(written_index({3, 1}, TokenType::u16), expected);
  const auto head = parse_index(expected, 8, "x.idx");
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head->documents, 2u);
}

TEST(Index, of_any_other_size_or_content_is_refused) {
  const std::string good = written_index({3, 1}, TokenType::i32);
  const auto error = [](const std::string& bytes, std::uint64_t bin_bytes = 16) {
    const auto head = parse_index(bytes, bin_bytes, "x.idx");
    return head.ok() ? "" : head.error().message;
  };
  EXPECT_EQ(error(good), "");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(error(good.substr(0, size)), "") << size;
  }
  EXPECT_EQ(error(good.substr(0, good.size() - 8)),
            "x.idx: has 74 bytes for 2 documents: it is cut short or too long");
  EXPECT_EQ(error(good, 12), "x.idx: speaks of 16 bytes of tokens, and the .bin file has 12");
  const auto with = [&good](std::size_t at, char byte) {
    std::string other = good;
    other[at] = byte;
    return other;
  };
  EXPECT_EQ(error(with(0, 'X')), "x.idx: is no index of Megatron-LM's format");
  EXPECT_EQ(error(with(9, 2)), "x.idx: is of version 2, and 1 is known here");
  EXPECT_EQ(error(with(17, 7)), "x.idx: has tokens of type 7; 4 (i32) and 8 (u16) are read");
  EXPECT_EQ(error(with(34, 0)), "x.idx: document 0 has 0 tokens");
  EXPECT_EQ(error(with(50, 8)), "x.idx: document 1 does not begin where the one before ends");
  EXPECT_EQ(error(with(66, 0)), "x.idx: sequence 1 is no document of its own");
}

// 65,536 tokens are the numbers 0 to 65,535: they fit two bytes.
TEST(TokenTypes, are_as_small_as_the_vocabulary_allows) {
  EXPECT_EQ(token_type(65536), TokenType::u16);
  EXPECT_EQ(token_type(65537), TokenType::i32);
}

class EachType : public testing::TestWithParam<TokenType> {};

std::string as_bytes(const std::vector<std::int32_t>& tokens, TokenType type) {
  std::string bytes;
  for (const std::int32_t token : tokens) {
    bytes.append(reinterpret_cast<const char*>(&token), bytes_of(type));  // little-endian
  }
  return bytes;
}

TEST_P(EachType, what_is_written_is_read_as_one_stream) {
  TemporaryFolder folder("shard");
  const auto files = local_files();
  const std::vector<std::vector<std::int32_t>> documents = {{1, 2, 3}, {4}, {50000, 6}, {7, 8, 9}};
  std::vector<ShardEntry> entries;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    auto writer = ShardWriter::create(folder.path(), "s" + std::to_string(shard), GetParam());
    ASSERT_TRUE(writer.ok());
    for (std::size_t i = 2 * shard; i < 2 * shard + 2; ++i) {
      ASSERT_TRUE(writer
                      ->add(as_bytes(documents[i], GetParam()),
                            {static_cast<std::int32_t>(documents[i].size())})
                      .ok());
    }
    entries.push_back(*writer->finish(*files));
  }
  const auto stream = TokenStream::open(folder.path(), entries);
  ASSERT_TRUE(stream.ok()) << stream.error().text();
  EXPECT_EQ(stream->documents(), 4u);
  EXPECT_EQ(stream->tokens(), 9u);
  std::vector<std::int32_t> all(9);
  stream->copy(0, 9, all.data());
  EXPECT_EQ(all, (std::vector<std::int32_t>{1, 2, 3, 4, 50000, 6, 7, 8, 9}));
  const std::vector<std::uint64_t> begins = {0, 3, 4, 6, 9};
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(stream->begin_of(i), begins[i]);
  const std::vector<std::uint64_t> of = {0, 0, 0, 1, 2, 2, 3, 3, 3};
  for (std::uint64_t i = 0; i < 9; ++i) EXPECT_EQ(stream->document_at(i), of[i]);

  std::filesystem::resize_file(folder / "s1.bin", entries[1].bin_bytes - 2);
  const auto cut = TokenStream::open(folder.path(), entries);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, ErrorCode::corrupt);
  EXPECT_NE(cut.error().message.find("s1.idx: speaks of"), std::string::npos);
  std::filesystem::remove(folder / "s1.bin");
  EXPECT_EQ(TokenStream::open(folder.path(), entries).error().code, ErrorCode::not_found);
}

INSTANTIATE_TEST_SUITE_P(Types, EachType, testing::Values(TokenType::u16, TokenType::i32));

}  // namespace
}  // namespace celere::tokens
