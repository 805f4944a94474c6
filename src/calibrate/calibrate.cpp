#include "calibrate/calibrate.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "base/written_units.hpp"
#include "calibrate/entries.hpp"
#include "launch/worker_process.hpp"

namespace celere::calibrate {
namespace {

constexpr Seconds look_every = 20_ms;
// No part takes so long, even on a busy machine: it hangs.
constexpr Seconds patience = 300_s;
constexpr int ranks = 2;

// Collects what a worker says until it ends.
class Listening {
 public:
  Listening(Clock& clock, std::vector<wire::Measurement>& heard,
            std::function<void(double)> progress)
      : clock_(clock), heard_(heard), progress_(std::move(progress)) {}

  Status listen(launch::WorkerProcess& worker, const std::string& what) {
    const Instant latest = clock_.now() + patience;
    while (true) {
      const std::optional<Ending> ending = worker.ending();
      for (const std::string& line : worker.lines()) {
        Status status = hear(line);
        if (!status.ok()) return std::move(status).during(what);
      }
      if (ending && ending->fine()) return Done{};
      if (ending) {
        return Error{ErrorCode::io,
                     fmt::format("{}: the worker ended with {}\n{}", what, written(*ending),
                                 worker.errors()),
                     {}};
      }
      if (latest < clock_.now()) {
        worker.send(SIGKILL);
        return Error{
            ErrorCode::io, fmt::format("{}: took more than {}", what, written(patience)), {}};
      }
      clock_.sleep(look_every);
    }
  }

 private:
  Status hear(const std::string& line) {
    ASSIGN_OR_RETURN(const wire::Measurement measurement, wire::parse_measurement(line));
    if (const auto* share = std::get_if<wire::ShareMeasured>(&measurement)) progress_(share->share);
    heard_.push_back(measurement);
    return Done{};
  }

  Clock& clock_;
  std::vector<wire::Measurement>& heard_;
  std::function<void(double)> progress_;
};

void add_quick(launch::WorkerCommand& command, const Wish& wish) {
  if (wish.quick) command.arguments.emplace_back("--quick");
}

Status measure_machine(const World& world, const Wish& wish, Listening listening) {
  launch::WorkerCommand command;
  command.arguments = {"measure", "--folder", wish.folder};
  command.threads = wish.threads;
  add_quick(command, wish);
  ASSIGN_OR_RETURN(launch::WorkerProcess worker,
                   launch::WorkerProcess::start(world.processes, world.files, command));
  return listening.listen(worker, "measuring this machine");
}

Status measure_ranks(const World& world, const Wish& wish, Listening listening) {
  const std::string meeting = fmt::format("{}/celere-measure-{}-{}", wish.scratch, getpid(),
                                          world.clock.wall().nanoseconds);
  std::vector<launch::WorkerProcess> workers;
  for (int rank = 0; rank < ranks; ++rank) {
    launch::WorkerCommand command;
    command.arguments = {
        "measure-gloo", "--meeting",          meeting, "--rank", std::to_string(rank),
        "--size",       std::to_string(ranks)};
    command.threads = 1;
    add_quick(command, wish);
    ASSIGN_OR_RETURN(launch::WorkerProcess worker,
                     launch::WorkerProcess::start(world.processes, world.files, command));
    workers.push_back(std::move(worker));
  }
  Status status{Done{}};
  for (launch::WorkerProcess& worker : workers) {
    status = listening.listen(worker, "measuring collectives");
    if (!status.ok()) break;
  }
  workers.clear();  // those that still run are killed
  RETURN_IF_ERROR(world.files.remove(meeting));
  return status;
}

// The entries as a reader of the catalogue will see them.
Status check(const std::vector<Entry>& entries) {
  const std::unique_ptr<Files> files = memory_files();
  for (const Entry& entry : entries) {
    RETURN_IF_ERROR(files->write("check/" + entry.path, entry.content));
  }
  const spec::Catalog catalog(*files, {"check"});
  for (const char* name : {this_machine, all_cores}) {
    ASSIGN_OR_RETURN(const spec::Cluster cluster, catalog.cluster(name));
    if (auto chip = catalog.chip(cluster.chip); !chip.ok()) return std::move(chip).error();
  }
  return Done{};
}

Date day_of(Instant wall) {
  const std::chrono::sys_time<std::chrono::nanoseconds> time{
      std::chrono::nanoseconds(wall.nanoseconds)};
  return {std::chrono::floor<std::chrono::days>(time)};
}

}  // namespace

Result<Calibration> run(const World& world, const Wish& wish,
                        const std::function<void(double share)>& progress) {
  constexpr double machine_part = 0.85;
  RETURN_IF_ERROR(world.files.make_folder(wish.folder));
  std::vector<wire::Measurement> heard;
  RETURN_IF_ERROR(measure_machine(world, wish, Listening(world.clock, heard, [&](double share) {
                                    progress(machine_part * share);
                                  })));
  RETURN_IF_ERROR(measure_ranks(world, wish, Listening(world.clock, heard, [&](double share) {
                                  progress(machine_part + (1 - machine_part) * share);
                                })));
  Calibration out;
  ASSIGN_OR_RETURN(out.measured, measured_of(heard));
  out.precision = out.measured.best();
  const std::vector<Entry> entries = entries_of(out.measured, day_of(world.clock.wall()));
  RETURN_IF_ERROR(check(entries).during("checking the entries that were measured"));
  for (const Entry& entry : entries) {
    const std::string path = fmt::format("{}/{}", wish.folder, entry.path);
    RETURN_IF_ERROR(world.files.make_folder(path.substr(0, path.rfind('/'))));
    RETURN_IF_ERROR(world.files.write(path, entry.content));
    out.files.push_back(path);
  }
  return out;
}

Result<std::optional<Machine>> measured_machine(const spec::Catalog& catalog) {
  Result<spec::Chip> chip = catalog.chip(this_machine);
  if (!chip.ok() && chip.error().code == ErrorCode::not_found) return std::optional<Machine>{};
  if (!chip.ok()) return std::move(chip).error();
  Machine machine;
  const auto peak = [&](spec::Arithmetic of) {
    return chip->peak[static_cast<std::size_t>(of)].needed_for("the share of the machine's peak");
  };
  ASSIGN_OR_RETURN(machine.fp32_peak, peak(spec::Arithmetic::fp32));
  ASSIGN_OR_RETURN(machine.bf16_peak, peak(spec::Arithmetic::bf16));
  ASSIGN_OR_RETURN(machine.precision, spec::measured_precision(*chip));
  machine.chip = *std::move(chip);
  return std::optional<Machine>(std::move(machine));
}

}  // namespace celere::calibrate
