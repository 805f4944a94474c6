#include "base/prng.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace celere {
namespace {

using Block = std::array<std::uint32_t, 4>;

// The known answers of Random123 1.14 (kat_vectors, philox4x32 10).
TEST(Prng, philox_gives_the_known_answers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// Seed 0, stream 0 begins with the first known answer.
TEST(Prng, a_stream_is_its_blocks_in_order) {
  Prng prng(0, 0);
  EXPECT_EQ(prng.bits(), 0x6627e8d5e169c58dull);
  EXPECT_EQ(prng.bits(), 0xbc57ac4c9b00dbd8ull);
}

TEST(Prng, streams_and_seeds_differ) {
  EXPECT_NE(Prng(1, 0).bits(), Prng(1, 1).bits());
  EXPECT_NE(Prng(1, 0).bits(), Prng(2, 0).bits());
  EXPECT_EQ(Prng(7, 9).bits(), Prng(7, 9).bits());
}

// The mean of 100,000 uniforms is 0.5 with a standard error of 0.29 / 316 = 0.0009; of exponentials
// 3 with 0.0095.
TEST(Prng, the_means_are_right) {
  Prng prng(42, 0);
  double sum = 0, waiting = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double u = prng.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    sum += u;
    waiting += prng.exponential(3_s) / 1_s;
  }
  EXPECT_NEAR(sum / 1e5, 0.5, 0.005);
  EXPECT_NEAR(waiting / 1e5, 3, 0.05);
}

// Of 100,000 normals: mean 0 and variance 1, with standard errors of 0.0032 and 0.0045; a tenth
// (standard error 95) lies above 1.28155.
TEST(Prng, normals_have_the_mean_variance_and_tail_of_a_normal) {
  Prng prng(11, 0);
  double sum = 0, squares = 0;
  int above = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double z = prng.normal();
    sum += z;
    squares += z * z;
    above += z > 1.2815515655446004;
  }
  EXPECT_NEAR(sum / 1e5, 0, 0.013);
  EXPECT_NEAR(squares / 1e5, 1, 0.018);
  EXPECT_NEAR(above, 10'000, 400);
}

// Of 60,000 throws each face comes 10,000 times with a standard deviation of 91.
TEST(Prng, a_die_has_six_faces) {
  Prng prng(3, 14);
  std::vector<int> faces(6, 0);
  for (int i = 0; i < 60'000; ++i) ++faces[prng.below(6)];
  for (const int count : faces) EXPECT_NEAR(count, 10'000, 500);
}

}  // namespace
}  // namespace celere
