#include "wire/tensorboard.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>

namespace celere::wire {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    // The polynomial of Castagnoli, its bits reversed.
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    table[byte] = crc;
  }
  return table;
}

void put_little_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

void put_crc(std::string& out, std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  put_little_endian(out, std::rotr(crc, 15) + 0xa282ead8u, 4);
}

// Protocol buffers on the wire: a key is field * 8 + type; type 0 is a varint (seven bits a byte,
// the lowest first, the top bit set on all but the last), 1 eight bytes, 2 a length and bytes,
// 5 four bytes.
void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void put_key(std::string& out, int field, int type) {
  put_varint(out, static_cast<std::uint64_t>(field) * 8 + static_cast<std::uint64_t>(type));
}

void put_double(std::string& out, int field, double value) {
  put_key(out, field, 1);
  put_little_endian(out, std::bit_cast<std::uint64_t>(value), 8);
}

void put_float(std::string& out, int field, float value) {
  put_key(out, field, 5);
  put_little_endian(out, std::bit_cast<std::uint32_t>(value), 4);
}

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_key(out, field, 2);
  put_varint(out, bytes.size());
  out += bytes;
}

double seconds_of(Instant wall) { return static_cast<double>(wall.nanoseconds) * 1e-9; }

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> table = crc_table();
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  }
  return ~crc;
}

std::string tensorboard_record(std::string_view content) {
  std::string out;
  put_little_endian(out, content.size(), 8);
  put_crc(out, std::string(out));
  out += content;
  put_crc(out, content);
  return out;
}

Result<TensorBoard> TensorBoard::open(Files& files, const Clock& clock, const std::string& folder) {
  RETURN_IF_ERROR(files.make_folder(folder));
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0 || host[0] == '\0') {
    std::strncpy(host.data(), "localhost", host.size() - 1);
  }
  const Instant wall = clock.wall();
  const std::string path = fmt::format("{}/events.out.tfevents.{:010d}.{}.{}", folder,
                                       wall.nanoseconds / 1'000'000'000, host.data(), ::getpid());
  ASSIGN_OR_RETURN(AppendFile file, AppendFile::bytes(path));
  std::string first;
  put_double(first, 1, seconds_of(wall));
  put_bytes(first, 3, "brain.Event:2");
  RETURN_IF_ERROR(file.append(tensorboard_record(first)));
  return TensorBoard(clock, std::move(file));
}

Status TensorBoard::add(std::int64_t step, const std::vector<Scalar>& scalars) {
  if (scalars.empty()) return Done{};
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    put_bytes(value, 1, scalar.tag);
    put_float(value, 2, static_cast<float>(scalar.value));
    put_bytes(summary, 1, value);
  }
  std::string event;
  put_double(event, 1, seconds_of(clock_->wall()));
  put_key(event, 2, 0);
  put_varint(event, static_cast<std::uint64_t>(step));
  put_bytes(event, 5, summary);
  return file_.append(tensorboard_record(event));
}

std::vector<Scalar> scalars_of(const StepMetrics& metrics) {
  std::vector<Scalar> out;
  const auto add = [&](const char* tag, const auto& value) {
    if (value) out.push_back({tag, static_cast<double>(*value)});
  };
  add("loss/train", metrics.loss);
  add("loss/validation", metrics.loss_validation);
  add("loss/balance", metrics.loss_balance);
  add("optimizer/learning_rate", metrics.learning_rate);
  add("optimizer/gradient_norm", metrics.gradient_norm);
  add("speed/tokens_per_s", metrics.tokens_per_s);
  add("speed/step_time_s", metrics.step_time_s);
  add("speed/gemm_share", metrics.gemm_share);
  add("progress/tokens", metrics.tokens);
  add("progress/samples", metrics.samples);
  add("memory/max_bytes", metrics.memory_max_bytes);
  return out;
}

}  // namespace celere::wire
