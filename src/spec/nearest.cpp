#include "spec/nearest.hpp"

#include <algorithm>
#include <numeric>

namespace celere::spec {
namespace {

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view written, const std::vector<std::string>& known) {
  std::string best;
  if (written.empty()) return best;
  // At least one character must be kept: otherwise "xx" would be close to "tp".
  std::size_t least = std::min(std::max<std::size_t>(2, written.size() / 3) + 1, written.size());
  for (const std::string& name : known) {
    const std::size_t far = distance(written, name);
    if (far < least) {
      least = far;
      best = name;
    }
  }
  return best;
}

}  // namespace celere::spec
