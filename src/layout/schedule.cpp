#include "layout/schedule.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace celere::layout {

std::vector<Pass> passes(const Layout& l, int stage, std::int64_t micro_batches) {
  const bool interleaved = l.schedule == Schedule::interleaved;
  CHECK(interleaved || l.schedule == Schedule::one_f_one_b);
  const std::int64_t behind = l.pp - stage - 1;
  const std::int64_t total = micro_batches * l.vpp;
  const std::int64_t warm_up =
      std::min(total, interleaved ? 2 * behind + (l.vpp - 1) * std::int64_t{l.pp} : behind);
  const auto pass = [&](bool forward, std::int64_t k) {
    if (!interleaved) return Pass{.forward = forward, .chunk = 0, .micro_batch = k};
    const std::int64_t group = std::int64_t{l.pp} * l.vpp;
    const auto turn = static_cast<int>(k % group / l.pp);
    return Pass{.forward = forward,
                .chunk = forward ? turn : l.vpp - 1 - turn,
                .micro_batch = k / group * l.pp + k % l.pp};
  };
  std::vector<Pass> out;
  out.reserve(static_cast<std::size_t>(2 * total));
  for (std::int64_t k = 0; k < warm_up; ++k) out.push_back(pass(true, k));
  for (std::int64_t k = 0; k < total; ++k) {
    if (k + warm_up < total) out.push_back(pass(true, k + warm_up));
    out.push_back(pass(false, k));
  }
  return out;
}

}  // namespace celere::layout
