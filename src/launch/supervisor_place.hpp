// Where the supervisor of a run listens: RUN/supervisor.json, written anew by each one that takes
// over. Its epoch is above that of all before it, and agents obey the highest only.
//
//   {"address":"127.0.0.1","port":40123,"epoch":3,"process":4711}
#pragma once

#include <cstdint>

#include "base/files.hpp"
#include "base/result.hpp"
#include "wire/channel.hpp"
#include "wire/run_directory.hpp"

namespace celere::launch {

struct SupervisorPlace {
  wire::Address address;
  std::int64_t epoch = 0;
  std::int64_t process = 0;
  friend bool operator==(const SupervisorPlace&, const SupervisorPlace&) = default;
};

// Errors: not_found; corrupt.
Result<SupervisorPlace> read_supervisor(const Files& files, const wire::RunDirectory& directory);
Status write_supervisor(Files& files, const wire::RunDirectory& directory,
                        const SupervisorPlace& place);

}  // namespace celere::launch
