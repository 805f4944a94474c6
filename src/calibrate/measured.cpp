#include "calibrate/measured.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/check.hpp"
#include "spec/chip.hpp"

namespace celere::calibrate {
namespace {

Error wrong(const std::string& what) {
  return {ErrorCode::corrupt, "the worker's measurements: " + what, {}};
}

using Point = std::array<std::int64_t, 3>;

// Points that came one by one.
class GridBuilder {
 public:
  explicit GridBuilder(std::string what) : what_(std::move(what)) {}

  void add(Point at, double rate) {
    if (!rates_.emplace(at, rate).second) twice_ = at;
  }
  bool empty() const { return rates_.empty(); }

  Result<Grid> grid() const {
    if (rates_.empty()) return wrong(what_ + " is missing");
    if (twice_) return wrong(fmt::format("{} of {} stands twice", what_, written(*twice_)));
    std::array<std::set<std::int64_t>, 3> axes;
    for (const auto& [at, rate] : rates_) {
      for (std::size_t i = 0; i < at.size(); ++i) axes[i].insert(at[i]);
    }
    Grid out{.x = {axes[0].begin(), axes[0].end()},
             .y = {axes[1].begin(), axes[1].end()},
             .z = {axes[2].begin(), axes[2].end()},
             .values = {}};
    for (const std::int64_t x : axes[0]) {
      for (const std::int64_t y : axes[1]) {
        for (const std::int64_t z : axes[2]) {
          const auto found = rates_.find({x, y, z});
          if (found == rates_.end()) {
            return wrong(fmt::format("{} of {} is missing", what_, written({x, y, z})));
          }
          out.values.push_back(found->second);
        }
      }
    }
    return out;
  }

 private:
  static std::string written(const Point& at) {
    return fmt::format("{} x {} x {}", at[0], at[1], at[2]);
  }
  std::string what_;
  std::map<Point, double> rates_;  // in the order of the table
  std::optional<Point> twice_;
};

// What must come exactly once.
template <typename T>
class Single {
 public:
  void set(const T& value) {
    twice_ = value_.has_value();
    value_ = value;
  }
  Result<T> get(const std::string& what) const {
    if (!value_) return wrong(what + " is missing");
    if (twice_) return wrong(what + " stands twice");
    return *value_;
  }

 private:
  std::optional<T> value_;
  bool twice_ = false;
};

spec::Collective op_named(const std::string& name) {
  for (int op = 0; op < spec::collective_count; ++op) {
    if (name == spec::name_of(static_cast<spec::Collective>(op))) {
      return static_cast<spec::Collective>(op);
    }
  }
  CHECK(false);  // wire/ reads no other
}

// Sorts measurements into place.
struct Collector {
  Single<wire::MachineMeasured> machine;
  std::map<std::string, Single<wire::SustainedMeasured>> sustained;
  GridBuilder fp32{"the fp32 product"}, bf16{"the bf16 product"};
  GridBuilder attention{"attention"}, experts{"the product of experts"};
  Single<wire::BandwidthMeasured> memory;
  Single<wire::StorageMeasured> storage;
  std::map<std::pair<std::string, std::int64_t>, std::map<std::int64_t, double>> collectives;
  int ends = 0;

  void operator()(const wire::MachineMeasured& it) { machine.set(it); }
  void operator()(const wire::ProductMeasured& it) {
    (it.precision == "bf16" ? bf16 : fp32).add({it.m, it.n, it.k}, it.flop_per_s);
  }
  void operator()(const wire::SustainedMeasured& it) { sustained[it.precision].set(it); }
  void operator()(const wire::AttentionMeasured& it) {
    attention.add({it.sequence, it.head_dim, it.heads}, it.flop_per_s);
  }
  void operator()(const wire::GroupedMeasured& it) {
    experts.add({it.tokens_per_expert, it.expert_ffn, 1}, it.flop_per_s);
  }
  void operator()(const wire::BandwidthMeasured& it) { memory.set(it); }
  void operator()(const wire::StorageMeasured& it) { storage.set(it); }
  void operator()(const wire::CollectiveMeasured& it) {
    collectives[{it.op, it.ranks}][it.bytes] = it.time_s;
  }
  void operator()(const wire::ShareMeasured& /*it*/) {}
  void operator()(const wire::MeasurementEnd& /*it*/) { ++ends; }
};

Result<std::vector<spec::CollectiveCurve>> curves_of(const Collector& all) {
  std::vector<spec::CollectiveCurve> curves;
  for (int op = 0; op < spec::collective_count; ++op) {
    const auto kind = static_cast<spec::Collective>(op);
    const std::size_t before = curves.size();
    for (const auto& [which, times] : all.collectives) {
      if (op_named(which.first) != kind) continue;
      spec::CollectiveCurve curve{
          .op = kind, .gpus = static_cast<int>(which.second), .bytes = {}, .seconds = {}};
      for (const auto& [bytes, time] : times) {
        curve.bytes.push_back(static_cast<double>(bytes));
        curve.seconds.push_back(time);
      }
      curves.push_back(std::move(curve));
    }
    if (curves.size() == before) {
      return wrong(fmt::format("the collective {} is missing", spec::name_of(kind)));
    }
  }
  return curves;
}

const spec::CollectiveCurve& gathers_of(const Measured& measured) {
  for (const spec::CollectiveCurve& curve : measured.collectives) {
    if (curve.op == spec::Collective::all_gather) return curve;
  }
  CHECK(false);
}

}  // namespace

double Grid::best() const { return *std::max_element(values.begin(), values.end()); }

double Measured::Products::peak() const {
  return std::max(sustained.flop_per_s, grid ? grid->best() : 0);
}

spec::Precision Measured::best() const {
  spec::Chip chip;
  const auto set = [&](spec::Precision of, const Products& products) {
    chip.sustained[static_cast<std::size_t>(of)].value =
        FlopsPerSecond::of(products.sustained.flop_per_s);
  };
  set(spec::Precision::fp32, fp32);
  set(spec::Precision::bf16, bf16);
  return *spec::measured_precision(chip);
}

double Measured::link_bytes_per_s() const {
  const spec::CollectiveCurve& curve = gathers_of(*this);
  return curve.bytes.back() * (curve.gpus - 1) / curve.gpus / curve.seconds.back();
}

double Measured::link_latency_s() const { return gathers_of(*this).seconds.front(); }

Result<Measured> measured_of(const std::vector<wire::Measurement>& lines) {
  Collector all;
  for (const wire::Measurement& line : lines) std::visit(all, line);
  if (all.ends != 2) return wrong(fmt::format("{} of 2 parts came to their end", all.ends));
  Measured out;
  ASSIGN_OR_RETURN(out.machine, all.machine.get("the machine"));
  ASSIGN_OR_RETURN(out.fp32.sustained, all.sustained["fp32"].get("the sustained fp32 product"));
  ASSIGN_OR_RETURN(out.bf16.sustained, all.sustained["bf16"].get("the sustained bf16 product"));
  ASSIGN_OR_RETURN(out.fp32.grid, all.fp32.grid());
  if (!all.bf16.empty() || out.best() == spec::Precision::bf16) {
    ASSIGN_OR_RETURN(out.bf16.grid, all.bf16.grid());
  }
  ASSIGN_OR_RETURN(out.attention, all.attention.grid());
  ASSIGN_OR_RETURN(out.experts, all.experts.grid());
  ASSIGN_OR_RETURN(out.memory, all.memory.get("the memory bandwidth"));
  ASSIGN_OR_RETURN(out.storage, all.storage.get("the storage"));
  ASSIGN_OR_RETURN(out.collectives, curves_of(all));
  return out;
}

}  // namespace celere::calibrate
