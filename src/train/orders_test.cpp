#include "train/orders.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/test_folder.hpp"
#include "base/units.hpp"

namespace celere::train {
namespace {

// An order that gives up what runs, as slowly as a thread may that is not run at once: whoever sees
// the order and takes up what it gave up does so behind it. Else the generation to come would be
// given up by the order that asked for it.
TEST(Orders, what_an_order_gives_up_is_not_taken_up_before) {
  const TemporaryFolder folder("orders");
  const std::string flight = folder / "flight", path = folder / "orders";
  const std::unique_ptr<Files> files = local_files();
  SystemClock clock;
  const wire::FlightRecord record = *wire::FlightRecord::create(flight, 0, clock);
  std::atomic<bool> given_up = false, over = false;
  Orders orders({.record = record,
                 .files = *files,
                 .clock = clock,
                 .path = path,
                 .on_fault = [](const wire::Fault&) {},
                 .on_lost =
                     [&] {
                       std::this_thread::sleep_for(std::chrono::milliseconds(200));
                       given_up = true;
                       over = true;
                     }});
  const wire::RegroupOrder order{.layout = "dp=2",
                                 .rank = 0,
                                 .meeting = "",
                                 .interface = "lo",
                                 .generation = 3,
                                 .joining = false};
  ASSERT_TRUE(files->append(path, wire::written_json(wire::Order{1, order}) + "\n").ok());
  wire::FlightReader::open(flight)->order(1);
  while (!orders.regroup(2)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto taken = orders.take_up(2, [&] { given_up = false; });
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->generation, 3);
  EXPECT_FALSE(orders.take_up(3, [] {}).has_value()) << "it is of no later generation than 3";
  while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_FALSE(given_up);
}

}  // namespace
}  // namespace celere::train
