#include "wire/measurement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "wire/json_text.hpp"

namespace celere::wire {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array precisions = {"fp32", "bf16"};
constexpr std::array capabilities = {"AVX-512 bf16", "AVX-512", "AVX2", "plain"};
constexpr std::array ops = {"all-reduce", "all-gather", "reduce-scatter", "all-to-all"};

// What a kind of measurement says, once for both ways: `visit` is a Writer or a Reader.
template <typename Visit>
void fields(Visit& visit, MachineMeasured& it) {
  visit.text("cpu", it.cpu);
  visit.choice("capability", it.capability, capabilities);
  visit.count("threads", it.threads);
  visit.amount("memory_bytes", it.memory_bytes);
  visit.amount("resident_bytes", it.resident_bytes);
}
template <typename Visit>
void fields(Visit& visit, ProductMeasured& it) {
  visit.choice("precision", it.precision, precisions);
  visit.count("m", it.m);
  visit.count("n", it.n);
  visit.count("k", it.k);
  visit.amount("flop_per_s", it.flop_per_s);
}
template <typename Visit>
void fields(Visit& visit, SustainedMeasured& it) {
  visit.choice("precision", it.precision, precisions);
  visit.amount("time_s", it.time_s);
  visit.amount("flop_per_s", it.flop_per_s);
}
template <typename Visit>
void fields(Visit& visit, AttentionMeasured& it) {
  visit.count("sequence", it.sequence);
  visit.count("head_dim", it.head_dim);
  visit.count("heads", it.heads);
  visit.amount("flop_per_s", it.flop_per_s);
}
template <typename Visit>
void fields(Visit& visit, GroupedMeasured& it) {
  visit.count("tokens_per_expert", it.tokens_per_expert);
  visit.count("expert_ffn", it.expert_ffn);
  visit.amount("flop_per_s", it.flop_per_s);
}
template <typename Visit>
void fields(Visit& visit, BandwidthMeasured& it) {
  visit.amount("copy_bytes_per_s", it.copy_bytes_per_s);
  visit.amount("triad_bytes_per_s", it.triad_bytes_per_s);
}
template <typename Visit>
void fields(Visit& visit, StorageMeasured& it) {
  visit.amount("write_bytes_per_s", it.write_bytes_per_s);
}
template <typename Visit>
void fields(Visit& visit, CollectiveMeasured& it) {
  visit.choice("op", it.op, ops);
  visit.count("ranks", it.ranks);
  visit.count("bytes", it.bytes);
  visit.amount("time_s", it.time_s);
}
template <typename Visit>
void fields(Visit& visit, ShareMeasured& it) {
  visit.share("share", it.share);
}
template <typename Visit>
void fields(Visit& /*visit*/, MeasurementEnd& /*it*/) {}

// In the order of Measurement.
constexpr std::array kinds = {"machine", "product", "sustained",  "attention", "grouped",
                              "memory",  "storage", "collective", "progress",  "end"};
static_assert(kinds.size() == std::variant_size_v<Measurement>);

class Writer {
 public:
  explicit Writer(Json& json) : json_(json) {}
  void text(const char* key, const std::string& value) { json_[key] = value; }
  template <std::size_t N>
  void choice(const char* key, const std::string& value, const std::array<const char*, N>&) {
    json_[key] = value;
  }
  void count(const char* key, std::int64_t value) { json_[key] = value; }
  void amount(const char* key, double value) { json_[key] = json_number(value); }
  void share(const char* key, double value) { json_[key] = json_number(value); }

 private:
  Json& json_;
};

// Keeps the first mistake.
class Reader {
 public:
  explicit Reader(const nlohmann::json& json) : json_(json) {}

  void text(const char* key, std::string& out) {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
      return wrong(key, "is no text");
    }
    out = value->get<std::string>();
  }
  template <std::size_t N>
  void choice(const char* key, std::string& out, const std::array<const char*, N>& names) {
    text(key, out);
    if (!mistake_ && std::find(names.begin(), names.end(), out) == names.end()) {
      wrong(key, fmt::format("is none of {}", fmt::join(names, ", ")));
    }
  }
  void count(const char* key, std::int64_t& out) {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return;
    const auto whole = integer_of_json(*value);
    if (!whole || *whole < 1) return wrong(key, "is no whole number above 0");
    out = *whole;
  }
  void amount(const char* key, double& out) {
    number(key, out);
    if (!mistake_ && !(out > 0)) wrong(key, "must be above 0");
  }
  void share(const char* key, double& out) {
    number(key, out);
    if (!mistake_ && !(out >= 0 && out <= 1)) wrong(key, "must be from 0 to 1");
  }

  Status finish() {
    // One key more is the kind.
    if (!mistake_ && json_.size() != asked_ + 1) {
      mistake_ = fmt::format("has {} keys, and the kind has {}", json_.size(), asked_ + 1);
    }
    if (!mistake_) return Done{};
    return Error{ErrorCode::corrupt, "measurement: " + *mistake_, {}};
  }

 private:
  const nlohmann::json* find(const char* key) {
    ++asked_;
    if (const auto it = json_.find(key); it != json_.end()) return &*it;
    wrong(key, "is missing");
    return nullptr;
  }
  void number(const char* key, double& out) {
    const nlohmann::json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_number() || !std::isfinite(value->get<double>())) {
      return wrong(key, "is no number");
    }
    out = value->get<double>();
  }
  void wrong(const char* key, const std::string& what) {
    if (!mistake_) mistake_ = fmt::format("{}: {}", key, what);
  }

  const nlohmann::json& json_;
  std::size_t asked_ = 0;
  std::optional<std::string> mistake_;
};

template <std::size_t I = 0>
Measurement made(std::size_t kind) {
  if constexpr (I + 1 < std::variant_size_v<Measurement>) {
    if (kind != I) return made<I + 1>(kind);
  }
  return Measurement(std::in_place_index<I>);
}

}  // namespace

std::string written_json(const Measurement& measurement) {
  Json json;
  json["kind"] = kinds[measurement.index()];
  Writer writer(json);
  std::visit([&](auto it) { fields(writer, it); }, measurement);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Measurement> parse_measurement(std::string_view line) {
  ASSIGN_OR_RETURN(const nlohmann::json json, parse_json(line, "measurement"));
  const auto wrong = [](const std::string& what) {
    return Error{ErrorCode::corrupt, "measurement: " + what, {}};
  };
  if (!json.is_object()) return wrong("is no object");
  const auto kind = json.find("kind");
  if (kind == json.end() || !kind->is_string()) return wrong("kind: is missing or no text");
  const auto* place = std::find(kinds.begin(), kinds.end(), kind->get_ref<const std::string&>());
  if (place == kinds.end()) {
    return wrong(fmt::format("kind: \"{}\" is not known", kind->get<std::string>()));
  }
  Measurement out = made(static_cast<std::size_t>(place - kinds.begin()));
  Reader reader(json);
  std::visit([&](auto& it) { fields(reader, it); }, out);
  RETURN_IF_ERROR(reader.finish());
  return out;
}

}  // namespace celere::wire
