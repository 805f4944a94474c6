// Whatever the bytes: a cluster is read or refused with a message.
#include <cstddef>
#include <cstdint>

#include "base/check.hpp"
#include "spec/cluster.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cluster = celere::spec::parse_cluster(text, "fuzz");
  if (!cluster.ok()) {
    CHECK(!cluster.error().message.empty());
    return 0;
  }
  CHECK(!cluster->tiers.empty());
  CHECK_GE(cluster->tiers.back().gpus, cluster->gpus);
  const bool dated = !cluster->deliveries.empty() || !cluster->powered.empty();
  CHECK_EQ(cluster->complete_on(cluster->gpus).has_value(), dated);
  return 0;
}
