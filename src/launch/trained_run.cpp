#include "launch/trained_run.hpp"

#include <fmt/format.h>

#include <optional>

#include "checkpoint/reader.hpp"
#include "spec/run.hpp"
#include "wire/events.hpp"

namespace celere::launch {
namespace {

// Of the last whole line; empty without one.
std::string last_event_time(const Files& files, const std::string& path) {
  const Result<std::string> content = files.read(path);
  if (!content.ok()) return "";
  const std::size_t end = content->rfind('\n');
  if (end == std::string::npos || end == 0) return "";
  const std::size_t before = content->rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  const auto event = wire::parse_event(std::string_view(*content).substr(begin, end - begin));
  return event.ok() ? event->time : "";
}

Result<wire::RunDirectory> newest(const checkpoint::Storage& storage,
                                  const std::string& runs_folder) {
  std::optional<wire::RunDirectory> best;
  std::string best_time;
  for (const std::string& name : storage.files().list(runs_folder)) {
    const wire::RunDirectory one{.folder = runs_folder + "/" + name};
    if (!storage.files().exists(one.run_file())) continue;
    if (checkpoint::committed(storage, one.checkpoints()).empty()) continue;
    std::string time = last_event_time(storage.files(), one.events());
    if (best && time < best_time) continue;
    best = one;
    best_time = std::move(time);
  }
  if (best) return *std::move(best);
  return Error{ErrorCode::not_found,
               fmt::format("no run below {}/ has a checkpoint to ask: celere train RUN makes one, "
                           "--run says where another lies",
                           runs_folder),
               {}};
}

}  // namespace

Result<wire::RunDirectory> trained_run(const checkpoint::Storage& storage, const std::string& run,
                                       const std::string& runs_folder) {
  if (run.empty()) return newest(storage, runs_folder);
  ASSIGN_OR_RETURN(const wire::RunArgument found, wire::find_run(storage.files(), run));
  if (!found.run_directory.empty()) return wire::RunDirectory{.folder = found.run_directory};
  ASSIGN_OR_RETURN(const std::string content, storage.files().read(found.run_file));
  ASSIGN_OR_RETURN(const spec::Run read, spec::parse_run(content, found.run_file));
  wire::RunDirectory directory = wire::run_directory_of(runs_folder, read.name);
  if (storage.files().exists(directory.run_file())) return directory;
  return Error{ErrorCode::not_found,
               fmt::format("{}: was not trained here yet, {} does not exist: celere train {}", run,
                           directory.folder, run),
               {}};
}

}  // namespace celere::launch
