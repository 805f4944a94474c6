// What is written is read by the catalogue's own parsers, to the numbers of test_lines.hpp.
#include "calibrate/entries.hpp"

#include <gmock/gmock.h>

#include "base/files.hpp"
#include "calibrate/calibrate.hpp"
#include "calibrate/test_lines.hpp"

namespace celere::calibrate {
namespace {

using spec::Arithmetic;
using spec::Precision;
using testing::ElementsAre;

class Entries : public testing::Test {
 protected:
  void write(bool bf16) {
    const auto measured = measured_of(all_lines(bf16));
    ASSERT_TRUE(measured.ok()) << measured.error().text();
    const Date day{std::chrono::sys_days{std::chrono::year{2024} / 7 / 22}};
    for (const Entry& entry : entries_of(*measured, day)) {
      ASSERT_TRUE(files_->write("own/" + entry.path, entry.content).ok());
    }
  }
  spec::Chip chip(const char* name) {
    auto chip = catalog_.chip(name);
    EXPECT_TRUE(chip.ok()) << chip.error().text();
    return *std::move(chip);
  }
  spec::Cluster cluster(const char* name) {
    auto cluster = catalog_.cluster(name);
    EXPECT_TRUE(cluster.ok()) << cluster.error().text();
    return *std::move(cluster);
  }

  std::unique_ptr<Files> files_ = memory_files();
  spec::Catalog catalog_{*files_, {"own"}};
};

double sustained(const spec::Chip& chip, Precision of) {
  return chip.sustained[static_cast<std::size_t>(of)].value->in_base();
}

TEST_F(Entries, the_machine_has_the_measured_numbers) {
  write(true);
  const spec::Chip chip = this->chip("this-machine");
  EXPECT_EQ(chip.peak[static_cast<std::size_t>(Arithmetic::fp32)].value->in_base(), 1.2e11);
  EXPECT_EQ(chip.peak[static_cast<std::size_t>(Arithmetic::bf16)].value->in_base(), 4e11);
  EXPECT_EQ(sustained(chip, Precision::fp32), 1e11);
  EXPECT_EQ(sustained(chip, Precision::bf16), 3e11);
  EXPECT_FALSE(chip.peak[static_cast<std::size_t>(Arithmetic::fp8)].known());
  EXPECT_FALSE(chip.power.known());
  EXPECT_EQ(*chip.memory.value, Bytes::of(8e9));
  EXPECT_EQ(*chip.memory_reserved.value, Bytes::of(2e8));
  EXPECT_EQ(*chip.memory_bandwidth.value, BytesPerSecond::of(2e10));
  EXPECT_EQ(*chip.host_bandwidth.value, BytesPerSecond::of(8e9));  // half of the copy's 16
  EXPECT_EQ(*chip.nvlink_bandwidth.value, BytesPerSecond::of(5e8));
  EXPECT_EQ(chip.memory.grade, spec::Grade::measured);
  EXPECT_EQ(chip.memory.source,
            "celere calibrate, 2024-07-22, A \"small\" CPU (AVX-512 bf16, 2 threads)");
  EXPECT_THAT(chip.gemm.k, ElementsAre(128, 512));
  EXPECT_THAT(chip.gemm.tflops, ElementsAre(0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.4));
  EXPECT_THAT(chip.attention.tflops, ElementsAre(0.02));
  EXPECT_THAT(chip.grouped_gemm.tflops, ElementsAre(0.01));
}

TEST_F(Entries, where_bf16_is_slow_the_table_is_that_of_fp32_and_so_is_the_choice) {
  write(false);
  const spec::Chip chip = this->chip("this-machine");
  EXPECT_EQ(chip.gemm.best_tflops, 0.12);
  const auto precision = spec::measured_precision(chip);
  ASSERT_TRUE(precision.ok()) << precision.error().text();
  EXPECT_EQ(*precision, Precision::fp32);
}

// One of two threads: half of the rates, of the tables, of the memory; but a process of its own,
// and collectives among such processes as they were measured.
TEST_F(Entries, a_core_is_the_machine_over_its_threads) {
  write(true);
  const spec::Chip core = chip("this-machine-core");
  EXPECT_EQ(sustained(core, Precision::bf16), 1.5e11);
  EXPECT_EQ(*core.memory.value, Bytes::of(4e9));
  EXPECT_EQ(*core.memory_reserved.value, Bytes::of(2e8));
  EXPECT_EQ(core.memory.grade, spec::Grade::derived);
  EXPECT_NEAR(core.gemm.best_tflops, 0.2, 1e-12);
  ASSERT_EQ(core.collectives.size(), 4u);
  EXPECT_EQ(core.collectives[0].gpus, 2);
  EXPECT_NEAR(core.collectives[0].seconds[0], 1e-4, 1e-12);
}

TEST_F(Entries, there_is_a_cluster_of_one_process_and_one_of_a_process_a_thread) {
  write(true);
  const spec::Cluster one = cluster("this-machine"), cores = cluster("this-machine-cores");
  EXPECT_EQ(one.gpus, 1);
  EXPECT_EQ(one.chip, "this-machine");
  EXPECT_EQ(cores.gpus, 2);
  EXPECT_EQ(cores.chip, "this-machine-core");
  EXPECT_EQ(*cores.tiers[0].bandwidth.value, BytesPerSecond::of(5e8));
  EXPECT_EQ(*cores.tiers[0].latency.value, 100_us);
  EXPECT_EQ(*one.storage.write.value, BytesPerSecond::of(5e8));
  EXPECT_TRUE(catalog_.stack(one.stack).ok());
}

TEST_F(Entries, the_machine_that_was_measured_is_found_again) {
  const auto before = measured_machine(catalog_);
  ASSERT_TRUE(before.ok()) << before.error().text();
  EXPECT_FALSE(before->has_value());
  write(true);
  const auto machine = measured_machine(catalog_);
  ASSERT_TRUE(machine.ok()) << machine.error().text();
  ASSERT_TRUE(machine->has_value());
  EXPECT_EQ((*machine)->fp32_peak, FlopsPerSecond::of(1.2e11));
  EXPECT_EQ((*machine)->bf16_peak, FlopsPerSecond::of(4e11));
  EXPECT_EQ((*machine)->precision, Precision::bf16);
}

}  // namespace
}  // namespace celere::calibrate
