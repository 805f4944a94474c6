// WordNet's data files (Princeton; Debian's wordnet-base), as its manual page wndb(5) describes
// them: index.POS names the senses of a lemma, most used first; data.POS has the synsets, each at
// the byte that is its number; cntlist.rev counts how often the tagged texts use a sense.
//
// Only the first sense of a word is read here: it is what people mean most of the time.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"

namespace celere::tokens {

enum class Part { noun, verb, adjective, adverb };
inline constexpr int part_count = 4;

struct Pointer {
  std::string symbol;  // "@" is a kind of, "@i" an instance of, "!" the opposite of
  Part part = Part::noun;
  std::uint32_t offset = 0;  // of the other synset
  int from = 0, to = 0;      // numbers of the words, from 1; 0: the synsets as wholes
};

struct Synset {
  int file = 0;                    // of the lexicographers: 27 is noun.substance
  std::vector<std::string> words;  // as written, with spaces
  std::vector<Pointer> pointers;
  std::string definition;
  std::vector<std::string> examples;
};

// One word in its first sense.
struct Word {
  std::string lemma;  // "hot dog", in lower case
  Part part = Part::noun;
  std::uint32_t offset = 0;  // of the synset
  std::int64_t count = 0;    // of this sense in the tagged texts
};

class WordNet {
 public:
  // Errors: not_found, corrupt (with file and line).
  static Result<WordNet> read(const Files& files, const std::string& folder, bool nouns_only);

  // By part, then in the order of the index.
  const std::vector<Word>& words() const { return words_; }
  const Synset* synset(Part part, std::uint32_t offset) const;

 private:
  std::vector<Word> words_;
  std::unordered_map<std::uint64_t, Synset> synsets_;  // by part and offset
};

// One line of a data file. Errors: corrupt.
Result<Synset> parse_synset(std::string_view line);

}  // namespace celere::tokens
