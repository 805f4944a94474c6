#include "wire/orders.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>

#include "wire/json_text.hpp"
#include "wire/lines.hpp"

namespace celere::wire {
namespace {

using Json = nlohmann::ordered_json;

Error wrong(const std::string& what) { return {ErrorCode::corrupt, "order: " + what, {}}; }

// Takes the keys of an object one after the other; what is left over at the end is too many.
class Keys {
 public:
  explicit Keys(const nlohmann::json& object) : object_(object) {}

  bool has(const char* key) const { return object_.contains(key); }
  Result<std::string> text(const char* key) {
    taken_.insert(key);
    if (!has(key) || !object_[key].is_string()) return wrong(named(key, "is missing or no text"));
    return object_[key].get<std::string>();
  }
  Result<bool> yes(const char* key) {
    taken_.insert(key);
    if (!has(key) || !object_[key].is_boolean()) {
      return wrong(named(key, "is missing or neither true nor false"));
    }
    return object_[key].get<bool>();
  }
  Result<std::int64_t> integer(const char* key, std::int64_t least,
                               std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
    taken_.insert(key);
    const auto value = has(key) ? integer_of_json(object_[key]) : std::nullopt;
    if (!value) return wrong(named(key, "is missing or no whole number"));
    if (*value < least || *value > most) return wrong(named(key, "is out of its range"));
    return *value;
  }
  Result<double> number(const char* key, double least) {
    taken_.insert(key);
    const auto value = has(key) ? number_of_json(object_[key]) : std::nullopt;
    if (!value || !std::isfinite(*value)) return wrong(named(key, "is missing or no number"));
    if (*value < least) return wrong(named(key, "is out of its range"));
    return *value;
  }
  Status nothing_left() const {
    for (const auto& [key, value] : object_.items()) {
      if (!taken_.contains(key)) return wrong(named(key, "is not a key of it"));
    }
    return Done{};
  }

 private:
  static std::string named(const std::string& key, const char* what) { return key + ": " + what; }
  const nlohmann::json& object_;
  std::set<std::string, std::less<>> taken_;
};

Result<Fault> fault_of(Keys& keys) {
  ASSIGN_OR_RETURN(const std::string kind, keys.text("fault"));
  if (kind == "nan") return Fault(NanFault{});
  if (kind == "flip_bit") {
    ASSIGN_OR_RETURN(const std::string in, keys.text("in"));
    if (in != "weight" && in != "gradient") return wrong("in: is neither weight nor gradient");
    ASSIGN_OR_RETURN(const std::int64_t which, keys.integer("which", 0));
    return Fault(FlipBitFault{.in_weight = in == "weight", .which = which});
  }
  if (kind == "slow") {
    SlowFault slow;
    ASSIGN_OR_RETURN(slow.factor, keys.number("factor", 1));
    if (keys.has("steps") == keys.has("time_s")) return wrong("one of steps and time_s is needed");
    if (keys.has("steps")) {
      ASSIGN_OR_RETURN(slow.steps, keys.integer("steps", 1));
    } else {
      ASSIGN_OR_RETURN(slow.time_s, keys.number("time_s", 0));
    }
    return Fault(slow);
  }
  if (kind == "disk_full") {
    ASSIGN_OR_RETURN(const std::int64_t saves, keys.integer("saves", 1));
    return Fault(DiskFullFault{.saves = saves});
  }
  return wrong("fault: is none of nan, flip_bit, slow, disk_full");
}

Result<RegroupOrder> regroup_of(Keys& keys) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  RegroupOrder out;
  ASSIGN_OR_RETURN(out.layout, keys.text("layout"));
  ASSIGN_OR_RETURN(const std::int64_t rank, keys.integer("rank", 0, most));
  ASSIGN_OR_RETURN(out.meeting, keys.text("meeting"));
  if (keys.has("interface")) {
    ASSIGN_OR_RETURN(out.interface, keys.text("interface"));
  }
  ASSIGN_OR_RETURN(const std::int64_t generation, keys.integer("generation", 0, most));
  ASSIGN_OR_RETURN(out.joining, keys.yes("joining"));
  out.rank = static_cast<int>(rank);
  out.generation = static_cast<int>(generation);
  return out;
}

struct Writer {
  Json& json;

  void operator()(const SaveOrder&) const { json["kind"] = "save"; }
  void operator()(const Fault& fault) const {
    json["kind"] = "fault";
    std::visit(*this, fault);
  }
  void operator()(const NanFault&) const { json["fault"] = "nan"; }
  void operator()(const FlipBitFault& fault) const {
    json["fault"] = "flip_bit";
    json["in"] = fault.in_weight ? "weight" : "gradient";
    json["which"] = fault.which;
  }
  void operator()(const SlowFault& fault) const {
    json["fault"] = "slow";
    json["factor"] = fault.factor;
    if (fault.steps) json["steps"] = *fault.steps;
    if (fault.time_s) json["time_s"] = *fault.time_s;
  }
  void operator()(const DiskFullFault& fault) const {
    json["fault"] = "disk_full";
    json["saves"] = fault.saves;
  }
  void operator()(const RegroupOrder& order) const {
    json["kind"] = "regroup";
    json["layout"] = order.layout;
    json["rank"] = order.rank;
    json["meeting"] = order.meeting;
    json["interface"] = order.interface;
    json["generation"] = order.generation;
    json["joining"] = order.joining;
  }
};

}  // namespace

std::string written_json(const Order& order) {
  Json json;
  json["order"] = order.number;
  std::visit(Writer{json}, order.what);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Order> parse_order(std::string_view line) {
  ASSIGN_OR_RETURN(const nlohmann::json json, parse_json(line, "order"));
  if (!json.is_object()) return wrong("is no object");
  Keys keys(json);
  Order order;
  ASSIGN_OR_RETURN(const std::int64_t number, keys.integer("order", 1));
  order.number = static_cast<std::uint64_t>(number);
  ASSIGN_OR_RETURN(const std::string kind, keys.text("kind"));
  if (kind == "save") {
    order.what = SaveOrder{};
  } else if (kind == "fault") {
    ASSIGN_OR_RETURN(order.what, fault_of(keys));
  } else if (kind == "regroup") {
    ASSIGN_OR_RETURN(order.what, regroup_of(keys));
  } else {
    return wrong("kind: is none of save, fault, regroup");
  }
  RETURN_IF_ERROR(keys.nothing_left());
  return order;
}

Result<std::vector<Order>> read_orders(const Files& files, const std::string& path,
                                       std::uint64_t after) {
  ASSIGN_OR_RETURN(const std::string content, files.read(path));
  std::vector<Order> orders;
  std::uint64_t last = 0;
  RETURN_IF_ERROR(for_each_line(content, path, [&](std::string_view line) -> Status {
    ASSIGN_OR_RETURN(Order order, parse_order(line));
    if (order.number != last + 1) {
      return wrong(fmt::format("number {} stands behind {}", order.number, last));
    }
    last = order.number;
    if (order.number > after) orders.push_back(std::move(order));
    return Done{};
  }));
  return orders;
}

}  // namespace celere::wire
