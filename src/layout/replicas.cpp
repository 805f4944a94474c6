#include "layout/replicas.hpp"

namespace celere::layout {

bool replicas_whole(const Layout& layout) {
  return layout.zero_stage == 0 && layout.tp * layout.cp % (layout.ep * layout.etp) == 0;
}

std::int64_t ranks_in_a_row(const Layout& layout) {
  const std::int64_t stage = std::int64_t{1} * layout.tp * layout.cp;
  const bool together = layout.order == RankOrder::tp_cp_pp_dp || layout.dp == 1;
  return together ? stage * layout.pp : stage;
}

bool replicas_lost_alone(const Layout& layout, int ranks_per_node) {
  return layout.dp > 1 && replicas_whole(layout) && ranks_in_a_row(layout) % ranks_per_node == 0;
}

Layout with_replicas(Layout layout, int replicas) {
  layout.dp = replicas;
  if (replicas * layout.cp == 1) layout.zero_stage = layout.shard = 0;
  if (layout.shard >= replicas * layout.cp) layout.shard = 0;
  if (replicas == 1) layout.order = RankOrder::tp_cp_dp_pp;
  return layout;
}

}  // namespace celere::layout
