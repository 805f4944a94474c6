// The ranks of a training, as the writers and readers of its checkpoints meet them: texts and bytes
// go through a group of their own, since they write behind the training's back.
#pragma once

#include "checkpoint/peers.hpp"
#include "nn/process_group.hpp"

namespace celere::train {

class RankPeers : public checkpoint::Peers {
 public:
  // Bytes go from rank to rank in parts of `part_bytes`: all ranks have the same.
  static constexpr std::int64_t usual_part_bytes = std::int64_t{16} << 20;
  explicit RankPeers(nn::ProcessGroup group, std::int64_t part_bytes = usual_part_bytes)
      : group_(std::move(group)), part_bytes_(part_bytes) {}
  int rank() const override { return group_.rank(); }
  Result<std::vector<std::string>> exchange(const std::string& own) override;
  Status pass(const checkpoint::Passage& passage) override;

 private:
  nn::ProcessGroup group_;
  std::int64_t part_bytes_;
};

}  // namespace celere::train
