// Files of tensors in the safetensors format:
//
//   8 bytes      length n of the header, little endian
//   n bytes      JSON: {"NAME": {"dtype": "F32", "shape": [4, 8], "data_offsets": [0, 128]}, ...}
//   the rest     the tensors' bytes, row-major, little endian, without gaps or overlaps
//
// "__metadata__" is a name that is none: its value holds texts. We fill the header with blanks so
// that the data begins at a multiple of 64 bytes, and put tensors of wide items first, so that each
// tensor is aligned to its items in memory; other writers may do neither.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/data_type.hpp"
#include "checkpoint/slice.hpp"
#include "checkpoint/storage.hpp"

namespace celere::checkpoint {

inline constexpr std::uint64_t header_bytes_max = 100'000'000;  // as other readers have it

// The error of a file whose content is not what it should be.
Error corrupt(const std::string& file, const std::string& what);

struct TensorInfo {
  std::string name;
  DataType dtype = DataType::f32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // bytes, from the start of the data
};

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;  // bytes, from the start of the file
};

// From the first bytes of a file of `file_size` bytes; `start` must hold all of the header. Errors:
// corrupt, with file, tensor and what is wrong.
Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> start,
                                                   std::uint64_t file_size,
                                                   const std::string& file);

struct TensorBytes {
  std::string name;
  DataType dtype = DataType::f32;
  Shape shape;
  std::span<const std::byte> bytes;
};

struct WrittenFile {
  std::int64_t bytes = 0;
  std::string checksum;  // XXH3, 128 bits, in hexadecimal, of the whole file
};

// Streams the tensors to a new file and syncs it. Errors: bad_input where bytes do not fit a shape,
// or a name stands twice, is no UTF-8 or "__metadata__"; io.
Result<WrittenFile> write_safetensors(Storage& storage, const std::string& path,
                                      std::span<const TensorBytes> tensors,
                                      const std::map<std::string, std::string>& metadata = {});

// A file that is mapped into memory: bytes are read from the disk where they are touched.
class SafetensorsFile {
 public:
  // Errors: not_found, io, corrupt.
  static Result<SafetensorsFile> open(const Storage& storage, const std::string& path);

  // Of a file that is mapped already. Errors: corrupt.
  static Result<SafetensorsFile> of(MappedFile map, const std::string& path);

  const SafetensorsHeader& header() const { return header_; }
  const TensorInfo* find(std::string_view name) const;  // nothing where there is none
  std::span<const std::byte> bytes(const TensorInfo& tensor) const;

 private:
  SafetensorsFile(MappedFile map, SafetensorsHeader header);
  MappedFile map_;
  SafetensorsHeader header_;
  std::map<std::string, std::size_t, std::less<>> places_;
};

}  // namespace celere::checkpoint
