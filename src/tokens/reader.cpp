#include "tokens/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_set>

#include "tokens/byte_stream.hpp"
#include "tokens/hash.hpp"
#include "tokens/lines.hpp"
#include "tokens/questions.hpp"
#include "tokens/unicode.hpp"
#include "tokens/wordnet.hpp"

namespace celere::tokens {
namespace {

class Reader {
 public:
  Reader(const Files& files, const spec::DataSource& source, std::uint64_t bytes_max,
         DocumentSink& sink)
      : files_(files), source_(source), bytes_max_(bytes_max), sink_(sink) {}

  Status read(const std::vector<Input>& inputs);
  ReadResult& result() { return result_; }

 private:
  Status read_file(const std::string& path, ByteStream& stream);
  Status read_whole(ByteStream& stream);
  Status read_lines(ByteStream& stream);
  Status read_paragraphs(ByteStream& stream);
  Status read_jsonl(ByteStream& stream);
  Status read_wordnet();
  Status ask_all(const WordNet& net, const Word& word, bool always_trained);
  Status add_text(std::string text);
  std::uint64_t line_max() const { return std::min(line_bytes_max, bytes_max_); }
  void drop_long() {
    result_.counts.drop(bytes_max_ < line_bytes_max ? Dropped::too_long : Dropped::line_too_long);
  }

  const Files& files_;
  const spec::DataSource& source_;
  std::uint64_t bytes_max_;
  DocumentSink& sink_;
  ReadResult result_;
  std::uint64_t with_field_ = 0;
};

Status Reader::add_text(std::string text) {
  Document document;
  document.text = std::move(text);
  return sink_.add(std::move(document));
}

Status Reader::read_whole(ByteStream& stream) {
  bool too_long = false;
  ASSIGN_OR_RETURN(std::string text, read_all(stream, bytes_max_, too_long));
  if (!too_long) return add_text(std::move(text));
  result_.counts.drop(Dropped::too_long);
  return Done{};
}

Status Reader::read_lines(ByteStream& stream) {
  LineReader lines(stream, line_max());
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Line> line, lines.next());
    if (!line) return Done{};
    if (line->too_long) {
      drop_long();
    } else if (!trimmed(line->text).empty()) {
      RETURN_IF_ERROR(add_text(std::string(line->text)));
    }
  }
}

// Runs of lines between empty ones.
Status Reader::read_paragraphs(ByteStream& stream) {
  LineReader lines(stream, line_max());
  std::string text;
  bool too_long = false;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Line> line, lines.next());
    if (line && (line->too_long || text.size() + line->text.size() > bytes_max_)) {
      too_long = true;
      text.clear();
      continue;
    }
    if (line && !trimmed(line->text).empty()) {
      if (!too_long) text += (text.empty() ? "" : "\n") + std::string(line->text);
      continue;
    }
    if (too_long) result_.counts.drop(Dropped::too_long);
    if (!text.empty()) RETURN_IF_ERROR(add_text(std::move(text)));
    text = std::string();
    too_long = false;
    if (!line) return Done{};
  }
}

Status Reader::read_jsonl(ByteStream& stream) {
  LineReader lines(stream, line_max());
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<Line> line, lines.next());
    if (!line) return Done{};
    if (line->too_long) {
      drop_long();
      continue;
    }
    if (trimmed(line->text).empty()) continue;
    // Not valid UTF-8 is told from no JSON, which the parser does not.
    if (!is_utf8(line->text)) {
      result_.counts.drop(Dropped::not_utf8);
      continue;
    }
    Document document;
    FieldState state = FieldState::fine;
    if (source_.question.empty()) {
      Field field = field_of(line->text, source_.field);
      state = field.state;
      document.text = std::move(field.text);
    } else {
      FieldPair pair = fields_of(line->text, source_.question, source_.answer);
      state = pair.state;
      document.questions = {std::move(pair.first)};
      document.text = std::move(pair.second);
    }
    if (state == FieldState::fine) {
      ++with_field_;
      RETURN_IF_ERROR(sink_.add(std::move(document)));
    } else {
      result_.counts.drop(state == FieldState::missing ? Dropped::missing_field
                                                       : Dropped::not_json);
    }
  }
}

// The key of a document is its synset, so that no question about a held out meaning is trained on.
Status Reader::ask_all(const WordNet& net, const Word& word, bool always_trained) {
  const Synset* synset = net.synset(word.part, word.offset);
  for (const spec::Question question : source_.wordnet.questions) {
    std::optional<Asked> asked = ask(net, word, question, source_.wordnet.phrasings);
    if (!asked || synset == nullptr) continue;
    Document document;
    document.key =
        hash64({std::uint64_t{static_cast<unsigned>(word.part)}, std::uint64_t{word.offset}});
    document.always_trained = always_trained;
    document.questions = std::move(asked->questions);
    document.text = std::move(asked->answer);
    document.about = synset->definition;
    RETURN_IF_ERROR(sink_.add(std::move(document)));
  }
  return Done{};
}

Status Reader::read_wordnet() {
  const spec::WordNetChoice& choice = source_.wordnet;
  ASSIGN_OR_RETURN(const WordNet net, WordNet::read(files_, source_.files[0], choice.nouns_only));
  std::unordered_set<std::string> wanted(choice.words.begin(), choice.words.end());
  std::unordered_set<std::uint64_t> always;
  std::unordered_set<std::string> found;
  const auto place = [](const Word& word) {
    return std::uint64_t{static_cast<unsigned>(word.part)} << 32 | word.offset;
  };
  for (const Word& word : net.words()) {
    if (!wanted.contains(word.lemma)) continue;
    always.insert(place(word));
    found.insert(word.lemma);
  }
  for (const std::string& word : choice.words) {
    if (!found.contains(word)) {
      return bad_input(fmt::format("data.sources: WordNet has no word \"{}\" ({} in {})", word,
                                   choice.nouns_only ? "nouns" : "all parts", source_.files[0]));
    }
  }
  for (const Word& word : net.words()) {
    if (word.count >= choice.count_min || wanted.contains(word.lemma)) {
      RETURN_IF_ERROR(ask_all(net, word, always.contains(place(word))));
    }
  }
  return Done{};
}

Status Reader::read_file(const std::string& path, ByteStream& stream) {
  if (source_.kind == spec::SourceKind::jsonl) {
    RETURN_IF_ERROR(read_jsonl(stream));
  } else if (source_.kind == spec::SourceKind::text) {
    switch (source_.unit) {
      case spec::TextUnit::file:
        RETURN_IF_ERROR(read_whole(stream));
        break;
      case spec::TextUnit::paragraph:
        RETURN_IF_ERROR(read_paragraphs(stream));
        break;
      case spec::TextUnit::line:
        RETURN_IF_ERROR(read_lines(stream));
        break;
    }
  }
  // What is left is only counted and hashed (of WordNet, everything).
  std::string rest(1 << 18, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const std::size_t count, stream.read(rest));
    if (count == 0) break;
  }
  result_.files.push_back(
      {.path = path, .bytes = stream.file_bytes(), .hash = written(stream.file_hash())});
  sink_.read_bytes(stream.file_bytes());
  return Done{};
}

Status Reader::read(const std::vector<Input>& inputs) {
  for (const Input& input : inputs) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ByteStream> stream, open_stream(input.path));
    RETURN_IF_ERROR(read_file(input.path, *stream));
  }
  if (source_.kind == spec::SourceKind::wordnet) return read_wordnet();
  const Counts& counts = result_.counts;
  if (source_.kind == spec::SourceKind::jsonl && with_field_ == 0 && counts.all_dropped() > 0) {
    const std::string fields =
        source_.question.empty()
            ? fmt::format("the text field \"{}\"", source_.field)
            : fmt::format("the text fields \"{}\" and \"{}\"", source_.question, source_.answer);
    return bad_input(fmt::format(
        "data.sources: no line of {} has {} ({} lines without, {} that are no JSON object)",
        source_.name, fields, counts.of(Dropped::missing_field), counts.of(Dropped::not_json)));
  }
  return Done{};
}

}  // namespace

Result<ReadResult> read_source(const Files& files, const spec::DataSource& source,
                               const std::vector<Input>& inputs, std::uint64_t document_bytes_max,
                               DocumentSink& sink) {
  Reader reader(files, source, document_bytes_max, sink);
  RETURN_IF_ERROR(reader.read(inputs));
  return std::move(reader.result());
}

}  // namespace celere::tokens
