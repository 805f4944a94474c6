#include "study/row_place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace celere::study {
namespace {

struct Chip {
  std::string_view gpu;
  std::string_view chip;
  std::string_view cluster;  // the reference design
};
constexpr std::array chips = {
    Chip{"A100-40GB", "a100-40", "selene"},
    Chip{"A100-80GB", "a100-80", "selene"},
    Chip{"A100", "a100-80", "selene"},
    Chip{"A800-80GB", "a800-80", "selene"},
    Chip{"H100-SXM", "h100-sxm", "dgx-h100-superpod"},
    Chip{"H100", "h100-sxm", "dgx-h100-superpod"},
    Chip{"H200", "h200-sxm", "dgx-h200-superpod"},
    Chip{"H200-SXM", "h200-sxm", "dgx-h200-superpod"},
    Chip{"H800", "h800-sxm", "deepseek-h800"},
    Chip{"GH200", "gh200", "dgx-h100-superpod"},
    Chip{"B200", "b200-sxm", "dgx-b200-superpod"},
    Chip{"B300", "b300-sxm", "dgx-b300-superpod"},
    Chip{"GB200", "gb200", "gb200-nvl72"},
    Chip{"GB300", "gb300", "gb300-nvl72"},
    Chip{"MI300X", "mi300x", "dgx-h100-superpod"},
    Chip{"MI350X", "mi350x", "dgx-b200-superpod"},
    Chip{"MI355X", "mi355x", "dgx-b200-superpod"},
};

struct System {
  std::string_view text;  // what the interconnect contains
  std::string_view cluster;
};
// p4d has 4 x 100 Gb/s a node, as Jean Zay; Azure's NDm A100 v4 8 x 200 Gb/s, as Selene.
constexpr std::array systems = {
    System{"Eos", "eos-h100"},
    System{"Selene", "selene"},
    System{"Jean Zay", "jean-zay-a100"},
    System{"RoCE 1600Gb/s", "a100-roce-1600"},
    System{"800Gb/s (4x HDR)", "a100-800g"},
    System{"p4d", "jean-zay-a100"},
    System{"NDm A100", "selene"},
};

}  // namespace

Result<RowPlace> place_of(const RunInputs& row) {
  const auto chip =
      std::find_if(chips.begin(), chips.end(), [&](const Chip& one) { return one.gpu == row.gpu; });
  if (chip == chips.end()) {
    return Error{ErrorCode::unsupported,
                 fmt::format("the catalogue has no chip for the gpu \"{}\"", row.gpu),
                 {}};
  }
  RowPlace place{.chip = std::string(chip->chip), .cluster = std::string(chip->cluster)};
  for (const System& system : systems) {
    if (row.interconnect.find(system.text) != std::string::npos) {
      place.cluster = std::string(system.cluster);
    }
  }
  return place;
}

void make_room(spec::Cluster& cluster, std::int64_t gpus) {
  spec::Tier& outermost = cluster.tiers.back();
  outermost.gpus = static_cast<int>(std::max<std::int64_t>(outermost.gpus, gpus));
  cluster.gpus = std::max(cluster.gpus, outermost.gpus);
}

}  // namespace celere::study
