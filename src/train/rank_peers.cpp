#include "train/rank_peers.hpp"

#include <algorithm>
#include <cstring>

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

}  // namespace celere::train
