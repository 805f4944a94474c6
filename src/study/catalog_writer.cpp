#include "study/catalog_writer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "spec/catalog.hpp"

namespace celere::study {
namespace {

using spec::Kind;

// Less than this of a logarithm is no own part.
constexpr double own_least = 2e-3;

std::string number_text(double value) {
  if (value == 0) return "0";
  const int digits = 2 - static_cast<int>(std::floor(std::log10(std::abs(value))));
  if (digits <= 0) return fmt::format("{:.0f}", value);
  std::string text = fmt::format("{:.{}f}", value, digits);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

// "[peak]  # dense" and "[[tier]]" name tables.
std::string table_of(const std::string& line, const std::string& before) {
  if (!line.starts_with('[')) return before;
  const std::size_t from = line.find_first_not_of('[');
  const std::size_t to = line.find(']');
  return from == std::string::npos || to == std::string::npos ? before
                                                              : line.substr(from, to - from);
}

class EntryWriter {
 public:
  EntryWriter(std::string name, std::string toml)
      : name_(std::move(name)), toml_(std::move(toml)) {}

  void put(const std::string& table, const std::string& key, const std::string& value) {
    const std::string before = toml_;
    if (!replace_fitted(toml_, table, key, value) || toml_ == before) return;
    written_.push_back({fmt::format("{}: {}", name_, key), "", value});
  }

  // The line of a stack's own number: there where it has one, gone where it has none.
  void put_own(const std::string& key, const std::string& value, bool own) {
    const bool has = has_fitted(key);
    if (own && !has) {
      insert(fmt::format("{} = {{ is = {}, grade = \"fitted\", from = \"FIT\" }}", key, value));
      written_.push_back({fmt::format("{}: {}", name_, key), "common", value});
    } else if (!own && has) {
      remove(key);
      written_.push_back({fmt::format("{}: {}", name_, key), "", "common"});
    } else if (own) {
      put("", key, value);
    }
  }

  const std::string& toml() const { return toml_; }
  const std::vector<WrittenNumber>& written() const { return written_; }

 private:
  static bool is_line_of(const std::string& line, const std::string& key) {
    return line.starts_with(key + " = {") && line.find("grade = \"fitted\"") != std::string::npos;
  }
  bool has_fitted(const std::string& key) const {
    for (const std::string& line : lines_of(toml_)) {
      if (is_line_of(line, key)) return true;
    }
    return false;
  }
  void remove(const std::string& key) {
    std::vector<std::string> lines = lines_of(toml_);
    std::erase_if(lines, [&](const std::string& line) { return is_line_of(line, key); });
    toml_ = joined(lines);
  }
  // Behind the last line before the first table.
  void insert(const std::string& line) {
    std::vector<std::string> lines = lines_of(toml_);
    std::size_t place = 0;
    while (place < lines.size() && !lines[place].starts_with('[')) ++place;
    while (place > 0 && lines[place - 1].empty()) --place;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(place), line);
    toml_ = joined(lines);
  }

  std::string name_, toml_;
  std::vector<WrittenNumber> written_;
};

void write_stack(const spec::Stack& stack, const FittedNumbers& numbers, EntryWriter& entry) {
  spec::Stack changed = stack;
  spec::Chip chip;
  spec::Cluster cluster;
  numbers.apply(changed, chip, cluster);
  for (const spec::StackNumber& number : spec::stack_numbers()) {
    const bool time = number.time != nullptr;
    const bool known = time ? (changed.*number.time).known() : (changed.*number.number).known();
    const spec::Grade grade = time ? (changed.*number.time).grade : (changed.*number.number).grade;
    if (!known || grade != spec::Grade::fitted) continue;
    const double value =
        time ? (changed.*number.time).value->in_base() : *(changed.*number.number).value;
    const std::string text = three_digits_of(value, time);
    if (stack.name == spec::common_stack) {
      entry.put("", number.key, text);
    } else {
      const auto own = numbers.unknowns.own_of_stack(number.key, stack.name, numbers.fitted.x);
      entry.put_own(number.key, text, own && std::abs(*own) >= own_least);
    }
  }
}

void write_spreads(const Intervals& intervals, EntryWriter& entry) {
  for (const bool known : {false, true}) {
    const char* table = known ? "spread_known" : "spread";
    for (const bool experts : {false, true}) {
      const Spread spread = intervals.at(known, experts, true);
      const char* kind = experts ? "experts" : "dense";
      entry.put(table, fmt::format("{}_low", kind), number_text(spread.low));
      entry.put(table, fmt::format("{}_high", kind), number_text(spread.high));
    }
    entry.put(table, "incomplete", number_text(intervals.incomplete));
  }
}

void write_chip(const spec::Chip& chip, const FittedNumbers& numbers, EntryWriter& entry) {
  spec::Chip changed = chip;
  spec::Stack stack;
  spec::Cluster cluster;
  numbers.apply(stack, changed, cluster);
  for (int i = 0; i < spec::precision_count; ++i) {
    const auto& rate = changed.sustained[static_cast<std::size_t>(i)];
    if (!rate.known()) continue;
    entry.put("sustained", spec::name_of(static_cast<spec::Precision>(i)),
              fmt::format("\"{} TFLOP/s\"", number_text(rate.value->in_base() / 1e12)));
  }
  entry.put("memory", "bandwidth_share", number_text(*changed.memory_bandwidth_share.value));
  entry.put("host", "launch_time", number_text(*changed.host_speed.value));
}

void write_cluster(const spec::Cluster& cluster, const FittedNumbers& numbers, EntryWriter& entry) {
  spec::Cluster changed = cluster;
  spec::Stack stack;
  spec::Chip chip;
  numbers.apply(stack, chip, changed);
  for (const spec::Tier& tier : changed.tiers) {
    if (tier.share.grade == spec::Grade::fitted) {
      entry.put("tier", "share", number_text(*tier.share.value));
    }
    if (tier.latency.grade == spec::Grade::fitted) {
      entry.put("tier", "latency",
                fmt::format("\"{} us\"", number_text(tier.latency.value->in_base() * 1e6)));
    }
  }
}

}  // namespace

std::string three_digits_of(double value, bool time) {
  return time ? fmt::format("\"{} ms\"", number_text(value * 1e3)) : number_text(value);
}

bool replace_fitted(std::string& toml, const std::string& table, const std::string& key,
                    const std::string& value) {
  std::vector<std::string> lines = lines_of(toml);
  std::string at;
  bool found = false;
  for (std::string& line : lines) {
    at = table_of(line, at);
    const bool right = at == table && line.starts_with(key + " = {") &&
                       line.find("grade = \"fitted\"") != std::string::npos;
    if (!right) continue;
    const std::size_t is = line.find("is = ");
    if (is == std::string::npos) continue;
    const std::size_t from = is + 5;
    // A text may hold a comma; a number ends at the first.
    const std::size_t quote = line[from] == '"' ? line.find('"', from + 1) : from;
    const std::size_t to = line.find(',', quote);
    if (to == std::string::npos) continue;
    line.replace(from, to - from, value);
    found = true;
  }
  if (found) toml = joined(lines);
  return found;
}

Result<std::vector<WrittenNumber>> write_numbers(Files& files, const std::string& folder,
                                                 const FittedNumbers& numbers,
                                                 const Intervals& intervals) {
  const spec::Catalog catalog(files, {folder});
  std::vector<WrittenNumber> all;
  for (const Kind kind : {Kind::stack, Kind::chip, Kind::cluster}) {
    for (const std::string& name : catalog.names(kind)) {
      const std::string file = fmt::format("{}/{}.toml", spec::folder_of(kind), name);
      const std::string path = fmt::format("{}/{}", folder, file);
      if (!files.exists(path)) continue;
      ASSIGN_OR_RETURN(std::string toml, files.read(path));
      EntryWriter entry(file, toml);
      if (kind == Kind::stack) {
        ASSIGN_OR_RETURN(const spec::Stack stack, catalog.stack(name));
        write_stack(stack, numbers, entry);
        if (name == spec::common_stack) write_spreads(intervals, entry);
      } else if (kind == Kind::chip) {
        ASSIGN_OR_RETURN(const spec::Chip chip, catalog.chip(name));
        write_chip(chip, numbers, entry);
      } else {
        ASSIGN_OR_RETURN(const spec::Cluster cluster, catalog.cluster(name));
        write_cluster(cluster, numbers, entry);
      }
      if (entry.toml() == toml) continue;
      RETURN_IF_ERROR(files.write(path, entry.toml()));
      all.insert(all.end(), entry.written().begin(), entry.written().end());
    }
  }
  return all;
}

}  // namespace celere::study
