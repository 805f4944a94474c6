#include "tokens/questions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tokens/unicode.hpp"

namespace celere::tokens {
namespace {

using spec::Question;

// The lexicographers' files that matter here.
enum File { act = 4, attribute = 7, cognition = 9, feeling = 12, food = 13, motive = 16 };
enum MoreFiles { person = 18, phenomenon = 19, possession = 21, process = 22 };
enum LastFiles { state = 26, substance = 27 };

bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(),
                     [text](std::string_view start) { return text.starts_with(start); });
}
bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(),
                     [text](std::string_view end) { return text.ends_with(end); });
}
bool is_any(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  return text;
}

// As a sentence: a capital first, a full stop last.
std::string sentence(std::string_view text) {
  std::string out = capitalised(std::string(text));
  if (!out.empty() && !ends_with_any(out, {".", "!", "?"})) out += '.';
  return out;
}

const Pointer* pointer(const Synset& synset, std::string_view symbol) {
  for (const Pointer& one : synset.pointers) {
    if (one.symbol == symbol) return &one;
  }
  return nullptr;
}

const Synset* parent(const WordNet& net, const Synset& synset) {
  const Pointer* up = pointer(synset, "@");
  return up == nullptr ? nullptr : net.synset(up->part, up->offset);
}

// Kinds of food that come as pieces.
bool is_piece_of_food(const WordNet& net, const Synset& synset) {
  const Synset* at = &synset;
  for (int steps = 0; at != nullptr && steps < 12; ++steps, at = parent(net, *at)) {
    if (is_any(at->words.front(),
               {"fruit", "edible fruit", "vegetable", "dish", "cake", "cookie", "sandwich", "meal",
                "course", "egg", "nut", "loaf of bread", "candy bar", "pie", "bun"})) {
      return true;
    }
  }
  return false;
}

// "judgment" of "judgment on the merits".
std::string_view head_of(std::string_view noun) {
  std::size_t end = noun.size();
  for (const std::string_view link : {" of ", " on ", " in ", " for ", " to ", " at ", "-in-"}) {
    end = std::min(end, noun.find(link));
  }
  return noun.substr(0, end);
}

// "genus Rosa", "family Rosaceae": names of groups of living things.
bool is_taxon(std::string_view noun) {
  return begins_with_any(noun, {"genus ", "family ", "order ", "class ", "phylum ", "subfamily ",
                                "suborder ", "superfamily ", "division ", "kingdom "}) &&
         is_upper(noun[noun.find(' ') + 1]);
}

bool is_plural(std::string_view name) {
  const std::string_view noun = head_of(name);
  if (!noun.ends_with('s') || noun.size() < 4) return false;
  if (ends_with_any(noun, {"ss", "us", "is", "as", "os", "ys"})) return false;
  return !ends_with_any(noun, {"lens", "series", "species", "means", "headquarters", "crossroads",
                               "gallows", "barracks", "news", "ics", "Mars", "measles", "rabies",
                               "diabetes", "molasses", "billiards", "checkers", "chess"});
}

// Whatever its definition says.
bool is_always_mass(std::string_view noun) {
  return ends_with_any(
      noun, {"ics",      "ology",    "software",    "hardware",  "furniture", "equipment",
             "clothing", "jewelry",  "machinery",   "luggage",   "news",      "measles",
             "rabies",   "diabetes", "molasses",    "billiards", "checkers",  "chess",
             "music",    "weather",  "information", "knowledge", "traffic"});
}

// A definition that says that there are several: "a flaw", but not "a state in which ...".
bool defines_one(std::string_view definition) {
  return begins_with_any(definition, {"a ", "an ", "any ", "one "}) &&
         !begins_with_any(definition, {"a state", "a feeling", "an emotion", "a quality",
                                       "a condition", "a strong feeling", "a general"});
}

// "a violin", "water", "scissors", "Paris".
std::string in_use(const WordNet& net, const Synset& synset, const std::string& noun) {
  return noun_use(net, synset, noun) == NounUse::counted ? with_article(noun) : noun;
}

std::vector<std::string> first(std::vector<std::string> phrasings, int count) {
  if (phrasings.size() > static_cast<std::size_t>(count)) {
    phrasings.resize(static_cast<std::size_t>(count));
  }
  return phrasings;
}

bool is_person(const Synset& synset) {
  return synset.file == person && pointer(synset, "@i") != nullptr;
}

Asked what_is(const WordNet& net, const Synset& synset, const std::string& word) {
  const NounUse use = noun_use(net, synset, word);
  const std::string thing = in_use(net, synset, word);
  const char* are = use == NounUse::plural ? "are" : "is";
  const char* what = is_person(synset) ? "who" : "what";
  const char* does = use == NounUse::plural ? "do" : "does";
  Asked asked;
  asked.questions = {fmt::format("{} {} {}?", capitalised(what), are, thing),
                     fmt::format("Define {}.", word), fmt::format("What {} {} mean?", does, word),
                     fmt::format("Tell me {} {} {}.", what, thing, are)};
  asked.answer = sentence(synset.definition);
  return asked;
}

Asked define(const Synset& synset, const std::string& word, Part part) {
  const std::string to = part == Part::verb ? "to " : "";
  return {.questions = {fmt::format("Define {}{}.", to, word),
                        part == Part::verb ? fmt::format("What does it mean to {}?", word)
                                           : fmt::format("What does {} mean?", word),
                        fmt::format("What is the meaning of {}{}?", to, word),
                        fmt::format("Give the definition of {}{}.", to, word)},
          .answer = sentence(to + synset.definition)};
}

std::optional<Asked> kind_of(const WordNet& net, const Synset& synset, const std::string& word) {
  const Synset* up = parent(net, synset);
  if (up == nullptr) return std::nullopt;
  const NounUse use = noun_use(net, synset, word);
  const std::string thing = in_use(net, synset, word);
  const char* are = use == NounUse::plural ? "are" : "is";
  return Asked{
      .questions = {fmt::format("What kind of thing {} {}?", are, thing),
                    fmt::format("What {} {} a kind of?", are, thing),
                    fmt::format("What sort of thing {} {}?", are, thing),
                    fmt::format("To which kind of things does {} belong?", thing)},
      .answer = fmt::format("{} {} a kind of {}.", capitalised(thing), are, up->words.front())};
}

std::optional<Asked> synonym(const Synset& synset, const std::string& word) {
  std::string others;
  for (const std::string& other : synset.words) {
    if (other != word) others += (others.empty() ? "" : " or ") + other;
  }
  if (others.empty()) return std::nullopt;
  return Asked{.questions = {fmt::format("What is another word for {}?", word),
                             fmt::format("Give a synonym of {}.", word),
                             fmt::format("Which word means the same as {}?", word),
                             fmt::format("How else can one say {}?", word)},
               .answer = sentence(others)};
}

std::optional<Asked> opposite(const WordNet& net, const Synset& synset, const std::string& word) {
  for (const Pointer& one : synset.pointers) {
    if (one.symbol != "!" || one.from < 1 || one.to < 1) continue;
    const auto from = static_cast<std::size_t>(one.from), to = static_cast<std::size_t>(one.to);
    const Synset* other = net.synset(one.part, one.offset);
    if (other == nullptr || from > synset.words.size() || to > other->words.size()) continue;
    if (synset.words[from - 1] != word) continue;
    return Asked{.questions = {fmt::format("What is the opposite of {}?", word),
                               fmt::format("Give an antonym of {}.", word),
                               fmt::format("Which word means the contrary of {}?", word),
                               fmt::format("Name the opposite of {}.", word)},
                 .answer = sentence(other->words[to - 1])};
  }
  return std::nullopt;
}

// The first example in which the word stands as it is.
std::optional<Asked> example(const Synset& synset, const std::string& word) {
  for (const std::string& one : synset.examples) {
    const std::size_t at = one.find(word);
    if (at == std::string::npos) continue;
    const std::size_t end = at + word.size();
    const auto is_letter = [](char c) { return lower_ascii(c) >= 'a' && lower_ascii(c) <= 'z'; };
    if ((at > 0 && is_letter(one[at - 1])) || (end < one.size() && is_letter(one[end]))) continue;
    return Asked{.questions = {fmt::format("Use {} in a sentence.", word),
                               fmt::format("Give an example of how to use {}.", word),
                               fmt::format("How is {} used?", word),
                               fmt::format("Write a sentence with {}.", word)},
                 .answer = sentence(one)};
  }
  return std::nullopt;
}

}  // namespace

std::string spelling(const Synset& synset, const std::string& lemma) {
  for (const std::string& word : synset.words) {
    if (std::equal(word.begin(), word.end(), lemma.begin(), lemma.end(),
                   [](char a, char b) { return lower_ascii(a) == b; })) {
      return word;
    }
  }
  return lemma;
}

NounUse noun_use(const WordNet& net, const Synset& synset, const std::string& noun) {
  if (pointer(synset, "@i") != nullptr) return NounUse::name;
  const std::string last = noun.substr(noun.rfind(' ') + 1);
  if (is_taxon(noun)) return NounUse::name;
  if (is_plural(noun)) return NounUse::plural;
  // A capital: a name of one thing or of a group of living things; "American" is counted.
  const bool one_letter_more = noun.size() > 1 && !is_upper(noun[1]);
  if (is_upper(noun[0]) && one_letter_more && synset.file != person) return NounUse::name;
  if (is_always_mass(last)) return NounUse::mass;
  const bool one = defines_one(synset.definition);
  if (ends_with_any(last, {"ness", "ism"}) && !one) return NounUse::mass;
  switch (synset.file) {
    case substance:
    case feeling:
      return NounUse::mass;
    case food:
      return is_piece_of_food(net, synset) ? NounUse::counted : NounUse::mass;
    case act:
    case attribute:
    case cognition:
    case motive:
    case phenomenon:
    case possession:
    case process:
    case state:
      return one ? NounUse::counted : NounUse::mass;
    default:
      return NounUse::counted;
  }
}

std::string with_article(const std::string& noun) {
  const char first_letter = lower_ascii(noun.empty() ? 'x' : noun[0]);
  bool an = std::string_view("aeiou").find(first_letter) != std::string_view::npos;
  const bool spelled_out =  // "an X-ray", "an FBI agent": letter by letter
      !noun.empty() && is_upper(noun[0]) &&
      (noun.size() == 1 || !(noun[1] >= 'a' && noun[1] <= 'z'));
  if (spelled_out) {
    an = std::string_view("AEFHILMNORSX").find(noun[0]) != std::string_view::npos;
  } else if (begins_with_any(noun, {"uni", "Uni", "use", "usu", "eu", "Eu", "ewe", "one", "once",
                                    "utensil", "utili", "uter", "uke", "ura", "uri", "ufo"})) {
    an = begins_with_any(noun, {"unin", "unim", "unid"});
  } else if (begins_with_any(noun, {"hour", "honor", "honest", "heir"})) {
    an = true;
  }
  return (an ? "an " : "a ") + noun;
}

std::optional<Asked> ask(const WordNet& net, const Word& word, Question question, int phrasings) {
  const Synset* synset = net.synset(word.part, word.offset);
  if (synset == nullptr) return std::nullopt;
  const std::string written = spelling(*synset, word.lemma);
  const bool noun = word.part == Part::noun;
  std::optional<Asked> asked;
  switch (question) {
    case Question::what_is:
      if (noun && !synset->definition.empty()) asked = what_is(net, *synset, written);
      break;
    case Question::define:
      if (!noun && !synset->definition.empty()) asked = define(*synset, written, word.part);
      break;
    case Question::kind_of:
      if (noun) asked = kind_of(net, *synset, written);
      break;
    case Question::synonym:
      asked = synonym(*synset, written);
      break;
    case Question::opposite:
      asked = opposite(net, *synset, written);
      break;
    case Question::example:
      asked = example(*synset, written);
      break;
  }
  if (asked) asked->questions = first(std::move(asked->questions), phrasings);
  return asked;
}

}  // namespace celere::tokens
