#include "spec/cluster.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/toml_reader.hpp"

namespace celere::spec {
namespace {

constexpr std::int64_t most_gpus = 100'000'000;

int count_of(const TomlTable& table, const char* key) {
  return static_cast<int>(table.integer(key, 1, most_gpus));
}

Fact<double> share_of(const TomlTable& table, const char* key) {
  Fact<double> share = table.number_fact(key);
  if (share.value && !(*share.value > 0 && *share.value <= 1))
    table.mistake(key, "must be above 0 and at most 1");
  return share;
}

// What something is divided by.
template <typename Q>
Fact<Q> above_zero(const TomlTable& table, const char* key) {
  Fact<Q> fact = table.fact<Q>(key);
  if (fact.value && !(*fact.value > Q{})) table.mistake(key, "must be above 0");
  return fact;
}

std::vector<Tier> read_tiers(const TomlTable& root, int gpus) {
  std::vector<Tier> tiers;
  for (const TomlTable& table : root.tables("tier")) {
    Tier tier;
    tier.name = table.text("name");
    tier.gpus = count_of(table, "gpus");
    tier.bandwidth = above_zero<BytesPerSecond>(table, "bandwidth");
    tier.share = share_of(table, "share");
    tier.latency = table.fact<Seconds>("latency");
    if (table.has("gpus") && !tiers.empty() && tier.gpus <= tiers.back().gpus) {
      table.mistake("gpus", fmt::format("{} must be more than the tier before has ({})", tier.gpus,
                                        tiers.back().gpus));
    }
    tiers.push_back(std::move(tier));
  }
  if (tiers.empty()) {
    root.mistake("tier", "is missing: the fabric needs at least one [[tier]]");
  } else if (tiers.back().gpus < gpus) {
    root.mistake("tier", fmt::format("the last one holds {} GPUs, and the cluster has {}",
                                     tiers.back().gpus, gpus));
  }
  return tiers;
}

std::vector<Tranche> read_tranches(const TomlTable& root, const char* key, int gpus) {
  std::vector<Tranche> tranches;
  for (const TomlTable& table : root.tables(key)) {
    const Tranche tranche{.date = table.date("date"), .gpus = count_of(table, "gpus")};
    if (!tranches.empty() &&
        !(tranches.back().date < tranche.date && tranches.back().gpus <= tranche.gpus)) {
      table.mistake("date", "must follow the one before, with at least as many GPUs in all");
    }
    tranches.push_back(tranche);
  }
  if (!tranches.empty() && tranches.back().gpus < gpus) {
    root.mistake(key, fmt::format("the last one makes {} GPUs in all, and the cluster has {}",
                                  tranches.back().gpus, gpus));
  }
  return tranches;
}

FailureFacts read_failures(const TomlTable& table) {
  FailureFacts failures;
  failures.per_node = table.fact<PerSecond>("per_node");
  failures.early_factor = table.number_fact("early_factor");
  if (failures.early_factor.value && *failures.early_factor.value < 1)
    table.mistake("early_factor", "must be at least 1");
  failures.early_time = table.fact<Seconds>("early_time");
  failures.bad_at_delivery = table.number_fact("bad_at_delivery");
  if (failures.bad_at_delivery.value && *failures.bad_at_delivery.value > 1)
    table.mistake("bad_at_delivery", "must be at most 1");
  failures.detect = table.fact<Seconds>("detect");
  failures.replace = table.fact<Seconds>("replace");
  failures.restart = table.fact<Seconds>("restart");
  failures.causes = table.text_or("causes", common_failures);
  return failures;
}

std::optional<Date> first_with(const std::vector<Tranche>& tranches, int count) {
  for (const Tranche& tranche : tranches) {
    if (tranche.gpus >= count) return tranche.date;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Date> Cluster::complete_on(int count) const {
  std::optional<Date> day = first_with(deliveries, count);
  const std::optional<Date> power = first_with(powered, count);
  if (!day || (power && *day < *power)) day = power;
  return day;
}

Result<Cluster> parse_cluster(std::string_view toml, std::string name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TomlDocument> document,
                   TomlDocument::parse(toml, fmt::format("clusters/{}.toml", name)));
  const TomlTable root = document->root();
  Cluster cluster;
  cluster.name = std::move(name);
  cluster.title = root.text("title");
  cluster.chip = root.text("chip");
  cluster.stack = root.text("stack");
  cluster.gpus = count_of(root, "gpus");
  cluster.gpus_per_node = count_of(root, "gpus_per_node");
  cluster.nics_per_node = count_of(root, "nics_per_node");
  cluster.host_memory = root.fact<Bytes>("host_memory");
  cluster.note = root.text_or("note", "");
  cluster.tiers = read_tiers(root, cluster.gpus);
  const TomlTable storage = root.table("storage");
  cluster.storage = {.write = above_zero<BytesPerSecond>(storage, "write"),
                     .read = above_zero<BytesPerSecond>(storage, "read"),
                     .blocking = storage.fact<Seconds>("blocking")};
  cluster.failures = read_failures(root.table("failures"));
  cluster.power_per_gpu = root.fact<Watts>("power_per_gpu");
  if (const auto rent = root.table_if("rent"))
    cluster.rent = Rent{rent->fact<DollarsPerSecond>("per_gpu")};
  if (const auto build = root.table_if("build")) {
    cluster.build = Build{.capital_per_gpu = build->fact<Dollars>("capital_per_gpu"),
                          .life = above_zero<Seconds>(*build, "life"),
                          .energy = build->fact<DollarsPerJoule>("energy")};
  }
  if (cluster.rent && cluster.build) root.mistake("rent", "a cluster is rented or built, not both");
  cluster.deliveries = read_tranches(root, "delivery", cluster.gpus);
  cluster.powered = read_tranches(root, "powered", cluster.gpus);
  RETURN_IF_ERROR(document->finish());
  return cluster;
}

}  // namespace celere::spec
