#include "nn/products.hpp"

#include <gtest/gtest.h>

namespace celere::nn {
namespace {

// Against products in double: a sum of k terms of size one is off by less than k / 2^24 each.
TEST(Products, equal_those_in_double) {
  at::manual_seed(1);
  const std::vector<std::array<std::int64_t, 3>> shapes = {
      {1, 5, 7},       {64, 16, 16},     {65, 17, 300},   {256, 256, 768},
      {300, 1500, 97}, {513, 1024, 257}, {640, 2048, 512}};
  for (const auto& [rows, inner, columns] : shapes) {
    const at::Tensor a = at::randn({rows, inner}), b = at::randn({inner, columns});
    const at::Tensor exact = at::mm(a.to(at::kDouble), b.to(at::kDouble));
    const double bound = 4 * static_cast<double>(inner) / (1 << 24);
    const auto near = [&](const at::Tensor& got) {
      return (got.to(at::kDouble) - exact).abs().max().item<double>() < bound * 4;
    };
    EXPECT_TRUE(near(product(a, b))) << rows << " " << inner << " " << columns;
    // A transposed view, and rows of wider matrices.
    EXPECT_TRUE(near(product(a, b.t().contiguous().t()))) << rows << " " << columns;
    const at::Tensor wide = at::randn({rows, inner + 9});
    wide.narrow(1, 4, inner).copy_(a);
    at::Tensor out = at::empty({rows, columns + 3});
    at::Tensor part = out.narrow(1, 2, columns);
    product_into(part, wide.narrow(1, 4, inner), b);
    EXPECT_TRUE(near(part)) << rows << " " << columns;
  }
}

}  // namespace
}  // namespace celere::nn
