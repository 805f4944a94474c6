#include "tokens/wordnet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "tokens/unicode.hpp"

namespace celere::tokens {
namespace {

constexpr std::array<const char*, part_count> part_files = {"noun", "verb", "adj", "adv"};

// Fields parted by single spaces.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}
  std::string_view text() {
    while (text_.starts_with(' ')) text_.remove_prefix(1);
    const std::size_t end = std::min(text_.find(' '), text_.size());
    const std::string_view field = text_.substr(0, end);
    text_.remove_prefix(end);
    if (field.empty()) failed_ = true;
    return field;
  }
  template <typename Number>
  Number number(int base = 10) {
    Number value = 0;
    const std::string_view field = text();
    const auto [end, error] =
        std::from_chars(field.data(), field.data() + field.size(), value, base);
    if (error != std::errc{} || end != field.data() + field.size()) failed_ = true;
    return value;
  }
  bool failed() const { return failed_; }

 private:
  std::string_view text_;
  bool failed_ = false;
};

std::optional<Part> part_of(std::string_view letter) {
  if (letter == "n") return Part::noun;
  if (letter == "v") return Part::verb;
  if (letter == "a" || letter == "s") return Part::adjective;
  if (letter == "r") return Part::adverb;
  return std::nullopt;
}

std::string with_spaces(std::string_view word) {
  std::string text(word);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

// "ready(p)" is an adjective with a mark of where it may stand.
std::string_view without_mark(std::string_view word) {
  for (const std::string_view mark : {"(a)", "(p)", "(ip)"}) {
    if (word.ends_with(mark)) word.remove_suffix(mark.size());
  }
  return word;
}

// A gloss is a definition, then examples in quotes behind a semicolon or a colon.
void read_gloss(std::string_view gloss, Synset& synset) {
  const auto next_example = [&gloss](std::size_t from) {
    return std::min(gloss.find("; \"", from), gloss.find(": \"", from));
  };
  std::size_t at = next_example(0);
  std::string_view definition = trimmed(gloss.substr(0, at));
  if (definition.starts_with('"')) definition = {};
  while (definition.ends_with(';') || definition.ends_with(':')) {
    definition = trimmed(definition.substr(0, definition.size() - 1));
  }
  synset.definition = definition;
  while (at != std::string_view::npos) {
    const std::size_t begin = at + 3;
    const std::size_t end = gloss.find('"', begin);
    if (end == std::string_view::npos) break;
    synset.examples.emplace_back(trimmed(gloss.substr(begin, end - begin)));
    at = next_example(end);
  }
}

std::uint64_t place(Part part, std::uint32_t offset) {
  return (std::uint64_t{static_cast<std::uint32_t>(part)} << 32) | offset;
}

Error corrupt_line(const std::string& path, int line, const std::string& why) {
  return {ErrorCode::corrupt, fmt::format("{}:{}: {}", path, line, why), {}};
}

// Calls the function with each line that is none of the licence (those begin with two spaces).
template <typename Function>
Status each_line(const std::string& path, std::string_view content, Function function) {
  int number = 0;
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size());
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(std::min(end + 1, content.size()));
    ++number;
    if (line.empty() || line.starts_with("  ")) continue;
    Status status = function(line);
    if (!status.ok()) return corrupt_line(path, number, status.error().message);
  }
  return Done{};
}

Error wrong_line() { return {ErrorCode::corrupt, "is no line of WordNet", {}}; }

using CountBySense = std::unordered_map<std::string, std::int64_t>;

std::string sense_of(std::string_view lemma, Part part) {
  return fmt::format("{}%{}", lemma, static_cast<int>(part));
}

// "violin%1:06:00:: 1 3": the key of a sense, its number among those of the lemma, its count.
Status read_count(std::string_view line, CountBySense& counts) {
  Fields fields(line);
  const std::string_view key = fields.text();
  const int number = fields.number<int>();
  const auto count = fields.number<std::int64_t>();
  const std::size_t percent = key.find('%');
  if (fields.failed() || percent == std::string_view::npos || percent + 1 >= key.size()) {
    return wrong_line();
  }
  const char type = key[percent + 1];
  if (number != 1 || type < '1' || type > '5') return Done{};
  const Part part = type == '5' ? Part::adjective : static_cast<Part>(type - '1');
  counts[sense_of(key.substr(0, percent), part)] = count;
  return Done{};
}

// "violin n 1 4 @ ~ %p + 1 1 04536866": of an index, its first sense.
Result<Word> read_index(std::string_view line, Part part, const CountBySense& counts) {
  Fields fields(line);
  const std::string_view lemma = fields.text();
  fields.text();
  fields.text();
  const int symbols = fields.number<int>();
  for (int i = 0; i < symbols && !fields.failed(); ++i) fields.text();
  fields.text();
  fields.text();
  Word word{.lemma = with_spaces(lemma), .part = part, .offset = fields.number<std::uint32_t>()};
  if (fields.failed()) return wrong_line();
  const auto found = counts.find(sense_of(lemma, part));
  if (found != counts.end()) word.count = found->second;
  return word;
}

}  // namespace

Result<Synset> parse_synset(std::string_view line) {
  const std::size_t bar = line.find(" | ");
  Fields fields(line.substr(0, bar));
  Synset synset;
  fields.text();  // its own offset
  synset.file = fields.number<int>();
  fields.text();  // its kind
  const int words = fields.number<int>(16);
  for (int i = 0; i < words && !fields.failed(); ++i) {
    synset.words.push_back(with_spaces(without_mark(fields.text())));
    fields.text();  // tells apart the senses of one spelling
  }
  const int pointers = fields.number<int>();
  for (int i = 0; i < pointers && !fields.failed(); ++i) {
    Pointer pointer{.symbol = std::string(fields.text())};
    pointer.offset = fields.number<std::uint32_t>();
    const std::optional<Part> part = part_of(fields.text());
    const int both = fields.number<int>(16);
    if (!part) return wrong_line();
    pointer.part = *part;
    pointer.from = both / 256;
    pointer.to = both % 256;
    synset.pointers.push_back(std::move(pointer));
  }
  if (fields.failed() || bar == std::string_view::npos || synset.words.empty()) {
    return wrong_line();
  }
  read_gloss(line.substr(bar + 3), synset);
  return synset;
}

Result<WordNet> WordNet::read(const Files& files, const std::string& folder, bool nouns_only) {
  WordNet net;
  const std::string counts_path = folder + "/cntlist.rev";
  ASSIGN_OR_RETURN(const std::string counts_text, files.read(counts_path));
  CountBySense counts;
  RETURN_IF_ERROR(each_line(counts_path, counts_text,
                            [&counts](std::string_view line) { return read_count(line, counts); }));
  for (int i = 0; i < (nouns_only ? 1 : part_count); ++i) {
    const auto part = static_cast<Part>(i);
    const std::string index_path = fmt::format("{}/index.{}", folder, part_files[std::size_t(i)]);
    ASSIGN_OR_RETURN(const std::string index, files.read(index_path));
    RETURN_IF_ERROR(each_line(index_path, index, [&](std::string_view line) -> Status {
      ASSIGN_OR_RETURN(Word word, read_index(line, part, counts));
      net.words_.push_back(std::move(word));
      return Done{};
    }));
    const std::string data_path = fmt::format("{}/data.{}", folder, part_files[std::size_t(i)]);
    ASSIGN_OR_RETURN(const std::string data, files.read(data_path));
    RETURN_IF_ERROR(each_line(data_path, data, [&](std::string_view line) -> Status {
      Fields fields(line);
      const auto offset = fields.number<std::uint32_t>();
      ASSIGN_OR_RETURN(Synset synset, parse_synset(line));
      if (fields.failed()) return wrong_line();
      net.synsets_.emplace(place(part, offset), std::move(synset));
      return Done{};
    }));
  }
  return net;
}

const Synset* WordNet::synset(Part part, std::uint32_t offset) const {
  const auto found = synsets_.find(place(part, offset));
  return found == synsets_.end() ? nullptr : &found->second;
}

}  // namespace celere::tokens
