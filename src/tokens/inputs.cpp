#include "tokens/inputs.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "tokens/hash.hpp"

namespace celere::tokens {
namespace {

// To be raised when the same files and settings give another corpus.
constexpr int making_version = 1;

namespace fs = std::filesystem;

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return paths;
}

void add_folder(const std::string& folder, std::vector<std::string>& paths) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const bool hidden = it->path().filename().string().starts_with('.');
    if (hidden && it->is_directory(error)) it.disable_recursion_pending();
    if (!hidden && it->is_regular_file(error)) paths.push_back(it->path().string());
  }
}

Status add_named(const std::string& name, std::vector<std::string>& paths) {
  std::error_code error;
  const std::size_t before = paths.size();
  const bool pattern = name.find_first_of("*?[") != std::string::npos && !fs::exists(name, error);
  for (const std::string& path : pattern ? matches(name) : std::vector<std::string>{name}) {
    if (fs::is_directory(path, error)) {
      add_folder(path, paths);
    } else if (fs::is_regular_file(path, error)) {
      paths.push_back(path);
    }
  }
  if (paths.size() > before) return Done{};
  return Error{
      ErrorCode::not_found,
      fmt::format("data.sources: \"{}\" is no file, and no folder or pattern with files", name),
      {}};
}

Result<Input> look_at(const std::string& path) {
  std::error_code error;
  Input input{.path = path};
  input.bytes = fs::file_size(path, error);
  if (!error) input.changed = fs::last_write_time(path, error).time_since_epoch().count();
  if (!error) return input;
  return Error{ErrorCode::io, fmt::format("cannot look at {}: {}", path, error.message()), {}};
}

std::string bytes_text(const std::optional<Bytes>& bytes) {
  return bytes ? fmt::format("{}", bytes->in_base()) : "none";
}

std::string source_text(const spec::DataSource& source) {
  std::vector<int> questions;
  for (const spec::Question question : source.wordnet.questions) {
    questions.push_back(static_cast<int>(question));
  }
  return fmt::format(
      "{} {} {} [{}] [{}] [{}] {} {} {} {} {} {} {}\n", source.name, spec::name_of(source.kind),
      static_cast<int>(source.unit), source.field, source.question, source.answer,
      source.weight.value_or(-1), source.validation.value_or(-1), source.wordnet.nouns_only,
      source.wordnet.count_min, source.wordnet.words, questions, source.wordnet.phrasings);
}

}  // namespace

Result<std::vector<std::vector<Input>>> find_inputs(const std::vector<spec::DataSource>& sources) {
  std::vector<std::vector<Input>> all;
  for (const spec::DataSource& source : sources) {
    std::vector<std::string> paths;
    if (source.kind == spec::SourceKind::wordnet) {
      for (const char* name : {"noun", "verb", "adj", "adv"}) {
        if (source.wordnet.nouns_only && std::string(name) != "noun") continue;
        paths.push_back(fmt::format("{}/data.{}", source.files[0], name));
        paths.push_back(fmt::format("{}/index.{}", source.files[0], name));
      }
      paths.push_back(source.files[0] + "/cntlist.rev");
    } else {
      for (const std::string& name : source.files) RETURN_IF_ERROR(add_named(name, paths));
    }
    std::sort(paths.begin(), paths.end());
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    std::vector<Input>& inputs = all.emplace_back();
    for (const std::string& path : paths) {
      ASSIGN_OR_RETURN(Input input, look_at(path));
      inputs.push_back(std::move(input));
    }
  }
  return all;
}

Result<std::string> hash_of_making(const Files& files, const spec::DataSpec& data,
                                   const std::vector<std::vector<Input>>& inputs) {
  std::string text = fmt::format("{} {} {} {}\n", making_version, data.seed, data.validation,
                                 data.shard.in_base());
  for (std::size_t i = 0; i < data.sources.size(); ++i) {
    text += source_text(data.sources[i]);
    for (const Input& input : inputs[i]) {
      text += fmt::format("{} {} {}\n", input.path, input.bytes, input.changed);
    }
  }
  text += fmt::format("{} {} {}\n", static_cast<int>(data.tokenizer.kind),
                      data.tokenizer.vocabulary, data.tokenizer.sample.in_base());
  text += written_filters(data.filters) + "\n";
  for (const std::string& path : {data.tokenizer.file, data.filters.words}) {
    if (path.empty()) continue;
    ASSIGN_OR_RETURN(const std::string content, files.read(path));
    text += written(hash128(content)) + "\n";
  }
  return written(hash128(text));
}

std::string written_filters(const spec::DataFilters& filters) {
  return fmt::format("length_min {}, length_max {}, letters_min {}, words {}",
                     bytes_text(filters.length_min), bytes_text(filters.length_max),
                     filters.letters_min, filters.words.empty() ? "none" : filters.words);
}

}  // namespace celere::tokens
