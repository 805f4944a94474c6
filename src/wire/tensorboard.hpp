// Scalars over steps, in the event files that TensorBoard reads.
//
// A file is a sequence of TFRecords, numbers in little endian:
//
//   length   uint64
//   crc of the 8 bytes of length, masked   uint32
//   content  `length` bytes
//   crc of the content, masked             uint32
//
// The crc is CRC-32C (Castagnoli), masked as ((crc >> 15) | (crc << 17)) + 0xa282ead8. The content
// is a protocol buffer of type Event: wall_time = 1 (double), step = 2 (int64), file_version = 3
// (string) in the first record, summary = 5 (Summary) in the others, whose value = 1 has
// tag = 1 (string) and simple_value = 2 (float).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/result.hpp"
#include "wire/append_file.hpp"
#include "wire/metrics.hpp"

namespace celere::wire {

std::uint32_t crc32c(std::string_view bytes);
std::string tensorboard_record(std::string_view content);

struct Scalar {
  std::string tag;  // "loss/train"
  double value = 0;
};

class TensorBoard {
 public:
  // Makes events.out.tfevents.SECONDS.HOST.PROCESS in `folder`, which is made too; the clock must
  // outlive it. Errors: io.
  static Result<TensorBoard> open(Files& files, const Clock& clock, const std::string& folder);
  // One record. Errors: io.
  Status add(std::int64_t step, const std::vector<Scalar>& scalars);
  const std::string& path() const { return file_.path(); }

 private:
  TensorBoard(const Clock& clock, AppendFile file) : clock_(&clock), file_(std::move(file)) {}
  const Clock* clock_;
  AppendFile file_;
};

// What TensorBoard shows of a step.
std::vector<Scalar> scalars_of(const StepMetrics& metrics);

}  // namespace celere::wire
