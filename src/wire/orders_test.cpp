#include "wire/orders.hpp"

#include <gtest/gtest.h>

#include "base/test_folder.hpp"

namespace celere::wire {
namespace {

// Each kind with its line, written by hand.
TEST(Orders, are_written_and_read_back) {
  const std::pair<Order, const char*> all[] = {
      {{1, SaveOrder{}}, R"({"order":1,"kind":"save"})"},
      {{2, Fault(NanFault{})}, R"({"order":2,"kind":"fault","fault":"nan"})"},
      {{3, Fault(FlipBitFault{.in_weight = true, .which = 12345})},
       R"({"order":3,"kind":"fault","fault":"flip_bit","in":"weight","which":12345})"},
      {{4, Fault(SlowFault{.factor = 1.25, .steps = 20, .time_s = {}})},
       R"({"order":4,"kind":"fault","fault":"slow","factor":1.25,"steps":20})"},
      {{5, Fault(SlowFault{.factor = 2, .steps = {}, .time_s = 3.5})},
       R"({"order":5,"kind":"fault","fault":"slow","factor":2.0,"time_s":3.5})"},
      {{6, Fault(DiskFullFault{.saves = 2})},
       R"({"order":6,"kind":"fault","fault":"disk_full","saves":2})"},
      {{7, RegroupOrder{.layout = "dp=2",
                        .rank = 1,
                        .meeting = "/tmp/m",
                        .interface = "lo",
                        .generation = 4,
                        .joining = true}},
       R"({"order":7,"kind":"regroup","layout":"dp=2","rank":1,"meeting":"/tmp/m",)"
       R"("interface":"lo","generation":4,"joining":true})"},
  };
  for (const auto& [order, line] : all) {
    EXPECT_EQ(written_json(order), line);
    const auto parsed = parse_order(line);
    ASSERT_TRUE(parsed.ok()) << parsed.error().text();
    EXPECT_EQ(*parsed, order) << line;
  }
}

TEST(Orders, that_are_none_are_refused) {
  for (const char* line :
       {"",
        "[]",
        "7",
        R"({"order":1})",
        R"({"kind":"save"})",
        R"({"order":0,"kind":"save"})",
        R"({"order":-1,"kind":"save"})",
        R"({"order":1.5,"kind":"save"})",
        R"({"order":1,"kind":"stop"})",
        R"({"order":1,"kind":"save","now":true})",
        R"({"order":1,"order":1,"kind":"save"})",
        R"({"order":1,"kind":"fault"})",
        R"({"order":1,"kind":"fault","fault":"fire"})",
        R"({"order":1,"kind":"fault","fault":"nan","which":3})",
        R"({"order":1,"kind":"fault","fault":"flip_bit","in":"head","which":3})",
        R"({"order":1,"kind":"fault","fault":"flip_bit","in":"weight","which":-3})",
        R"({"order":1,"kind":"fault","fault":"slow","factor":0.5,"steps":2})",
        R"({"order":1,"kind":"fault","fault":"slow","factor":"inf","steps":2})",
        R"({"order":1,"kind":"fault","fault":"slow","factor":2})",
        R"({"order":1,"kind":"fault","fault":"slow","factor":2,"steps":2,"time_s":2})",
        R"({"order":1,"kind":"fault","fault":"disk_full","saves":0})",
        R"({"order":1,"kind":"regroup","layout":"dp=1","rank":0,"meeting":"m","generation":1})",
        R"({"order":1,"kind":"regroup","layout":"dp=1","rank":-1,"meeting":"m",)"
        R"("generation":1,"joining":true})"}) {
    const auto parsed = parse_order(line);
    ASSERT_FALSE(parsed.ok()) << line;
    EXPECT_EQ(parsed.error().code, ErrorCode::corrupt) << line;
  }
}

// What was done before is not given again, and what an agent is just writing not yet.
TEST(Orders, are_read_from_where_one_stands) {
  const TemporaryFolder folder("orders");
  const auto files = local_files();
  const std::string path = folder / "orders";
  const std::string first = R"({"order":1,"kind":"save"})", second = R"({"order":2,"kind":"save"})";
  ASSERT_TRUE(files->write(path, first + "\n" + second + "\n" + R"({"order":3,"ki)").ok());
  ASSERT_EQ(read_orders(*files, path, 0)->size(), 2u);
  ASSERT_EQ(read_orders(*files, path, 1)->size(), 1u);
  EXPECT_EQ(read_orders(*files, path, 1)->front().number, 2u);
  EXPECT_TRUE(read_orders(*files, path, 2)->empty());
  ASSERT_TRUE(files->write(path, second + "\n").ok());
  EXPECT_EQ(read_orders(*files, path, 0).error().code, ErrorCode::corrupt);
  EXPECT_EQ(read_orders(*files, folder / "none", 0).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace celere::wire
