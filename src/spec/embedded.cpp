#include <cstdint>

#include "base/check.hpp"
#include "spec/catalog.hpp"

namespace celere::spec {
namespace {

// As cmake/embed.cmake lays it out; a null path ends the table.
struct Row {
  const char* path;
  const char* begin;
  std::uint64_t size;
};

}  // namespace

extern "C" const Row celere_embedded[];

std::vector<Embedded> embedded_catalog() {
  std::vector<Embedded> files;
  for (const Row* row = celere_embedded; row->path != nullptr; ++row) {
    files.push_back({row->path, std::string_view(row->begin, row->size)});
  }
  return files;
}

std::string_view embedded_text(std::string_view path) {
  for (const Row* row = celere_embedded; row->path != nullptr; ++row) {
    if (path == row->path) return {row->begin, row->size};
  }
  CHECK(false);
}

}  // namespace celere::spec
