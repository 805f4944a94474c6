#include "base/own_memory.hpp"

#include <charconv>
#include <string>

namespace celere {

std::optional<Bytes> own_memory(const Files& files, std::string_view field) {
  const Result<std::string> status = files.read("/proc/self/status");
  if (!status.ok()) return std::nullopt;
  // "VmHWM:   12345 kB"
  const std::size_t at = status->find(std::string(field) + ":");
  if (at == std::string::npos) return std::nullopt;
  const std::size_t digits = status->find_first_of("0123456789", at);
  if (digits == std::string::npos) return std::nullopt;
  double kilobytes = 0;
  std::from_chars(status->data() + digits, status->data() + status->size(), kilobytes);
  return Bytes::of(kilobytes * 1024);
}

}  // namespace celere
