// What the sources give: documents, and what becomes of those that are not used.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "spec/data.hpp"
#include "tokens/hash.hpp"

namespace celere::tokens {

struct Document {
  std::uint32_t source = 0;
  std::uint64_t ordinal = 0;  // among those of all sources, as they were read
  // Documents of one key go to the same side, training or validation; 0: by their own text.
  std::uint64_t key = 0;
  bool always_trained = false;
  std::vector<std::string> questions;  // phrasings of one question; none: plain text
  std::string text;                    // or the answer
  std::string about;  // read by the filters beside the text, then forgotten: a word's definition
};

// By what it is compared with others: all its text.
Hash128 hash_of(const Document& document, std::uint64_t seed);

enum class Dropped {
  empty,
  not_utf8,       // or with a NUL in it
  line_too_long,  // over line_bytes_max
  not_json,
  missing_field,
  too_short,
  too_long,
  few_letters,
  listed_word,
  duplicate,
};
inline constexpr std::size_t dropped_count = 10;
const char* name_of(Dropped reason);  // "not_utf8"

struct Counts {
  std::uint64_t kept = 0;
  std::array<std::uint64_t, dropped_count> dropped{};

  void drop(Dropped reason) { ++dropped[static_cast<std::size_t>(reason)]; }
  std::uint64_t of(Dropped reason) const { return dropped[static_cast<std::size_t>(reason)]; }
  std::uint64_t all_dropped() const;
  void add(const Counts& other);
};

// Words as whole words, whatever their case; a line of the list may be several words in a row.
class WordList {
 public:
  // One a line; empty lines and those that begin with # are passed over.
  explicit WordList(std::string_view list);
  bool empty() const { return words_.empty(); }
  bool in(std::string_view text) const;

 private:
  std::vector<std::string> words_;  // normalised: " several words "
};

class Filters {
 public:
  // Errors: of the word list's file.
  static Result<Filters> make(const Files& files, const spec::DataFilters& wish);
  // Why a document is not used; nothing where it is.
  std::optional<Dropped> reason(const Document& document) const;
  std::uint64_t length_max() const { return length_max_; }  // bytes

 private:
  Filters(const spec::DataFilters& wish, WordList words);
  std::uint64_t length_min_, length_max_;
  double letters_min_;
  WordList words_;
};

// A document as bytes, appended, and back. Errors: corrupt.
void write_document(const Document& document, std::string& bytes);
Result<Document> read_document(std::string_view& bytes);  // and moves past it

}  // namespace celere::tokens
