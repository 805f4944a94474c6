#include "checkpoint/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "checkpoint/checksum.hpp"
#include "wire/json_text.hpp"

namespace celere::checkpoint {
namespace {

using nlohmann::json;

constexpr std::size_t alignment = 64;
constexpr const char* metadata_name = "__metadata__";

// Whole numbers that are not negative; nothing where one is something else.
std::optional<std::vector<std::int64_t>> numbers_of(const json& list) {
  if (!list.is_array()) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const json& item : list) {
    const std::optional<std::int64_t> number = wire::integer_of_json(item);
    if (!number || *number < 0) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

Result<TensorInfo> tensor_of(const std::string& name, const json& value, const std::string& file) {
  const auto wrong = [&](const std::string& what) {
    return corrupt(file, fmt::format("tensor \"{}\": {}", name, what));
  };
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value.contains("shape") || !value.contains("data_offsets")) {
    return wrong("has not exactly dtype, shape and data_offsets");
  }
  const auto dtype = value["dtype"].is_string()
                         ? data_type_named(value["dtype"].get_ref<const std::string&>())
                         : std::nullopt;
  if (!dtype) return wrong(fmt::format("dtype {} is not known", value["dtype"].dump()));
  auto shape = numbers_of(value["shape"]);
  if (!shape) return wrong("shape is no list of whole numbers");
  const auto items = checked_count(*shape, item_size(*dtype));
  if (!items) return wrong(fmt::format("shape {} is not possible", written(*shape)));
  const auto offsets = numbers_of(value["data_offsets"]);
  if (!offsets || offsets->size() != 2) return wrong("data_offsets is no pair of whole numbers");
  if ((*offsets)[0] > (*offsets)[1]) return wrong("data_offsets end before they begin");
  const std::int64_t bytes = (*offsets)[1] - (*offsets)[0];
  const std::int64_t needed = *items * static_cast<std::int64_t>(item_size(*dtype));
  if (bytes != needed) {
    return wrong(fmt::format("{} {} takes {} bytes and has {}", name_of(*dtype), written(*shape),
                             needed, bytes));
  }
  return TensorInfo{.name = name,
                    .dtype = *dtype,
                    .shape = *std::move(shape),
                    .begin = static_cast<std::uint64_t>((*offsets)[0]),
                    .end = static_cast<std::uint64_t>((*offsets)[1])};
}

// In the order of their bytes, each begins where the one before ends, and the last ends the file.
Status check_places(const std::vector<TensorInfo>& tensors, std::uint64_t data_size,
                    const std::string& file) {
  std::uint64_t at = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin != at) {
      return corrupt(
          file,
          fmt::format("tensor \"{}\": begins at byte {} of the data, {} byte {}", tensor.name,
                      tensor.begin,
                      tensor.begin > at ? "a gap behind" : "before the one before ends,", at));
    }
    at = tensor.end;
  }
  if (at > data_size) {
    return corrupt(file, fmt::format("is cut short: {} bytes of data of {}", data_size, at));
  }
  if (at < data_size) {
    return corrupt(file,
                   fmt::format("has {} bytes that belong to no tensor at its end", data_size - at));
  }
  return Done{};
}

Result<std::map<std::string, std::string>> metadata_of(const json& value, const std::string& file) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) return corrupt(file, "__metadata__ is no object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      return corrupt(file, fmt::format("__metadata__: \"{}\" is no text", key));
    }
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

// Wide items first, else in the given order.
std::vector<const TensorBytes*> in_file_order(std::span<const TensorBytes> tensors) {
  std::vector<const TensorBytes*> order;
  for (const TensorBytes& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const TensorBytes* a, const TensorBytes* b) {
    return item_size(a->dtype) > item_size(b->dtype);
  });
  return order;
}

Result<std::string> header_of(const std::vector<const TensorBytes*>& tensors,
                              const std::map<std::string, std::string>& metadata,
                              const std::string& path) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::set<std::string_view> names;
  if (!metadata.empty()) header[metadata_name] = metadata;
  std::uint64_t at = 0;
  for (const TensorBytes* tensor : tensors) {
    const auto wrong = [&](const std::string& what) {
      return bad_input(fmt::format("{}: tensor \"{}\": {}", path, tensor->name, what));
    };
    if (tensor->name == metadata_name) return wrong("is a name that the format keeps for itself");
    if (!wire::is_utf8(tensor->name)) return wrong("its name is not UTF-8");
    if (!names.insert(tensor->name).second) return wrong("stands twice");
    const auto items = checked_count(tensor->shape, item_size(tensor->dtype));
    if (!items ||
        static_cast<std::uint64_t>(*items) * item_size(tensor->dtype) != tensor->bytes.size()) {
      return wrong(fmt::format("{} bytes do not fit {} {}", tensor->bytes.size(),
                               name_of(tensor->dtype), written(tensor->shape)));
    }
    const std::uint64_t end = at + tensor->bytes.size();
    header[tensor->name] = {
        {"dtype", name_of(tensor->dtype)}, {"shape", tensor->shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  for (const auto& [key, value] : metadata) {
    if (!wire::is_utf8(key) || !wire::is_utf8(value)) {
      return bad_input(fmt::format("{}: metadata are not UTF-8", path));
    }
  }
  std::string text = header.dump();
  const std::size_t length = text.size() + sizeof(std::uint64_t);
  text.append((alignment - length % alignment) % alignment, ' ');
  if (text.size() > header_bytes_max) {
    return bad_input(fmt::format("{}: a header of {} bytes; at most {} can be read", path,
                                 text.size(), header_bytes_max));
  }
  std::string out;
  for (int i = 0; i < 8; ++i) {
    out += static_cast<char>(static_cast<std::uint64_t>(text.size()) >> (8 * i));
  }
  return out + text;
}

}  // namespace

Error corrupt(const std::string& file, const std::string& what) {
  return {ErrorCode::corrupt, fmt::format("{}: {}", file, what), {}};
}

Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> start,
                                                   std::uint64_t file_size,
                                                   const std::string& file) {
  if (file_size < 8 || start.size() < 8) {
    return corrupt(file,
                   fmt::format("is cut short: {} bytes, and its length alone takes 8", file_size));
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    length |= std::to_integer<std::uint64_t>(start[i]) << (8 * i);
  }
  if (length > header_bytes_max) {
    return corrupt(file, fmt::format("a header of {} bytes; at most {} are believed", length,
                                     header_bytes_max));
  }
  if (length > file_size - 8 || length > start.size() - 8) {
    return corrupt(file, fmt::format("is cut short: {} bytes, and its header takes {}", file_size,
                                     length + 8));
  }
  const std::string_view text(reinterpret_cast<const char*>(start.data()) + 8,
                              static_cast<std::size_t>(length));
  if (!text.starts_with('{')) return corrupt(file, "its header does not begin with {");
  ASSIGN_OR_RETURN(const json values, wire::parse_json(text, file));
  SafetensorsHeader header;
  header.data_begin = 8 + length;
  for (const auto& [name, value] : values.items()) {
    if (name == metadata_name) {
      ASSIGN_OR_RETURN(header.metadata, metadata_of(value, file));
      continue;
    }
    ASSIGN_OR_RETURN(TensorInfo tensor, tensor_of(name, value, file));
    header.tensors.push_back(std::move(tensor));
  }
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  RETURN_IF_ERROR(check_places(header.tensors, file_size - header.data_begin, file));
  return header;
}

Result<WrittenFile> write_safetensors(Storage& storage, const std::string& path,
                                      std::span<const TensorBytes> tensors,
                                      const std::map<std::string, std::string>& metadata) {
  const std::vector<const TensorBytes*> order = in_file_order(tensors);
  ASSIGN_OR_RETURN(const std::string header, header_of(order, metadata, path));
  ASSIGN_OR_RETURN(const std::unique_ptr<Sink> sink, storage.create(path));
  Checksum checksum;
  WrittenFile written;
  const auto put = [&](std::span<const std::byte> bytes) -> Status {
    // Hashed and written part by part, so that the second finds it in the cache.
    constexpr std::size_t part = std::size_t{1} << 18;
    while (!bytes.empty()) {
      const auto now = bytes.first(std::min(part, bytes.size()));
      checksum.add(now);
      RETURN_IF_ERROR(sink->write(now));
      written.bytes += static_cast<std::int64_t>(now.size());
      bytes = bytes.subspan(now.size());
    }
    return Done{};
  };
  RETURN_IF_ERROR(put(std::as_bytes(std::span(header))));
  for (const TensorBytes* tensor : order) RETURN_IF_ERROR(put(tensor->bytes));
  RETURN_IF_ERROR(sink->finish());
  written.checksum = checksum.hexadecimal();
  return written;
}

SafetensorsFile::SafetensorsFile(MappedFile map, SafetensorsHeader header)
    : map_(std::move(map)), header_(std::move(header)) {
  for (std::size_t i = 0; i < header_.tensors.size(); ++i) places_[header_.tensors[i].name] = i;
}

Result<SafetensorsFile> SafetensorsFile::open(const Storage& storage, const std::string& path) {
  ASSIGN_OR_RETURN(MappedFile map, storage.map(path));
  return of(std::move(map), path);
}

Result<SafetensorsFile> SafetensorsFile::of(MappedFile map, const std::string& path) {
  ASSIGN_OR_RETURN(SafetensorsHeader header,
                   parse_safetensors_header(map.bytes(), map.bytes().size(), path));
  return SafetensorsFile(std::move(map), std::move(header));
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &header_.tensors[found->second];
}

std::span<const std::byte> SafetensorsFile::bytes(const TensorInfo& tensor) const {
  return map_.bytes().subspan(header_.data_begin + tensor.begin, tensor.end - tensor.begin);
}

}  // namespace celere::checkpoint
