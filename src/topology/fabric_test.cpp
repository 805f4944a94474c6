#include "topology/fabric.hpp"

#include <gtest/gtest.h>

#include <random>

namespace celere::topology {
namespace {

// Nodes of 8 at 100 GB/s, pods of 32 at 10 GB/s a GPU, a hall of 128 with 1:5 above the pods.
Fabric three_levels() {
  return {.levels = {{.gpus = 8, .bandwidth = 100_GBps, .latency = 1_us},
                     {.gpus = 32, .bandwidth = 10_GBps, .latency = 5_us},
                     {.gpus = 128, .bandwidth = 2_GBps, .latency = 9_us}}};
}

double ring_gbps(GroupShape group) { return ring_bandwidth(three_levels(), group).in_base() / 1e9; }

// Eight neighbours fill a node: NVLink's 100 GB/s.
TEST(RingBandwidth, inside_a_node_is_that_of_the_node) {
  EXPECT_DOUBLE_EQ(ring_gbps(GroupShape::line(8, 1)), 100);
  EXPECT_DOUBLE_EQ(ring_gbps(GroupShape::line(2, 4)), 100);
}

// A ring leaves each node once, over the ports of all its members there: 8 x 10 GB/s with eight
// members, 2 x 10 with two, 10 with one.
TEST(RingBandwidth, between_nodes_is_the_ports_of_the_members_in_a_node) {
  EXPECT_DOUBLE_EQ(ring_gbps(GroupShape::line(32, 1)), 80);
  EXPECT_DOUBLE_EQ(ring_gbps(GroupShape::line(8, 4)), 20);
  EXPECT_DOUBLE_EQ(ring_gbps(GroupShape::line(4, 8)), 10);
}

// A pod of 32 sends 32 x 2 = 64 GB/s in all, so a ring through every GPU gets 64, and one of the
// eight rings with one member a node (4 in a pod) gets 4 x 2 = 8, less than its port's 10. With one
// member a pod, 2.
TEST(RingBandwidth, between_pods_is_the_members_share_of_the_pods_uplinks) {
  EXPECT_DOUBLE_EQ(ring_gbps(GroupShape::line(128, 1)), 64);
  EXPECT_DOUBLE_EQ(ring_gbps(GroupShape::line(16, 8)), 8);
  EXPECT_DOUBLE_EQ(ring_gbps(GroupShape::line(4, 32)), 2);
}

// Sixteen ranks, of which 8 neighbours fill a node, and the two nodes are in different pods: 8 x 2.
TEST(RingBandwidth, of_two_blocks_in_different_pods_is_what_a_node_gets_of_the_uplinks) {
  EXPECT_DOUBLE_EQ(ring_gbps({.size = 16, .stride = 1, .inner = 8, .jump = 32}), 16);
}

TEST(LevelSpanning, is_the_lowest_whose_domain_holds_the_ranks) {
  const Fabric fabric = three_levels();
  EXPECT_EQ(fabric.level_spanning(8), 0);
  EXPECT_EQ(fabric.level_spanning(9), 1);
  EXPECT_EQ(fabric.level_spanning(32), 1);
  EXPECT_EQ(fabric.level_spanning(33), 2);
  EXPECT_EQ(fabric.level_spanning(1000), 2);  // beyond the last: the last
}

std::int64_t rank_of(GroupShape group, int i) {
  return (i / group.inner) * group.jump + (i % group.inner) * group.stride;
}

int domains_touched(GroupShape group, std::int64_t gpus) {
  int touched = 0;
  std::int64_t last = -1;
  for (int i = 0; i < group.size; ++i) {
    const std::int64_t domain = rank_of(group, i) / gpus;
    if (domain != last) ++touched;
    last = domain;
  }
  return touched;
}

// The slow twin walks the ranks of random groups of powers of two: it finds as many domains as
// one_in_each_domain has members, and in each of those domains one of these members.
TEST(OneInEachDomain, meets_every_domain_that_the_group_touches_once) {
  constexpr unsigned seed = 7;
  std::mt19937 random(seed);
  const auto power = [&random](int most) { return 1 << (random() % static_cast<unsigned>(most)); };
  for (int trial = 0; trial < 2000; ++trial) {
    const int stride = power(5), inner = power(5), blocks = power(4);
    const std::int64_t jump = static_cast<std::int64_t>(stride) * inner * power(4);
    const GroupShape group = blocks == 1 ? GroupShape::line(inner, stride)
                                         : GroupShape{inner * blocks, stride, inner, jump};
    const int gpus = power(9);
    const GroupShape some = one_in_each_domain(group, gpus);
    ASSERT_EQ(some.size, domains_touched(group, gpus)) << "seed " << seed << ", trial " << trial;
    for (int i = 1; i < some.size; ++i)
      ASSERT_LT(rank_of(some, i - 1) / gpus, rank_of(some, i) / gpus) << "trial " << trial;
  }
}

template <typename T>
spec::Fact<T> known(T value) {
  return {.value = value, .low = value, .high = value, .source = "a test", .where = "here"};
}

spec::Tier tier(const char* name, int gpus, BytesPerSecond bandwidth, Seconds latency) {
  return {.name = name,
          .gpus = gpus,
          .bandwidth = known(bandwidth),
          .share = known(0.8),
          .latency = known(latency)};
}

spec::Chip chip_with_domain_of(int gpus) {
  spec::Chip chip;
  chip.nvlink_bandwidth = known(900_GBps);
  chip.nvlink_share = known(0.8);
  chip.nvlink_domain = gpus;
  return chip;
}

// 900 x 0.8 = 720 GB/s inside, 50 x 0.8 = 40 GB/s in the unit. A tier inside the NVLink domain is
// no level of its own, and domains need not divide each other: 72 GPUs, then a unit of 256.
TEST(FabricOf, nests_the_nvlink_domain_in_the_tiers_that_are_larger) {
  spec::Cluster cluster;
  cluster.tiers = {tier("tray", 4, 100_GBps, 2_us), tier("unit", 256, 50_GBps, 8_us)};
  const auto fabric = fabric_of(cluster, chip_with_domain_of(72));
  ASSERT_TRUE(fabric.ok());
  ASSERT_EQ(fabric->levels.size(), 2u);
  EXPECT_EQ(fabric->levels[0].gpus, 72);
  EXPECT_NEAR(fabric->levels[0].bandwidth.in_base(), 720e9, 1);
  EXPECT_EQ(fabric->levels[0].latency, nvlink_latency);
  EXPECT_EQ(fabric->levels[1].gpus, 256);
  EXPECT_NEAR(fabric->levels[1].bandwidth.in_base(), 40e9, 1);
  EXPECT_EQ(fabric->levels[1].latency, 8_us);
}

// Of 144 neighbours 72 share a domain, so their ring has 72 x 40 GB/s of ports, which NVLink's 720
// limits; with every eighth GPU, 9 share one: 360.
TEST(FabricOf, gives_rings_of_an_nvl72_its_many_ports) {
  spec::Cluster cluster;
  cluster.tiers = {tier("unit", 576, 50_GBps, 8_us)};
  const auto fabric = fabric_of(cluster, chip_with_domain_of(72));
  ASSERT_TRUE(fabric.ok());
  EXPECT_NEAR(ring_bandwidth(*fabric, GroupShape::line(144, 1)).in_base(), 720e9, 1);
  EXPECT_NEAR(ring_bandwidth(*fabric, GroupShape::line(18, 8)).in_base(), 360e9, 1);
}

TEST(FabricOf, names_the_entry_that_is_unknown) {
  spec::Cluster cluster;
  cluster.tiers = {tier("unit", 256, 50_GBps, 8_us)};
  cluster.tiers[0].latency.value.reset();
  cluster.tiers[0].latency.source = "the maker";
  cluster.tiers[0].latency.where = "clusters/x.toml: tier.latency";
  const auto fabric = fabric_of(cluster, chip_with_domain_of(8));
  ASSERT_FALSE(fabric.ok());
  EXPECT_EQ(fabric.error().code, ErrorCode::unknown_value);
  EXPECT_EQ(fabric.error().message,
            "clusters/x.toml: tier.latency is unknown, and traffic in the tier \"unit\" needs it "
            "(source: the maker)");
}

}  // namespace
}  // namespace celere::topology
