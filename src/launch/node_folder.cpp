#include "launch/node_folder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "tokens/hash.hpp"
#include "wire/run_directory.hpp"

namespace celere::launch {

std::string shared_node_folder(const std::string& run_directory) {
  std::string path = std::filesystem::absolute(run_directory).lexically_normal().string();
  if (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::string name = path.substr(path.rfind('/') + 1);
  return fmt::format("/dev/shm/celere-{}-{}-{:016x}", getuid(), wire::slug(name),
                     tokens::hash64(path));
}

}  // namespace celere::launch
