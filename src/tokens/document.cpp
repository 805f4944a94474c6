#include "tokens/document.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "tokens/unicode.hpp"

namespace celere::tokens {
namespace {

// A document is held in memory whole, and so is what it becomes.
constexpr double length_max_default = 64e6;

// Lower case, each run of what is no letter, digit or byte beyond ASCII one space, a space at both
// ends.
std::string in_words(std::string_view text) {
  std::string words = " ";
  words.reserve(text.size() + 2);
  for (const char c : text) {
    const char low = lower_ascii(c);
    const bool of_word = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9') ||
                         static_cast<unsigned char>(low) >= 0x80;
    if (of_word) {
      words += low;
    } else if (words.back() != ' ') {
      words += ' ';
    }
  }
  if (words.back() != ' ') words += ' ';
  return words;
}

void put(std::string& bytes, std::uint64_t number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}
void put(std::string& bytes, std::string_view text) {
  put(bytes, std::uint64_t{text.size()});
  bytes += text;
}

bool take(std::string_view& bytes, std::uint64_t& number) {
  if (bytes.size() < sizeof number) return false;
  std::memcpy(&number, bytes.data(), sizeof number);
  bytes.remove_prefix(sizeof number);
  return true;
}
bool take(std::string_view& bytes, std::string& text) {
  std::uint64_t size = 0;
  if (!take(bytes, size) || bytes.size() < size) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

std::uint64_t whole(const std::optional<Bytes>& bytes, double otherwise) {
  return static_cast<std::uint64_t>(bytes ? bytes->in_base() : otherwise);
}

}  // namespace

Hash128 hash_of(const Document& document, std::uint64_t seed) {
  if (document.questions.empty()) return hash128(document.text, seed);
  std::string all;
  for (const std::string& question : document.questions) put(all, question);
  put(all, document.text);
  return hash128(all, seed);
}

const char* name_of(Dropped reason) {
  static constexpr std::array<const char*, dropped_count> names = {
      "empty",     "not_utf8", "line_too_long", "not_json",    "missing_field",
      "too_short", "too_long", "few_letters",   "listed_word", "duplicate"};
  return names[static_cast<std::size_t>(reason)];
}

std::uint64_t Counts::all_dropped() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

void Counts::add(const Counts& other) {
  kept += other.kept;
  for (std::size_t i = 0; i < dropped_count; ++i) dropped[i] += other.dropped[i];
}

WordList::WordList(std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find('\n'), list.size());
    const std::string_view line = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (line.empty() || line.front() == '#') continue;
    std::string words = in_words(line);
    if (words.size() > 1) words_.push_back(std::move(words));
  }
  std::sort(words_.begin(), words_.end());
  words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
}

bool WordList::in(std::string_view text) const {
  if (words_.empty()) return false;
  const std::string words = in_words(text);
  // At each word of the text: the entries that begin as it does stand in a row of the sorted list.
  for (std::size_t at = 0; at + 1 < words.size(); at = words.find(' ', at + 1)) {
    const std::string_view rest = std::string_view(words).substr(at);
    const std::string_view first = rest.substr(0, rest.find(' ', 1) + 1);
    for (auto entry = std::lower_bound(words_.begin(), words_.end(), first);
         entry != words_.end() && entry->starts_with(first); ++entry) {
      if (rest.starts_with(*entry)) return true;
    }
  }
  return false;
}

Filters::Filters(const spec::DataFilters& wish, WordList words)
    : length_min_(whole(wish.length_min, 0)),
      length_max_(whole(wish.length_max, length_max_default)),
      letters_min_(wish.letters_min),
      words_(std::move(words)) {}

Result<Filters> Filters::make(const Files& files, const spec::DataFilters& wish) {
  std::string list;
  if (!wish.words.empty()) {
    ASSIGN_OR_RETURN(list, files.read(wish.words));
  }
  return Filters(wish, WordList(list));
}

std::optional<Dropped> Filters::reason(const Document& document) const {
  if (trimmed(document.text).empty()) return Dropped::empty;
  std::string all;
  for (const std::string& question : document.questions) all += question + "\n";
  if (!all.empty()) all += document.text + "\n" + document.about;
  const std::string_view text = all.empty() ? document.text : all;
  if (text.size() > length_max_) return Dropped::too_long;
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) return Dropped::not_utf8;
  if (document.text.size() < length_min_) return Dropped::too_short;
  if (letters_min_ > 0 && letter_share(text) < letters_min_) return Dropped::few_letters;
  if (words_.in(text)) return Dropped::listed_word;
  return std::nullopt;
}

void write_document(const Document& document, std::string& bytes) {
  put(bytes, std::uint64_t{document.source});
  put(bytes, document.ordinal);
  put(bytes, document.key);
  put(bytes, std::uint64_t{document.always_trained});
  put(bytes, std::uint64_t{document.questions.size()});
  for (const std::string& question : document.questions) put(bytes, question);
  put(bytes, document.text);
  put(bytes, document.about);
}

Result<Document> read_document(std::string_view& bytes) {
  Document document;
  std::uint64_t source = 0, always = 0, questions = 0;
  bool fine = take(bytes, source) && take(bytes, document.ordinal) && take(bytes, document.key) &&
              take(bytes, always) && take(bytes, questions) && questions <= bytes.size();
  for (std::uint64_t i = 0; fine && i < questions; ++i) {
    fine = take(bytes, document.questions.emplace_back());
  }
  if (!fine || !take(bytes, document.text) || !take(bytes, document.about)) {
    return Error{ErrorCode::corrupt, "a document in it is cut short", {}};
  }
  document.source = static_cast<std::uint32_t>(source);
  document.always_trained = always != 0;
  return document;
}

}  // namespace celere::tokens
