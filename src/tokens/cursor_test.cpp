#include "tokens/cursor.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.hpp"

namespace celere::tokens {
namespace {

// Ten consumed, five skipped: the eleventh sample has number 15.
TEST(Cursor, passes_over_what_is_skipped) {
  Cursor cursor;
  cursor.consume(10);
  cursor.skip(5);
  EXPECT_EQ(cursor.number(9), 9u);
  EXPECT_EQ(cursor.number(10), 15u);
  cursor.skip(2);
  EXPECT_EQ(cursor.skipped(), (std::vector<SampleRange>{{10, 17}}));
  cursor.consume(3);
  cursor.skip(1);
  EXPECT_EQ(cursor.skipped(), (std::vector<SampleRange>{{10, 17}, {20, 21}}));
  EXPECT_EQ(cursor.json(), R"({"version":1,"consumed":13,"skipped":[[10,17],[20,21]]})");
}

// A twin that walks the numbers one by one, 50 random histories.
TEST(Cursor, agrees_with_walking) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Prng random(seed, 0);
    Cursor cursor;
    std::vector<std::uint64_t> numbers;
    std::uint64_t next = 0;
    for (int i = 0; i < 30; ++i) {
      const std::uint64_t count = random.below(4);
      if (random.below(2) == 0) {
        for (std::uint64_t j = 0; j < count; ++j) numbers.push_back(next++);
        cursor.consume(count);
      } else {
        next += count;
        cursor.skip(count);
      }
    }
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      ASSERT_EQ(cursor.number(k), numbers[k]) << "seed " << seed;
    }
    const auto back = Cursor::parse(cursor.json());
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, cursor);
  }
}

TEST(Cursor, refuses_what_is_none) {
  for (const char* text :
       {"", "[]", "{}", R"({"version":2,"consumed":1,"skipped":[]})",
        R"({"version":1,"consumed":-1,"skipped":[]})", R"({"version":1,"consumed":1})",
        R"({"version":1,"consumed":1,"skipped":[[4,4]]})",
        R"({"version":1,"consumed":1,"skipped":[[4,8],[6,9]]})",
        R"({"version":1,"consumed":1,"skipped":[[4]]})"}) {
    const auto cursor = Cursor::parse(text);
    ASSERT_FALSE(cursor.ok()) << text;
    EXPECT_EQ(cursor.error().code, ErrorCode::corrupt);
  }
}

}  // namespace
}  // namespace celere::tokens
