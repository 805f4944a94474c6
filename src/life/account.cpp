#include "life/account.hpp"

#include <numeric>

namespace celere::life {

const char* name_of(Part part) {
  constexpr std::array<const char*, part_count> names = {"useful",    "waiting",    "checkpoint",
                                                         "detection", "restart",    "replay",
                                                         "degraded",  "no machine", "evaluation"};
  return names[static_cast<std::size_t>(part)];
}

Nanoseconds whole(const Account& account) {
  return std::accumulate(account.begin(), account.end(), Nanoseconds{0});
}

double Life::ettr() const {
  const Nanoseconds waited = account[static_cast<std::size_t>(Part::waiting)];
  if (time <= waited) return 0;
  return static_cast<double>(account[static_cast<std::size_t>(Part::useful)]) /
         static_cast<double>(time - waited);
}

}  // namespace celere::life
