#include "spec/data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.hpp"

namespace celere::spec {
namespace {

const std::vector<std::string> source_kinds = {"text", "jsonl", "wordnet"};
const std::vector<std::string> question_names = {"what-is", "define",   "kind-of",
                                                 "synonym", "opposite", "example"};
const std::vector<std::string> loss_names = {"all", "answers"};
constexpr int phrasings_max = 4;

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

bool is_file_name(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

WordNetChoice read_wordnet(const TomlTable& table) {
  WordNetChoice choice;
  choice.nouns_only = table.choice("parts", {"all", "nouns"}, 0) == 1;
  choice.count_min = table.integer_or("count_min", 0);
  choice.words = table.texts("words");
  choice.phrasings = static_cast<int>(table.integer_or("phrasings", 1, 1, phrasings_max));
  std::set<Question> questions;
  for (const std::string& name : table.texts("questions")) {
    const auto found = std::find(question_names.begin(), question_names.end(), name);
    if (found == question_names.end()) {
      table.mistake("questions", fmt::format("\"{}\" is no question; they are {}", name,
                                             list_of(question_names)));
      continue;
    }
    questions.insert(static_cast<Question>(found - question_names.begin()));
  }
  choice.questions.assign(questions.begin(), questions.end());
  if (!table.has("questions")) choice.questions = {Question::what_is};
  if (choice.questions.empty()) table.mistake("questions", "names no question");
  return choice;
}

// The keys of one kind are asked for where the source is of that kind, so that they are refused
// elsewhere.
DataSource read_source(const TomlTable& table, std::size_t number) {
  DataSource source;
  source.name = table.text_or("name", fmt::format("source-{}", number));
  if (!is_file_name(source.name)) {
    table.mistake(
        "name", fmt::format("\"{}\" must be letters, digits, dashes and underscores", source.name));
  }
  source.kind = static_cast<SourceKind>(table.choice("kind", source_kinds, 0));
  source.files = table.texts("files");
  if (table.has("weight")) {
    source.weight = table.number("weight", 0, 1e9);
    if (!(*source.weight > 0)) table.mistake("weight", "must be more than 0");
  }
  if (table.has("validation")) source.validation = table.number("validation", 0, 0.9);
  switch (source.kind) {
    case SourceKind::text:
      source.unit =
          static_cast<TextUnit>(table.choice("documents", {"file", "paragraph", "line"}, 0));
      break;
    case SourceKind::jsonl:
      source.field = table.text_or("field", "");
      source.question = table.text_or("question", "");
      source.answer = table.text_or("answer", "");
      if (source.question.empty() != source.answer.empty()) {
        table.mistake("question", "and answer belong together");
      } else if (source.question.empty() == source.field.empty()) {
        table.mistake("field", "give the field of the text, or those of question and answer");
      }
      break;
    case SourceKind::wordnet:
      source.wordnet = read_wordnet(table);
      if (source.files.empty()) source.files = {"/usr/share/wordnet"};
      if (source.files.size() > 1) table.mistake("files", "WordNet is one folder");
      break;
  }
  if (source.files.empty()) {
    table.mistake("files", "is missing: name files, folders or globs, as in [\"texts/*.txt\"]");
  }
  return source;
}

TokenizerWish read_tokenizer(const TomlTable& table) {
  TokenizerWish wish;
  if (table.has("file")) {
    wish.file = table.text("file");
    return wish;
  }
  wish.kind = static_cast<TokenizerKind>(table.choice("kind", {"bpe", "unigram"}, 0));
  wish.vocabulary = static_cast<int>(table.integer_or("vocab", 4096, 300, 1 << 20));
  wish.sample = table.quantity_if<Bytes>("sample").value_or(wish.sample);
  if (wish.sample < Bytes::of(1000)) table.mistake("sample", "must be at least \"1 kB\"");
  return wish;
}

DataFilters read_filters(const TomlTable& table) {
  DataFilters filters;
  filters.length_min = table.quantity_if<Bytes>("length_min");
  filters.length_max = table.quantity_if<Bytes>("length_max");
  if (filters.length_min && filters.length_max && *filters.length_min > *filters.length_max) {
    table.mistake("length_max", "is less than length_min");
  }
  filters.letters_min = table.number_or("letters_min", 0, 0, 1);
  filters.words = table.text_or("words", "");
  return filters;
}

}  // namespace

const char* name_of(SourceKind kind) {
  return source_kinds[static_cast<std::size_t>(kind)].c_str();
}
const char* name_of(Question question) {
  return question_names[static_cast<std::size_t>(question)].c_str();
}

DataSpec read_data(const TomlTable& table) {
  DataSpec data;
  std::set<std::string> names;
  std::size_t with_weight = 0;
  for (const TomlTable& one : table.tables("sources")) {
    data.sources.push_back(read_source(one, data.sources.size() + 1));
    if (!names.insert(data.sources.back().name).second) {
      one.mistake("name", fmt::format("\"{}\" names two sources", data.sources.back().name));
    }
    with_weight += data.sources.back().weight ? 1 : 0;
  }
  if (data.sources.empty()) {
    table.mistake("sources", "is missing: sources = [{ kind = \"text\", files = [\"a.txt\"] }]");
  }
  if (with_weight != 0 && with_weight != data.sources.size()) {
    table.mistake("sources", "give every source a weight, or none");
  }
  if (const auto tokenizer = table.table_if("tokenizer")) {
    data.tokenizer = read_tokenizer(*tokenizer);
  }
  if (const auto filters = table.table_if("filters")) data.filters = read_filters(*filters);
  data.folder = table.text_or("folder", "");
  data.seed = static_cast<std::uint64_t>(table.integer_or("seed", 0));
  data.validation = table.number_or("validation", 0.01, 0, 0.9);
  data.shard = table.quantity_if<Bytes>("shard").value_or(data.shard);
  if (data.shard < Bytes::of(4096)) table.mistake("shard", "must be at least \"4096 B\"");
  data.packing = static_cast<DataPacking>(table.choice("packing", {"cut", "whole"}, 0));
  data.loss_on = static_cast<DataLoss>(table.choice("loss", loss_names, 0));
  data.validation_loss_on = static_cast<DataLoss>(
      table.choice("validation_loss", loss_names, static_cast<int>(data.loss_on)));
  return data;
}

std::string corpus_folder(const DataSpec& data, const std::string& run_name) {
  if (!data.folder.empty()) return data.folder;
  std::string name;
  for (const char c : run_name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')) {
      name += lower;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  while (name.ends_with('-')) name.pop_back();
  return "data/" + (name.empty() ? "run" : name);
}

}  // namespace celere::spec
