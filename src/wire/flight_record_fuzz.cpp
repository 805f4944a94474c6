#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "base/check.hpp"
#include "wire/flight_record.hpp"

// Any file at all is refused as corrupt or read; and so is a real one in which the input stands
// somewhere. (The input's first four bytes say where.)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace celere;
  const int file = memfd_create("fuzz", MFD_CLOEXEC);
  CHECK(file >= 0);
  const std::string path = fmt::format("/proc/self/fd/{}", file);
  CHECK(write(file, data, size) == static_cast<ssize_t>(size));
  const auto foreign = wire::FlightReader::open(path);
  if (foreign.ok()) (void)foreign->read();
  const std::string real = fmt::format("/dev/shm/celere-fuzz-{}", getpid());
  {
    const SystemClock clock;
    auto record = wire::FlightRecord::create(real, 1, clock);
    CHECK(record.ok());
    record->leave(record->enter(
        {.group = "g", .kind = wire::CollectiveKind::barrier, .bytes = 8, .in_group = 1}));
  }
  auto reader = wire::FlightReader::open(real);
  CHECK(reader.ok());
  const int whole = open(real.c_str(), O_RDWR | O_CLOEXEC);
  const off_t end = lseek(whole, 0, SEEK_END);
  if (size > 4) {
    const std::int64_t place = data[0] + 256 * data[1] + 65536 * data[2];
    const off_t at = place % end;
    const auto count = std::min<std::size_t>(size - 4, static_cast<std::size_t>(end - at));
    CHECK(pwrite(whole, data + 4, count, at) == static_cast<ssize_t>(count));
  }
  close(whole);
  close(file);
  const wire::Flight flight = reader->read();
  CHECK(flight.entries.size() <= 64 && flight.steps.size() <= 64);
  for (const auto& entry : flight.entries) (void)wire::name_of(entry.kind);
  (void)wire::name_of(flight.pulse.phase);
  const auto again = wire::FlightReader::open(real);
  if (!again.ok()) CHECK(again.error().code == ErrorCode::corrupt);
  unlink(real.c_str());
  return 0;
}
