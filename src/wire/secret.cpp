#include "wire/secret.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace celere::wire {
namespace {

static_assert(secret_bytes >= crypto_generichash_KEYBYTES_MIN &&
              secret_bytes <= crypto_generichash_KEYBYTES_MAX);
static_assert(seal_bytes >= crypto_generichash_BYTES_MIN);

using Bytes32 = std::array<std::uint8_t, secret_bytes>;

Error system_error(const std::string& path, const char* doing) {
  return {ErrorCode::io, fmt::format("{}: cannot {}: {}", path, doing, std::strerror(errno)), {}};
}

// A file of one's own with new bytes; it appears under its name whole or not at all.
Status make_file(const std::string& path) {
  CHECK(sodium_init() >= 0);
  Bytes32 bytes;
  randombytes_buf(bytes.data(), bytes.size());
  const std::string draft = fmt::format("{}.{}", path, ::getpid());
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return system_error(draft, "be made");
  const bool whole = ::write(file, bytes.data(), bytes.size()) == std::ssize(bytes);
  const bool synced = whole && ::fsync(file) == 0;
  ::close(file);
  // A link fails where another process was quicker: then its secret holds.
  const bool linked = synced && (::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const Status status = linked ? Status(Done{}) : Status(system_error(path, "be made"));
  ::unlink(draft.c_str());
  return status;
}

}  // namespace

Result<Secret> Secret::at(const std::string& path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ENOENT) {
    RETURN_IF_ERROR(make_file(path));
    file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  }
  if (file < 0) return system_error(path, "be read");
  struct stat about{};
  Bytes32 bytes{};
  const bool known = ::fstat(file, &about) == 0;
  const ssize_t count = ::read(file, bytes.data(), bytes.size());
  ::close(file);
  if (!known) return system_error(path, "be read");
  if (about.st_uid != ::geteuid() || (about.st_mode & 077) != 0) {
    return bad_input(fmt::format(
        "{}: others may read this run's secret (mode {:o}, user {}): only its owner may: "
        "chmod 600",
        path, about.st_mode & 07777, about.st_uid));
  }
  if (count != std::ssize(bytes) || about.st_size != std::ssize(bytes)) {
    return Error{ErrorCode::corrupt,
                 fmt::format("{}: has {} bytes where a run's secret has {}; remove it", path,
                             about.st_size, bytes.size()),
                 {}};
  }
  return Secret(bytes);
}

Secret Secret::for_connection(const Nonce& connecting, const Nonce& listening) const {
  std::vector<std::uint8_t> both(connecting.begin(), connecting.end());
  both.insert(both.end(), listening.begin(), listening.end());
  Bytes32 key;
  crypto_generichash(key.data(), key.size(), both.data(), both.size(), bytes_.data(),
                     bytes_.size());
  return Secret(key);
}

Seal Secret::seal(bool from_connecting, std::uint64_t number,
                  std::span<const std::uint8_t> message) const {
  crypto_generichash_state state;
  std::array<std::uint8_t, 9> head{static_cast<std::uint8_t>(from_connecting ? 1 : 0)};
  std::memcpy(head.data() + 1, &number, sizeof number);
  Seal seal;
  crypto_generichash_init(&state, bytes_.data(), bytes_.size(), seal.size());
  crypto_generichash_update(&state, head.data(), head.size());
  crypto_generichash_update(&state, message.data(), message.size());
  crypto_generichash_final(&state, seal.data(), seal.size());
  return seal;
}

Nonce random_nonce() {
  CHECK(sodium_init() >= 0);
  Nonce nonce;
  randombytes_buf(nonce.data(), nonce.size());
  return nonce;
}

bool equal(const Seal& a, const Seal& b) {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace celere::wire
