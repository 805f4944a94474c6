#include "cost/collective.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/files.hpp"
#include "spec/catalog.hpp"

namespace celere::cost {
namespace {

using layout::GroupShape;
using spec::Collective;

// Nodes of 8 at 100 GB/s and 1 us, a hall of 64 at 10 GB/s a GPU and 10 us; no measured curve.
constexpr double all_to_all = 0.63 / 0.8;

Collectives of_test(BytesPerSecond nvlink = 100_GBps) {
  spec::Chip chip;
  chip.nvlink_bandwidth.value = nvlink * 1.25;
  return {chip,
          {.levels = {{.gpus = 8, .bandwidth = nvlink, .latency = 1_us},
                      {.gpus = 64, .bandwidth = 10_GBps, .latency = 10_us}}},
          all_to_all};
}

constexpr GroupShape two_nodes = GroupShape::line(16, 1);
constexpr GroupShape one_a_node = GroupShape::line(8, 8);

double ms(CollectiveTime of) { return of.time.in_base() * 1e3; }

TEST(Collectives, take_no_time_for_one_rank_or_no_bytes) {
  for (int op = 0; op < spec::collective_count; ++op) {
    EXPECT_EQ(of_test().time(static_cast<Collective>(op), 1_GB, {}).time, Seconds{});
    EXPECT_EQ(of_test().time(static_cast<Collective>(op), 0_B, two_nodes).time, Seconds{});
  }
}

// Each of 8 ranks gets 7/8 of 0.8 GB, at 100 GB/s: 7 ms, and 3 hops of a tree of 1 us. All-reduce
// moves twice that; all-to-all reaches 0.9 of the bandwidth.
TEST(Collectives, inside_a_node_without_a_curve_are_bytes_over_bandwidth) {
  const GroupShape node = GroupShape::line(8, 1);
  EXPECT_NEAR(ms(of_test().time(Collective::all_gather, 800_MB, node)), 7.003, 1e-9);
  EXPECT_NEAR(ms(of_test().time(Collective::all_reduce, 800_MB, node)), 14.003, 1e-9);
  EXPECT_NEAR(ms(of_test().time(Collective::all_to_all, 800_MB, node)), 7 / 0.9 + 0.003, 1e-9);
}

// 1.6 GB x 15/16 over the 8 x 10 GB/s that leave a node: 18.75 ms; one hop of 10 us and 14 of 1 us.
// (Hierarchical: 24 ms, of which 14 inside the node.)
TEST(AllGather, of_two_nodes_is_a_ring) {
  const CollectiveTime time = of_test().time(Collective::all_gather, 1600_MB, two_nodes);
  EXPECT_NEAR(ms(time), 18.774, 1e-9);
  EXPECT_EQ(time.algorithm, CollectiveAlgorithm::ring);
  EXPECT_EQ(of_test().time(Collective::reduce_scatter, 1600_MB, two_nodes).time, time.time);
}

// With NVLink at 1000 GB/s: half of each GPU's 0.2 GB over its own 10 GB/s takes 10 ms and 10 us,
// and the gather inside 1.6 GB x 7/8 / 1000 GB/s = 1.4 ms and 3 us; the ring still 18.774 ms.
TEST(AllGather, goes_through_the_ports_first_where_nvlink_is_fast) {
  const CollectiveTime time = of_test(1000_GBps).time(Collective::all_gather, 1600_MB, two_nodes);
  EXPECT_NEAR(ms(time), 11.413, 1e-9);
  EXPECT_EQ(time.algorithm, CollectiveAlgorithm::hierarchical);
}

// One rank in each of 8 nodes. 80 kB x 7/8 / 10 GB/s = 7 us: a ring adds 7 x 10 us, the recursive
// form 3 x 10 us at 0.75 of the bandwidth. For 8 GB (700 ms) the bandwidth counts.
TEST(AllGather, of_few_bytes_is_recursive_and_of_many_a_ring) {
  const CollectiveTime small = of_test().time(Collective::all_gather, Bytes::of(80e3), one_a_node);
  EXPECT_NEAR(ms(small), 0.030 + 0.007 / 0.75, 1e-12);
  EXPECT_EQ(small.algorithm, CollectiveAlgorithm::recursive);
  const CollectiveTime large = of_test().time(Collective::all_gather, 8_GB, one_a_node);
  EXPECT_NEAR(ms(large), 700.070, 1e-9);
  EXPECT_EQ(large.algorithm, CollectiveAlgorithm::ring);
}

// Two nodes: 1.6 GB x 2 x 7/8 / 100 GB/s = 28 ms + 3 us inside; between them 2 x 1/2 of 0.2 GB over
// 10 GB/s x 0.92 take 21.7 ms meanwhile; two hops of 10 us on top. (Ring: 37.5 ms.)
TEST(AllReduce, of_two_nodes_is_a_tree_that_the_node_limits) {
  const CollectiveTime time = of_test().time(Collective::all_reduce, 1600_MB, two_nodes);
  EXPECT_NEAR(ms(time), 28.023, 1e-9);
  EXPECT_EQ(time.algorithm, CollectiveAlgorithm::tree);
}

// Eight nodes: 2 x 7/8 of 0.2 GB over 9.2 GB/s take 38.043 ms, and 2 x 3 hops of 10 us.
// (Ring: 2 x (1.6 GB x 63/64 / 80 GB/s + 7 x 10 us + 56 x 1 us) = 39.627 ms.)
TEST(AllReduce, of_eight_nodes_is_a_tree_that_the_ports_limit) {
  const CollectiveTime time =
      of_test().time(Collective::all_reduce, 1600_MB, GroupShape::line(64, 1));
  EXPECT_NEAR(ms(time), 350 / 9.2 + 0.060, 1e-9);
  EXPECT_EQ(time.algorithm, CollectiveAlgorithm::tree);
}

// One rank in each of 8 nodes, 8 GB: twice the all-gather's ring.
TEST(AllReduce, of_many_bytes_on_one_rank_a_node_is_a_ring) {
  const CollectiveTime time = of_test().time(Collective::all_reduce, 8_GB, one_a_node);
  EXPECT_NEAR(ms(time), 1400.140, 1e-9);
  EXPECT_EQ(time.algorithm, CollectiveAlgorithm::ring);
}

// Of 1.6 GB a rank of two nodes sends 8/16 to the other node, over 10 GB/s x 0.63 / 0.8; 7/16 stay
// on NVLink and take less. One hop of each level. Of a rank alone on its node 7/8 leave.
TEST(AllToAll, moves_over_the_port_only_what_leaves_the_node) {
  const double port = 10 * 0.63 / 0.8;
  const CollectiveTime time = of_test().time(Collective::all_to_all, 1600_MB, two_nodes);
  EXPECT_NEAR(ms(time), 800 / port + 0.011, 1e-9);
  EXPECT_EQ(time.algorithm, CollectiveAlgorithm::pairwise);
  EXPECT_NEAR(ms(of_test().time(Collective::all_to_all, 1600_MB, one_a_node)), 1400 / port + 0.011,
              1e-9);
}

// Pods of 16 under a hall with 1 GB/s a GPU between them: of 64 ranks' parts 48 leave the pod,
// which takes longer than the 56 that leave the node at 10 GB/s.
TEST(AllToAll, waits_for_the_oversubscribed_level) {
  spec::Chip chip;
  chip.nvlink_bandwidth.value = 125_GBps;
  const Collectives collectives(chip,
                                {.levels = {{.gpus = 8, .bandwidth = 100_GBps, .latency = 1_us},
                                            {.gpus = 16, .bandwidth = 10_GBps, .latency = 10_us},
                                            {.gpus = 64, .bandwidth = 1_GBps, .latency = 20_us}}},
                                all_to_all);
  EXPECT_NEAR(ms(collectives.time(Collective::all_to_all, 1600_MB, GroupShape::line(64, 1))),
              1200 / (0.63 / 0.8) + 0.021, 1e-9);
}

// Two nodes of 8 with 4 experts a token: a token reaches 2 (1 - (1/2)^4) = 1.875 nodes of the 4
// copies that plain all-to-all would send, so 0.46875 of the bytes; of 16 ranks 16 (1 - (15/16)^4)
// = 3.6411, 0.91028. Of 1600 MB half cross the port: 800 * 0.46875 MB / (0.7875 * 10 GB/s) = 47.619
// ms, and 7/16 * 1600 * 0.91028 MB / (0.9 * 100 GB/s) = 7.08 ms stay inside; 11 us of latency. With
// at most one node the port carries a quarter.
TEST(AllToAll, of_tokens_that_travel_once_is_shorter) {
  const Collectives collectives = of_test();
  EXPECT_NEAR(collectives.once_each(1600_MB, two_nodes, 4, 0).in_base() * 1e3, 47.619 + 0.011,
              1e-3);
  EXPECT_NEAR(collectives.once_each(1600_MB, two_nodes, 4, 1).in_base() * 1e3,
              800 * 0.25 / 7.875 + 0.011, 1e-3);
  EXPECT_EQ(collectives.once_each(1600_MB, GroupShape::line(1, 1), 4, 0), Seconds{});
}

// Four ranks away is the same node: 1 us and 100 MB / 100 GB/s; eight away another: 10 us and
// 100 MB / 10 GB/s.
TEST(PointToPoint, is_one_port_of_the_level_where_two_ranks_meet) {
  EXPECT_NEAR(of_test().point_to_point(100_MB, 4).in_base() * 1e3, 1.001, 1e-9);
  EXPECT_NEAR(of_test().point_to_point(100_MB, 8).in_base() * 1e3, 10.010, 1e-9);
}

Collectives with_curve(std::vector<double> seconds) {
  spec::Chip chip;
  chip.nvlink_bandwidth.value = 1000_GBps;
  chip.collectives = {{.op = Collective::all_gather,
                       .gpus = 2,
                       .bytes = {1e3, 1e6, 1e9},
                       .seconds = std::move(seconds)}};
  return {chip, {.levels = {{.gpus = 8, .bandwidth = 800_GBps, .latency = 1_us}}}, all_to_all};
}

double us_of(const Collectives& collectives, double bytes, int ranks) {
  return collectives.time(Collective::all_gather, Bytes::of(bytes), GroupShape::line(ranks, 1))
             .time.in_base() *
         1e6;
}

// On the points as measured; between them the geometric mean half-way (10^4.5 bytes: sqrt(10 x 40)
// = 20 us); below the first the first; beyond the last its bandwidth.
TEST(MeasuredCurve, is_linear_in_logarithms_and_keeps_its_last_bandwidth) {
  const Collectives collectives = with_curve({10e-6, 40e-6, 2000e-6});
  EXPECT_NEAR(us_of(collectives, 1e3, 2), 10, 1e-9);
  EXPECT_NEAR(us_of(collectives, 1e6, 2), 40, 1e-9);
  EXPECT_NEAR(us_of(collectives, std::pow(10, 4.5), 2), 20, 1e-9);
  EXPECT_NEAR(us_of(collectives, 1, 2), 10, 1e-9);
  EXPECT_NEAR(us_of(collectives, 4e9, 2), 8000, 1e-6);
}

// Of 1 MB a link carries 3/4 among four ranks and 1/2 among two: so four take as long for 1 MB x
// 2/3 as two for 1 MB.
TEST(MeasuredCurve, serves_other_group_sizes_at_the_same_bytes_on_a_link) {
  EXPECT_NEAR(us_of(with_curve({10e-6, 40e-6, 2000e-6}), 2e6 / 3, 4), 40, 1e-9);
}

// 1 GB / 2 on a link of 1000 GB/s cannot take less than 500 us / 1.1 (NVLS reaches more than a ring
// can, up to 480 of 450 GB/s).
TEST(MeasuredCurve, is_never_faster_than_the_link) {
  EXPECT_NEAR(us_of(with_curve({1e-6, 2e-6, 3e-6}), 1e9, 2), 500 / 1.1, 1e-9);
}

// A point above a later one is noise: both take the later one's time.
TEST(MeasuredCurve, never_takes_longer_for_fewer_bytes) {
  EXPECT_NEAR(us_of(with_curve({90e-6, 40e-6, 2000e-6}), 1e3, 2), 40, 1e-9);
}

// The catalogue's chip on the fabric of a cluster of the catalogue.
Collectives of_cluster(const char* name) {
  const auto files = memory_files();
  const spec::Catalog catalog(*files, {});
  const auto cluster = catalog.cluster(name);
  CHECK(cluster.ok());
  const auto chip = catalog.chip(cluster->chip);
  CHECK(chip.ok());
  const auto fabric = topology::fabric_of(*cluster, *chip);
  CHECK(fabric.ok());
  return {*chip, *fabric, all_to_all};
}

// What nccl-tests prints for an all-reduce: 2 (n - 1) / n bytes over time, in GB/s.
double bus_bandwidth(const Collectives& collectives, Bytes bytes, int ranks) {
  const Seconds time =
      collectives.time(Collective::all_reduce, bytes, GroupShape::line(ranks, 1)).time;
  return 2.0 * (ranks - 1) / ranks * (bytes / time).in_base() / 1e9;
}

// The curve holds 2,111 us for 512 MiB on 8 H100s (445 GB/s) [github.com/ai-dynamo/aiconfigurator].
// A later NCCL reached 477 at 4 GiB and 480 at 16 GiB [github.com/NVIDIA/dgxc-benchmarking]: 7 %.
TEST(Published, all_reduce_on_an_h100_node) {
  const Collectives collectives = of_cluster("oci-h100-roce");
  const Seconds time =
      collectives.time(Collective::all_reduce, 512_MiB, GroupShape::line(8, 1)).time;
  EXPECT_NEAR(time.in_base() * 1e6, 2111, 0.5);
  EXPECT_NEAR(bus_bandwidth(collectives, 4_GiB, 8) / 477, 1, 0.08);
  EXPECT_NEAR(bus_bandwidth(collectives, 16_GiB, 8) / 480, 1, 0.08);
}

// Oracle's two nodes of 8 H100s on RoCE: 449.5 GB/s at 1 GiB, 467.4 at 4, 471.2 at 16
// [github.com/oracle-quickstart/oci-hpc, Troubleshooting.md].
TEST(Published, all_reduce_on_two_h100_nodes) {
  const Collectives collectives = of_cluster("oci-h100-roce");
  EXPECT_NEAR(bus_bandwidth(collectives, 1_GiB, 16) / 449.5, 1, 0.06);
  EXPECT_NEAR(bus_bandwidth(collectives, 4_GiB, 16) / 467.4, 1, 0.03);
  EXPECT_NEAR(bus_bandwidth(collectives, 16_GiB, 16) / 471.2, 1, 0.03);
}

// AWS P6-B200, four nodes with 8 x 400 Gb/s as the DGX B200 has: 362 GB/s at 1 GiB, 377 at 4, 382
// at 16 [github.com/stas00/ml-engineering, network/README.md].
TEST(Published, all_reduce_on_four_b200_nodes) {
  const Collectives collectives = of_cluster("dgx-b200-superpod");
  EXPECT_NEAR(bus_bandwidth(collectives, 1_GiB, 32) / 362, 1, 0.06);
  EXPECT_NEAR(bus_bandwidth(collectives, 4_GiB, 32) / 377, 1, 0.03);
  EXPECT_NEAR(bus_bandwidth(collectives, 16_GiB, 32) / 382, 1, 0.03);
}

// The curve of four GB200s stands for all 72: NVIDIA shows 680 GB/s without switch-side reduction
// and 850 with it [GTC 2025, in github.com/stas00/ml-engineering]; the first is what the rule
// gives.
TEST(Published, all_reduce_on_an_nvl72) {
  EXPECT_NEAR(bus_bandwidth(of_cluster("gb200-nvl72"), 16_GiB, 72) / 680, 1, 0.1);
}

// More bytes never take less time: every collective, group and size from 1 B to 1 TiB.
TEST(Collectives, take_longer_for_more_bytes) {
  for (const char* name : {"oci-h100-roce", "gb200-nvl72", "meta-350k-h100", "jean-zay-a100"}) {
    const Collectives collectives = of_cluster(name);
    for (const GroupShape group :
         {GroupShape::line(2, 1), GroupShape::line(8, 1), GroupShape::line(16, 1),
          GroupShape::line(64, 1), GroupShape::line(384, 1), GroupShape::line(48, 8),
          GroupShape{.size = 32, .stride = 1, .inner = 4, .jump = 16}}) {
      for (int op = 0; op < spec::collective_count; ++op) {
        Seconds before;
        for (double bytes = 1; bytes < 1.1e12; bytes *= 1.5) {
          const Seconds time =
              collectives.time(static_cast<Collective>(op), Bytes::of(bytes), group).time;
          ASSERT_GE(time, before) << name << ", " << spec::name_of(static_cast<Collective>(op))
                                  << " of " << group.size << " ranks, " << bytes << " B";
          before = time;
        }
      }
    }
  }
}

}  // namespace
}  // namespace celere::cost
