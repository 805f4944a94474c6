#include "tokens/packing.hpp"

#include <algorithm>
#include <limits>

#include "base/check.hpp"

namespace celere::tokens {
namespace {

constexpr std::size_t open_max = 64;

struct Open {
  std::int64_t room = 0;
  std::vector<Piece> pieces;
};

}  // namespace

WholeWindows::WholeWindows(const TokenStream& stream, std::int64_t sequence) : begins_{0} {
  CHECK_GE(sequence, 1);
  CHECK_LE(stream.documents(), std::numeric_limits<std::uint32_t>::max());
  std::vector<Open> open;  // the oldest first
  const auto close = [this, &open](std::size_t index) {
    pieces_.insert(pieces_.end(), open[index].pieces.begin(), open[index].pieces.end());
    begins_.push_back(pieces_.size());
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
  };
  const auto fullest = [&open](std::int64_t room) {
    std::size_t best = open.size();
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (open[i].room >= room && (best == open.size() || open[i].room < open[best].room)) best = i;
    }
    return best;
  };
  std::uint64_t begin = 0;
  for (std::uint64_t document = 0; document < stream.documents(); ++document) {
    const std::uint64_t end = stream.begin_of(document + 1);
    auto left = static_cast<std::int64_t>(end - begin);
    begin = end;
    for (std::uint32_t number = 0; number == 0 || left > 1; ++number) {
      const std::int64_t size = std::min(left, sequence + 1);
      std::size_t at = fullest(size);
      if (at == open.size()) {
        if (open.size() == open_max) close(fullest(0));
        open.push_back({.room = sequence + 1, .pieces = {}});
        at = open.size() - 1;
      }
      open[at].pieces.push_back({static_cast<std::uint32_t>(document), number});
      open[at].room -= size;
      if (open[at].room == 0) close(at);
      left -= sequence;
    }
  }
  while (!open.empty()) close(0);
}

std::span<const Piece> WholeWindows::window(std::uint64_t index) const {
  CHECK_LT(index, count());
  return {pieces_.data() + begins_[index], pieces_.data() + begins_[index + 1]};
}

}  // namespace celere::tokens
