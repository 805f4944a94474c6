#include "train/rank_peers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace celere::train {

Result<std::vector<std::string>> RankPeers::exchange(const std::string& own) {
  if (group_.size() == 1) return std::vector{own};
  const auto count = static_cast<std::int64_t>(own.size());
  const at::Tensor sizes = at::empty({group_.size(), 1}, at::kLong);
  RETURN_IF_ERROR(group_.all_gather(sizes, at::full({1}, count, at::kLong)).wait());
  const auto* size = sizes.const_data_ptr<std::int64_t>();
  // Texts of equal length, the shorter ones with zeros behind; one byte at least.
  const std::int64_t longest =
      std::max<std::int64_t>(1, *std::max_element(size, size + group_.size()));
  at::Tensor mine = at::zeros({longest}, at::kByte);
  std::memcpy(mine.mutable_data_ptr(), own.data(), own.size());
  const at::Tensor all = at::empty({group_.size(), longest}, at::kByte);
  RETURN_IF_ERROR(group_.all_gather(all, mine).wait());
  const auto* bytes = static_cast<const char*>(all.const_data_ptr());
  std::vector<std::string> out;
  for (int rank = 0; rank < group_.size(); ++rank) {
    out.emplace_back(bytes + rank * longest, static_cast<std::size_t>(size[rank]));
  }
  return out;
}

// First each says how many bytes come, then these in parts: the n-th part that goes and the n-th
// that comes at once, so a ring of ranks cannot wait for itself.
Status RankPeers::pass(const checkpoint::Passage& passage) {
  constexpr int tag = 0;
  const bool gives = passage.to >= 0, takes = passage.from >= 0;
  const auto both = [&](const at::Tensor& out, const at::Tensor& in) -> Status {
    std::optional<nn::Pending> sent, received;
    if (out.defined()) sent = group_.send(out, passage.to, tag);
    if (in.defined()) received = group_.receive(in, passage.from, tag);
    Status status = Done{};
    if (received) status = received->wait();
    if (sent) {
      Status gone = sent->wait();
      if (status.ok()) status = std::move(gone);
    }
    return status;
  };
  const auto own = static_cast<std::int64_t>(passage.own.size());
  const at::Tensor size = at::zeros({1}, at::kLong);
  RETURN_IF_ERROR(
      both(gives ? at::full({1}, own, at::kLong) : at::Tensor(), takes ? size : at::Tensor()));
  const std::int64_t to_come = takes ? *size.const_data_ptr<std::int64_t>() : 0;
  const std::int64_t to_go = gives ? own : 0;
  if (to_come < 0 || to_come > passage.bytes_max) {
    return Error{ErrorCode::io,
                 fmt::format("rank {} would give {} bytes; at most {} are expected", passage.from,
                             to_come, passage.bytes_max),
                 {}};
  }
  const at::Tensor buffer = at::empty({std::min(part_bytes_, to_come)}, at::kByte);
  for (std::int64_t at = 0; at < std::max(to_go, to_come); at += part_bytes_) {
    at::Tensor out, in;
    if (at < to_go) {
      // Only read: from_blob asks for a pointer that is not const.
      out = at::from_blob(const_cast<std::byte*>(passage.own.data()) + at,  // NOLINT
                          {std::min(part_bytes_, to_go - at)}, at::kByte);
    }
    if (at < to_come) in = buffer.narrow(0, 0, std::min(part_bytes_, to_come - at));
    RETURN_IF_ERROR(both(out, in));
    if (in.defined()) {
      passage.take({static_cast<const std::byte*>(in.const_data_ptr()), in.nbytes()});
    }
  }
  return Done{};
}

}  // namespace celere::train
