// The [data] table of the run file: from which texts a corpus is made, and how. docs/run-file.md
// documents every key, docs/data.md the corpus.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "spec/toml_reader.hpp"

namespace celere::spec {

enum class SourceKind { text, jsonl, wordnet };
const char* name_of(SourceKind kind);

// What one document of a text source is.
enum class TextUnit { file, paragraph, line };

// What is asked about a word of WordNet.
enum class Question { what_is, define, kind_of, synonym, opposite, example };
inline constexpr int question_count = 6;
const char* name_of(Question question);

struct WordNetChoice {
  bool nouns_only = false;
  std::int64_t count_min = 0;       // how often a text of the tagged corpora has the word so
  std::vector<std::string> words;   // whatever their count; never held out
  std::vector<Question> questions;  // ascending
  int phrasings = 1;                // of each question; as many editions
};

struct DataSource {
  std::string name;  // of the files of the corpus
  SourceKind kind = SourceKind::text;
  std::vector<std::string> files;  // files, folders, globs; wordnet: its folder
  TextUnit unit = TextUnit::file;
  std::string field;                 // jsonl: of the text
  std::string question, answer;      // jsonl: or of these two
  std::optional<double> weight;      // share of the samples, with those of the others
  std::optional<double> validation;  // share of its documents; empty: that of the table
  WordNetChoice wordnet;
};

struct DataFilters {
  std::optional<Bytes> length_min;
  std::optional<Bytes> length_max;
  double letters_min = 0;  // share of the characters that are no white space
  std::string words;       // a file of words, one a line; empty: none
};

enum class TokenizerKind { bpe, unigram };

struct TokenizerWish {
  std::string file;  // a sentencepiece model; empty: one is trained
  TokenizerKind kind = TokenizerKind::bpe;
  int vocabulary = 4096;
  Bytes sample = Bytes::of(10e6);
};

enum class DataPacking { cut, whole };
enum class DataLoss { all, answers };

struct DataSpec {
  std::vector<DataSource> sources;
  TokenizerWish tokenizer;
  DataFilters filters;
  std::string folder;  // of the corpus; empty: data/NAME
  std::uint64_t seed = 0;
  double validation = 0.01;
  Bytes shard = Bytes::of(1e9);
  DataPacking packing = DataPacking::cut;
  DataLoss loss_on = DataLoss::all;
  DataLoss validation_loss_on = DataLoss::all;  // loss_on where the file does not say
};

// Mistakes are noted in the document.
DataSpec read_data(const TomlTable& table);

// Where the corpus of a run stands: its own folder, or data/NAME with the name in lower case and a
// dash for whatever is no letter or digit.
std::string corpus_folder(const DataSpec& data, const std::string& run_name);

}  // namespace celere::spec
