// Finding an entry of the catalogue: in the folder given by a flag, then in the user's own, then
// among those that are embedded in the program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "spec/chip.hpp"
#include "spec/cluster.hpp"
#include "spec/failure_set.hpp"
#include "spec/model.hpp"
#include "spec/stack.hpp"

namespace celere::spec {

enum class Kind { chip, model, cluster, stack, curves, failures };
inline constexpr int kind_count = 6;
const char* folder_of(Kind kind);  // "chips"

// A file that was compiled into the program.
struct Embedded {
  std::string_view path;  // "chips/h100-sxm.toml"
  std::string_view content;
};
std::vector<Embedded> embedded_catalog();
// One of them. REQUIRES: it is there.
std::string_view embedded_text(std::string_view path);

class Catalog {
 public:
  // `folders` are looked through in order, each laid out as catalog/ is; those that do not exist
  // are passed over.
  Catalog(const Files& files, std::vector<std::string> folders);

  // Sorted, each once.
  std::vector<std::string> names(Kind kind) const;

  // Errors: not_found with the names that are near; bad_input where the entry is wrong, with the
  // file in the trail where it is not an embedded one.
  Result<Chip> chip(std::string_view name) const;
  Result<Model> model(std::string_view name) const;
  Result<Cluster> cluster(std::string_view name) const;  // with its set of failures
  Result<FailureSet> failure_set(std::string_view name) const;
  Result<Stack> stack(std::string_view name) const;

  // The text of the entry.
  Result<std::string> content(Kind kind, std::string_view name) const;

 private:
  struct Entry {
    std::string content;
    std::string file;  // empty: embedded
  };
  Result<Entry> find(Kind kind, std::string_view name) const;
  template <typename T, typename Parse>
  Result<T> parsed(Kind kind, std::string_view name, const Parse& parse) const;

  const Files& files_;
  std::vector<std::string> folders_;
};

}  // namespace celere::spec
