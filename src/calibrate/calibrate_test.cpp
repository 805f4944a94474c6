// The run with a worker that is played: its lines are given.
#include "calibrate/calibrate.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "calibrate/test_lines.hpp"

namespace celere::calibrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PlayedProcess final : public Process {
 public:
  PlayedProcess(std::string output, Ending ending) : output_(std::move(output)), ending_(ending) {}
  int id() const override { return 1; }
  std::optional<Ending> ending() override { return ending_; }
  std::optional<Ending> wait(Seconds) override { return ending_; }
  void send(int) override {}
  void send_to_group(int) override {}
  const std::string& captured_output() override { return output_; }
  std::string take_output() override { return std::exchange(output_, {}); }
  const std::string& captured_errors() override { return errors_; }

 private:
  std::string output_, errors_ = "what went wrong";
  Ending ending_;
};

class PlayedProcesses final : public Processes {
 public:
  std::string machine, rank_0;
  Ending ending{.code = 0, .signal = {}};
  std::vector<Command> commands;

  Result<std::unique_ptr<Process>> start(const Command& command) override {
    commands.push_back(command);
    const auto& arguments = command.arguments;
    const auto rank = std::find(arguments.begin(), arguments.end(), "--rank");
    const std::string output = arguments[0] == "measure" ? machine
                               : *(rank + 1) == "0"      ? rank_0
                                                         : "";
    return std::unique_ptr<Process>(std::make_unique<PlayedProcess>(output, ending));
  }
};

std::string text_of(const std::vector<wire::Measurement>& lines) {
  std::string text;
  for (const wire::Measurement& line : lines) text += wire::written_json(line) + "\n";
  return text;
}

class Calibrate : public testing::Test {
 protected:
  Calibrate() {
    setenv("CELERE_WORKER", "/bin/worker", 1);
    EXPECT_TRUE(files_->write("/bin/worker", "a program").ok());
    processes_.machine = text_of(machine_lines(true));
    processes_.rank_0 = text_of(rank_lines());
  }
  ~Calibrate() override { unsetenv("CELERE_WORKER"); }

  Result<Calibration> calibrated() {
    return run({processes_, *files_, clock_},
               {.quick = true, .threads = 2, .folder = "/home/catalog"},
               [&](double share) { shares_.push_back(share); });
  }

  std::unique_ptr<Files> files_ = memory_files();
  PlayedProcesses processes_;
  ManualClock clock_;
  std::vector<double> shares_;
};

// One worker with all threads, then two ranks; the machine's half is 42.5 % of all.
TEST_F(Calibrate, writes_five_files_that_the_catalogue_reads) {
  const auto calibration = calibrated();
  ASSERT_TRUE(calibration.ok()) << calibration.error().text();
  EXPECT_EQ(calibration->precision, spec::Precision::bf16);
  EXPECT_EQ(calibration->files.size(), 5u);
  for (const std::string& file : calibration->files) EXPECT_TRUE(files_->exists(file)) << file;
  const spec::Catalog catalog(*files_, {"/home/catalog"});
  EXPECT_TRUE(catalog.cluster("this-machine").ok());
  EXPECT_TRUE(catalog.chip("this-machine-core").ok());
  ASSERT_EQ(processes_.commands.size(), 3u);
  EXPECT_THAT(processes_.commands[0].arguments,
              ElementsAre("measure", "--folder", "/home/catalog", "--quick"));
  EXPECT_THAT(shares_, ElementsAre(testing::DoubleNear(0.425, 1e-12)));
}

TEST_F(Calibrate, a_worker_that_fails_is_an_error_and_nothing_is_written) {
  processes_.ending = {.code = {}, .signal = 9};
  const auto calibration = calibrated();
  ASSERT_FALSE(calibration.ok());
  EXPECT_THAT(calibration.error().text(), HasSubstr("killed by signal 9 (KILL)"));
  EXPECT_THAT(calibration.error().text(), HasSubstr("what went wrong"));
  EXPECT_FALSE(files_->exists("/home/catalog/chips/this-machine.toml"));
}

TEST_F(Calibrate, what_is_no_measurement_is_refused) {
  processes_.machine = "hello\n";
  const auto calibration = calibrated();
  ASSERT_FALSE(calibration.ok());
  EXPECT_EQ(calibration.error().code, ErrorCode::corrupt);
}

TEST_F(Calibrate, a_measurement_that_was_cut_short_is_refused) {
  processes_.rank_0.clear();
  const auto calibration = calibrated();
  ASSERT_FALSE(calibration.ok());
  EXPECT_THAT(calibration.error().text(), HasSubstr("1 of 2 parts"));
  EXPECT_FALSE(files_->exists("/home/catalog/chips/this-machine.toml"));
}

TEST_F(Calibrate, without_a_worker_it_says_how_to_build_one) {
  unsetenv("CELERE_WORKER");
  const auto calibration = calibrated();
  ASSERT_FALSE(calibration.ok());
  EXPECT_THAT(calibration.error().text(), HasSubstr("./dev worker"));
}

}  // namespace
}  // namespace celere::calibrate
