// The ranks of a training, as the writers of its checkpoints meet them: texts go through a group of
// their own, since they write behind the training's back.
#pragma once

#include "checkpoint/peers.hpp"
#include "nn/process_group.hpp"

namespace celere::train {

class RankPeers : public checkpoint::Peers {
 public:
  explicit RankPeers(nn::ProcessGroup group) : group_(std::move(group)) {}
  int rank() const override { return group_.rank(); }
  Result<std::vector<std::string>> exchange(const std::string& own) override;

 private:
  nn::ProcessGroup group_;
};

}  // namespace celere::train
