#include "checkpoint/peers.hpp"

#include <fmt/format.h>

namespace celere::checkpoint {

std::string said_by(std::size_t rank, std::size_t ranks, std::string_view text) {
  return ranks == 1 ? std::string(text) : fmt::format("rank {}: {}", rank, text);
}

std::optional<Error> first_that_failed(const std::vector<std::string>& all) {
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (!all[rank].empty()) return Error{ErrorCode::io, said_by(rank, all.size(), all[rank]), {}};
  }
  return std::nullopt;
}

}  // namespace celere::checkpoint
