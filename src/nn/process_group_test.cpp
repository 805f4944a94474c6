// Real processes: each test starts this program once a rank, with its own name as the filter and
// its rank in the environment, and every rank checks sums that are done by hand.
#include "nn/process_group.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <filesystem>
#include <thread>

#include "base/processes.hpp"
#include "base/test_folder.hpp"

namespace celere::nn {
namespace {

// This process's part; nothing in the one that was started by hand.
std::optional<int> own_rank() {
  const char* text = std::getenv("CELERE_TEST_RANK");
  if (text == nullptr) return std::nullopt;
  int rank = 0;
  std::from_chars(text, text + std::string_view(text).size(), rank);
  return rank;
}

std::string meeting_path() {
  const char* path = std::getenv("CELERE_TEST_MEETING");
  return path != nullptr ? path : "";
}

// Runs the test that calls it once a rank, and expects each to end fine. The file is new each time.
void start_ranks(int size) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = fmt::format("{}.{}", test->test_suite_name(), test->name());
  const auto folder = std::filesystem::temp_directory_path() /
                      fmt::format("celere-meeting-{}-{}", getpid(), test->name());
  std::filesystem::create_directories(folder);
  const auto processes = local_processes();
  std::vector<std::unique_ptr<Process>> ranks;
  for (int rank = 0; rank < size; ++rank) {
    Command command;
    command.program = std::filesystem::read_symlink("/proc/self/exe");
    command.arguments = {"--gtest_filter=" + name};
    command.environment = {fmt::format("CELERE_TEST_RANK={}", rank), "OMP_NUM_THREADS=1",
                           "CELERE_TEST_MEETING=" + (folder / "meeting").string()};
    command.output.kind = command.errors.kind = Output::Kind::capture;
    auto process = processes->start(command);
    ASSERT_TRUE(process.ok()) << process.error().text();
    ranks.push_back(*std::move(process));
  }
  for (int rank = 0; rank < size; ++rank) {
    Process& process = *ranks[static_cast<std::size_t>(rank)];
    const auto ending = process.wait(120_s);
    ASSERT_TRUE(ending) << "rank " << rank << " hangs\n" << process.captured_output();
    EXPECT_TRUE(ending->fine()) << "rank " << rank << ": " << written(*ending) << "\n"
                                << process.captured_output() << process.captured_errors();
  }
  std::filesystem::remove_all(folder);
}

struct Joined {
  Meeting meeting;
  ProcessGroup group;    // which shares memory
  ProcessGroup by_gloo;  // which does not
};

Joined join(int rank, int size, Seconds patience = 60_s) {
  auto meeting = Meeting::at_file(meeting_path(), size);
  EXPECT_TRUE(meeting.ok()) << meeting.error().text();
  auto group = ProcessGroup::make(
      *meeting,
      {.name = "all", .rank = rank, .size = size, .interface = "lo", .patience = patience});
  EXPECT_TRUE(group.ok()) << group.error().text();
  auto by_gloo = ProcessGroup::make(*meeting, {.name = "by Gloo",
                                               .rank = rank,
                                               .size = size,
                                               .interface = "lo",
                                               .patience = patience,
                                               .shared_memory = false});
  EXPECT_TRUE(by_gloo.ok()) << by_gloo.error().text();
  return {*std::move(meeting), *std::move(group), *std::move(by_gloo)};
}

void expect_done(const Status& status) { EXPECT_TRUE(status.ok()) << status.error().text(); }

void expect_equal(const at::Tensor& tensor, const std::vector<float>& right) {
  const at::Tensor floats = tensor.to(at::kFloat).contiguous().view({-1});
  ASSERT_EQ(floats.numel(), static_cast<std::int64_t>(right.size()));
  for (std::size_t i = 0; i < right.size(); ++i) {
    EXPECT_EQ(floats.const_data_ptr<float>()[i], right[i]) << "at " << i;
  }
}

at::Tensor row(const std::vector<float>& values, at::ScalarType type = at::kFloat) {
  return at::tensor(at::ArrayRef<float>(values), at::kFloat).to(type);
}

// Three ranks r with [r + 1, 10 (r + 1)]: 1 + 2 + 3 = 6 and 60. Small whole numbers are exact in
// bfloat16 too.
TEST(ProcessGroup, all_reduce_is_the_sum_over_ranks) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(3);
  const Joined joined = join(*rank, 3);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
    for (const ProcessGroup* group : {&joined.group, &joined.by_gloo}) {
      const float own = static_cast<float>(*rank + 1);
      const at::Tensor tensor = row({own, 10 * own}, type);
      expect_done(group->all_reduce_sum(tensor).wait());
      expect_equal(tensor, {6, 60});
    }
  }
}

// Rank r has [10 r, 10 r + 1]: whole is [0, 1, 10, 11, 20, 21] everywhere.
TEST(ProcessGroup, all_gather_puts_parts_in_the_order_of_ranks) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(3);
  const Joined joined = join(*rank, 3);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const ProcessGroup* group : {&joined.group, &joined.by_gloo}) {
      const float own = 10 * static_cast<float>(*rank);
      const at::Tensor whole = at::zeros({3, 2}, type);
      expect_done(group->all_gather(whole, row({own, own + 1}, type)).wait());
      expect_equal(whole, {0, 1, 10, 11, 20, 21});
    }
  }
}

// Rank r has (r + 1) [1, 2, 3, 4, 5, 6]: the sum is 6 times that, of which rank r gets two.
TEST(ProcessGroup, reduce_scatter_gives_each_rank_its_part_of_the_sum) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(3);
  const Joined joined = join(*rank, 3);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor whole = row({1, 2, 3, 4, 5, 6}, type) * (*rank + 1);
    for (const ProcessGroup* group : {&joined.group, &joined.by_gloo}) {
      const at::Tensor part = at::zeros({2}, type);
      expect_done(group->reduce_scatter_sum(part, whole).wait());
      const float first = 6 * (2 * static_cast<float>(*rank) + 1);
      expect_equal(part, {first, first + 6});
    }
  }
}

// More than shared memory holds at once, and no multiple of anything: element i of rank r is (r +
// 1) (i mod 1000), so the sum is 6 (i mod 1000).
TEST(ProcessGroup, what_is_large_goes_piece_by_piece) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(3);
  const Joined joined = join(*rank, 3);
  constexpr std::int64_t each = 700001;
  const at::Tensor numbers = at::arange(3 * each).remainder(1000).to(at::kFloat);
  const at::Tensor sum = numbers * (*rank + 1);
  const at::Tensor whole = sum.clone(), part = at::zeros({each}, at::kFloat);
  expect_done(joined.group.all_reduce_sum(sum).wait());
  EXPECT_TRUE(at::equal(sum, numbers * 6));
  expect_done(joined.group.reduce_scatter_sum(part, whole).wait());
  EXPECT_TRUE(at::equal(part, numbers.narrow(0, each * *rank, each) * 6));
  const at::Tensor gathered = at::zeros({3, each}, at::kFloat);
  expect_done(joined.group.all_gather(gathered, part).wait());
  EXPECT_TRUE(at::equal(gathered.view({-1}), numbers * 6));
}

// Rank r sends 10 r + to to each rank: rank r gets [r, 10 + r, 20 + r].
TEST(ProcessGroup, all_to_all_is_a_transpose) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(3);
  const Joined joined = join(*rank, 3);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const float own = static_cast<float>(*rank);
    const at::Tensor from = row({10 * own, 10 * own + 1, 10 * own + 2}, type).view({3, 1});
    const at::Tensor to = at::zeros({3, 1}, type);
    expect_done(joined.group.all_to_all(to, from).wait());
    expect_equal(to, {own, 10 + own, 20 + own});
  }
}

// Rank r sends (r + 1) (to + 1) rows of 50,001 numbers to each rank, all of them 10 r + to: some
// more than shared memory holds at once, and to rank 0 of rank 2 nothing at all.
TEST(ProcessGroup, all_to_all_of_unequal_parts) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(3);
  const Joined joined = join(*rank, 3);
  const auto rows = [](int from, int to) -> std::int64_t {
    return from == 2 && to == 0 ? 0 : (from + 1) * (to + 1);
  };
  constexpr std::int64_t width = 50001;
  ProcessGroup::Rows sent, received;
  std::vector<at::Tensor> parts, right;
  for (int other = 0; other < 3; ++other) {
    sent.push_back(rows(*rank, other));
    received.push_back(rows(other, *rank));
    parts.push_back(at::full({sent.back(), width}, 10 * *rank + other, at::kFloat));
    right.push_back(at::full({received.back(), width}, 10 * other + *rank, at::kFloat));
  }
  for (const ProcessGroup* group : {&joined.group, &joined.by_gloo}) {
    const at::Tensor from = at::cat(parts), whole = at::cat(right);
    const at::Tensor to = at::zeros_like(whole);
    expect_done(group->all_to_all(to, received, from, sent).wait());
    EXPECT_TRUE(at::equal(to, whole));
  }
}

TEST(ProcessGroup, broadcast_gives_what_the_root_has) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(3);
  const Joined joined = join(*rank, 3);
  const at::Tensor tensor = row({static_cast<float>(*rank)});
  expect_done(joined.group.broadcast(tensor, 2).wait());
  expect_equal(tensor, {2});
  expect_done(joined.group.barrier());
}

// Four ranks in two pairs {0, 1} and {2, 3}: the sums of their numbers are 1 and 5, while the group
// of all of them has 6; two collectives are on their way at once.
TEST(ProcessGroup, groups_of_one_meeting_do_not_mix) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(4);
  const Joined joined = join(*rank, 4);
  auto pair = ProcessGroup::make(
      joined.meeting,
      {.name = fmt::format("pair {}", *rank / 2), .rank = *rank % 2, .size = 2, .interface = "lo"});
  ASSERT_TRUE(pair.ok()) << pair.error().text();
  const at::Tensor in_pair = row({static_cast<float>(*rank)});
  const at::Tensor in_all = row({static_cast<float>(*rank)});
  Pending one = pair->all_reduce_sum(in_pair), two = joined.group.all_reduce_sum(in_all);
  expect_done(two.wait());
  expect_done(one.wait());
  expect_equal(in_pair, {*rank < 2 ? 1.0F : 5.0F});
  expect_equal(in_all, {6});
}

// Rank 1 leaves: rank 0 learns it as an error, before its patience of a minute is over.
TEST(ProcessGroup, a_lost_rank_is_an_error_and_no_hang) {
  const auto rank = own_rank();
  if (!rank) return start_ranks(2);
  const Joined joined = join(*rank, 2);
  expect_done(joined.group.barrier());
  if (*rank == 1) return;
  for (const ProcessGroup* group : {&joined.group, &joined.by_gloo}) {
    const Status status = group->all_reduce_sum(row({1})).wait();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::io);
  }
}

// Ranks that are threads, each with its record and its watch.
struct Watched {
  std::string path;
  wire::FlightRecord record;
  Watch watch;
  ProcessGroup shared, by_gloo;

  Watched(std::string at, const Meeting& meeting, int rank, const Clock& clock, const CpuTime& time)
      : path(std::move(at)),
        record(*wire::FlightRecord::create(path, rank, clock)),
        watch(&record, time),
        shared(*ProcessGroup::make(meeting, membership("shared", rank))),
        by_gloo(*ProcessGroup::make(meeting, membership("by Gloo", rank))) {}
  Membership membership(const std::string& name, int rank) {
    return {.name = name,
            .rank = rank,
            .size = 2,
            .interface = "lo",
            .patience = 60_s,
            .shared_memory = name == "shared",
            .watch = &watch};
  }
  wire::Flight flight() const { return wire::FlightReader::open(path)->read(); }
};

// Each question costs a second: so many questions, so many seconds.
class Questions final : public CpuTime {
 public:
  Seconds used() const override { return Seconds::of(++asked_); }

 private:
  mutable double asked_ = 0;
};

// Two threads at once, each with its rank.
void as_two(const std::function<void(int)>& rank) {
  std::thread other([&] { rank(1); });
  rank(0);
  other.join();
}

// One sum through shared memory and one by Gloo, then a message: in this order, with 8 bytes each,
// counted by group and left. Within collectives are, of the questions' seconds, one for each call
// that may wait: the sum through memory, begin and wait of Gloo's, begin and wait of the message
// are 5; 10 questions were asked and the last is the eleventh.
TEST(ProcessGroup, what_it_does_stands_in_the_flight_record) {
  const TemporaryFolder folder("watch");
  const Meeting meeting = Meeting::in_process();
  as_two([&](int rank) {
    const SystemClock clock;
    const Questions time;
    Watched me(folder / std::to_string(rank), meeting, rank, clock, time);
    // The sums of making the shared memory are its own matter.
    expect_done(me.shared.all_reduce_sum(row({1, 2})).wait());
    expect_done(me.by_gloo.all_reduce_sum(row({1, 2})).wait());
    Pending message =
        rank == 0 ? me.by_gloo.send(row({1, 2}), 1, 7) : me.by_gloo.receive(row({0, 0}), 0, 7);
    EXPECT_FALSE(me.flight().entries.back().left);
    expect_done(message.wait());
    EXPECT_EQ(me.watch.computed(), Seconds::of(11 - 5));
    const wire::Flight flight = me.flight();
    ASSERT_EQ(flight.entries.size(), 3u);
    using wire::CollectiveKind;
    const CollectiveKind kinds[] = {CollectiveKind::all_reduce, CollectiveKind::all_reduce,
                                    rank == 0 ? CollectiveKind::send : CollectiveKind::receive};
    const char* groups[] = {"shared", "by Gloo", "by Gloo"};
    const std::uint64_t counts[] = {1, 1, 2};
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(flight.entries[i].group, groups[i]);
      EXPECT_EQ(flight.entries[i].kind, kinds[i]);
      EXPECT_EQ(flight.entries[i].bytes, 8);
      EXPECT_EQ(flight.entries[i].in_group, counts[i]);
      EXPECT_TRUE(flight.entries[i].left.has_value());
    }
  });
}

// Rank 1 never comes: rank 0 waits for it in a sum through memory, in one by Gloo, and for a
// message, and gives up as soon as it is told to, long before its patience of a minute is over. The
// record says in what.
TEST(ProcessGroup, one_that_waits_gives_up_when_told) {
  for (int way = 0; way < 3; ++way) {
    const TemporaryFolder folder("abandon");
    const Meeting meeting = Meeting::in_process();
    std::atomic<bool> over = false;
    as_two([&](int rank) {
      const SystemClock clock;
      const ProcessCpuTime time;
      Watched me(folder / std::to_string(rank), meeting, rank, clock, time);
      expect_done(me.by_gloo.all_reduce_sum(row({1})).wait());
      if (rank == 1) {
        while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return;
      }
      const Instant begin = clock.now();
      std::thread teller([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(250));
        me.watch.hold(true);  // held off: it goes on waiting
        me.watch.abandon();
        std::this_thread::sleep_for(std::chrono::milliseconds(250));
        me.watch.hold(false);
        me.watch.abandon();
      });
      Pending pending = way == 0   ? me.shared.all_reduce_sum(row({1}))
                        : way == 1 ? me.by_gloo.all_reduce_sum(row({1}))
                                   : me.by_gloo.receive(row({1}), 1, 3);
      const Status status = pending.wait();
      const Seconds took = clock.now() - begin;
      teller.join();
      EXPECT_FALSE(me.shared.all_reduce_sum(row({1})).wait().ok()) << "until it goes on";
      // Nor does it wait for rank 1 to leave the groups.
      const wire::Flight flight = me.flight();
      me.shared = me.by_gloo = ProcessGroup();
      EXPECT_LT(clock.now() - begin, 3_s) << way;
      over = true;
      ASSERT_FALSE(status.ok());
      EXPECT_EQ(status.error().code, ErrorCode::io);
      EXPECT_GE(took, 0.49_s) << way;
      EXPECT_LT(took, 2_s) << way;
      EXPECT_FALSE(flight.entries.back().left);
    });
  }
}

// Rank 1 never comes to a group, nor does anybody serve at a port: who waits there gives up as soon
// as it is told to, long before its patience of a minute is over.
TEST(ProcessGroup, one_that_meets_gives_up_when_told) {
  const ProcessCpuTime time;
  const auto given_up_within = [&](const std::function<Status(Watch&)>& meet) {
    const SystemClock clock;
    Watch watch(nullptr, time);
    std::thread teller([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(250));
      watch.abandon();
    });
    const Instant begin = clock.now();
    const Status status = meet(watch);
    const Seconds took = clock.now() - begin;
    teller.join();
    EXPECT_FALSE(status.ok());
    if (!status.ok()) {
      EXPECT_EQ(status.error().code, ErrorCode::io);
    }
    EXPECT_GE(took, 0.24_s);
    EXPECT_LT(took, 20_s);
  };
  given_up_within([](Watch& watch) -> Status {
    const auto group = ProcessGroup::make(
        Meeting::in_process(),
        {.name = "all", .size = 2, .interface = "lo", .patience = 60_s, .watch = &watch});
    if (!group.ok()) return group.error();
    return Done{};
  });
  given_up_within([](Watch& watch) -> Status {
    const auto meeting = Meeting::at_port(
        {.host = "127.0.0.1", .port = 16383, .processes = 2, .patience = 60_s, .watch = &watch});
    if (!meeting.ok()) return meeting.error();
    return Done{};
  });
}

// One rank alone: its own tensors are the result.
TEST(ProcessGroup, a_group_of_one_copies) {
  const ProcessGroup group;
  const at::Tensor tensor = row({3, 4});
  const at::Tensor whole = at::zeros({1, 2}, at::kFloat), part = at::zeros({2}, at::kFloat);
  const at::Tensor to = at::zeros({1, 2}, at::kFloat);
  expect_done(group.all_reduce_sum(tensor).wait());
  expect_done(group.all_gather(whole, tensor).wait());
  expect_done(group.reduce_scatter_sum(part, whole).wait());
  expect_done(group.all_to_all(to, whole).wait());
  expect_done(group.broadcast(tensor, 0).wait());
  expect_done(group.barrier());
  expect_equal(whole, {3, 4});
  expect_equal(part, {3, 4});
  expect_equal(to, {3, 4});
}

TEST(ProcessGroup, an_interface_that_is_not_there_is_an_error) {
  const std::string path =
      std::filesystem::temp_directory_path() / fmt::format("celere-alone-{}", getpid());
  const auto meeting = Meeting::at_file(path, 2);
  ASSERT_TRUE(meeting.ok()) << meeting.error().text();
  const auto group =
      ProcessGroup::make(*meeting, {.name = "all", .size = 2, .interface = "no-such-interface"});
  EXPECT_FALSE(group.ok());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace celere::nn
