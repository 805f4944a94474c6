// MUNGE, by which the processes of a Slurm cluster say which user they are: a credential is a text
// that only the daemon of a machine with the cluster's key makes and reads, with the user of the
// process that asked for it.
//
//   encode(payload, reader)   a credential that nobody but `reader` (a user id) can decode
//   decode(credential)        the payload, and the user who encoded it
//
// The library (libmunge.so.2) is opened when it is needed: there is none to build with, and none
// where no Slurm is. A credential is decoded once: a second time is refused (a replay), and so is
// one that is older than five minutes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace celere::launch {

struct MungeMessage {
  std::string payload;
  std::uint32_t user = 0;  // of the process that encoded it, says the kernel of its machine
};

class Munge {
 public:
  // `socket`: of the daemon; empty: the system's. Errors: not_found, where there is no library;
  // corrupt, where it is none of the functions.
  static Result<Munge> open(const std::string& socket = "");
  Munge(Munge&&) noexcept;
  Munge& operator=(Munge&&) noexcept;
  ~Munge();

  // Errors: io, with what the daemon or the library says ("Socket not found", ...).
  Result<std::string> encode(const std::string& payload, std::uint32_t reader) const;
  // Errors: corrupt, for a credential that is forged, decoded before, too old or another user's to
  // read; io, where there is no answer.
  Result<MungeMessage> decode(const std::string& credential) const;

 private:
  struct Library;
  explicit Munge(std::unique_ptr<Library> library);
  std::unique_ptr<Library> library_;
};

}  // namespace celere::launch
