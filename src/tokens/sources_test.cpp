// From bytes on a disk to documents: packed files, lines, JSON, filters.
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "tokens/bucket.hpp"
#include "tokens/byte_stream.hpp"
#include "tokens/document.hpp"
#include "tokens/inputs.hpp"
#include "tokens/lines.hpp"
#include "tokens/reader.hpp"
#include "tokens/test_support.hpp"
#include "tokens/unicode.hpp"

namespace celere::tokens {
namespace {

std::string gzip(const std::string& text) {
  z_stream state{};
  EXPECT_EQ(deflateInit2(&state, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&state, text.size()) + 64, '\0');
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  state.avail_in = static_cast<uInt>(text.size());
  state.next_out = reinterpret_cast<Bytef*>(packed.data());
  state.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&state, Z_FINISH), Z_STREAM_END);
  packed.resize(state.total_out);
  deflateEnd(&state);
  return packed;
}

std::string zstd(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

// All of a file, read `room` bytes at a time; or the error.
std::string read_in_steps(const std::string& path, std::size_t room, std::string& error) {
  auto stream = open_stream(path);
  if (!stream.ok()) return error = stream.error().message, "";
  std::string all, step(room, '\0');
  while (true) {
    const auto count = (*stream)->read(step);
    if (!count.ok()) return error = count.error().message, "";
    if (*count == 0) return all;
    all.append(step, 0, *count);
  }
}

TEST(ByteStream, unpacks_what_is_packed_and_tells_what_is_damaged) {
  TemporaryFolder folder("stream");
  const auto files = local_files();
  const std::string text = random_text(3, 60'000);
  for (const auto& [name, bytes] :
       std::vector<std::pair<std::string, std::string>>{{"plain", text},
                                                        {"gzip", gzip(text)},
                                                        {"zstd", zstd(text)},
                                                        {"two gzip", gzip(text) + gzip("end")},
                                                        {"two zstd", zstd(text) + zstd("end")}}) {
    ASSERT_TRUE(files->write(folder / name, bytes).ok());
    for (const std::size_t room : {std::size_t{3}, std::size_t{1 << 16}, std::size_t{1 << 22}}) {
      std::string error;
      EXPECT_EQ(read_in_steps(folder / name, room, error),
                name.starts_with("two") ? text + "end" : text)
          << name << " " << error;
    }
    if (name == "plain") continue;
    ASSERT_TRUE(files->write(folder / name, bytes.substr(0, bytes.size() - 5)).ok());
    std::string error;
    read_in_steps(folder / name, 1 << 16, error);
    EXPECT_NE(error.find("file is cut short"), std::string::npos) << name << ": " << error;
    std::string flipped = bytes;
    flipped[bytes.size() / 3] = static_cast<char>(~flipped[bytes.size() / 3]);
    flipped[bytes.size() / 3 + 1] = static_cast<char>(~flipped[bytes.size() / 3 + 1]);
    ASSERT_TRUE(files->write(folder / name, flipped).ok());
    error.clear();
    const std::string got = read_in_steps(folder / name, 1 << 16, error);
    // A gzip file has a checksum; these of zstd have none.
    EXPECT_TRUE(!error.empty() || name.ends_with("zstd")) << name;
    EXPECT_TRUE(!error.empty() || got != text) << name;
  }
  std::string error;
  ASSERT_TRUE(files->write(folder / "empty", "").ok());
  EXPECT_EQ(read_in_steps(folder / "empty", 10, error), "");
  EXPECT_EQ(error, "");
}

// A stream out of a text that remembers the largest request: memory stays that of the limit.
class TextStream : public ByteStream {
 public:
  TextStream(std::string text, std::uint64_t repeats) : text_(std::move(text)), left_(repeats) {}
  Result<std::size_t> read(std::span<char> room) override {
    std::size_t done = 0;
    while (done < room.size() && left_ > 0) {
      const std::size_t count = std::min(room.size() - done, text_.size() - at_);
      std::copy_n(text_.data() + at_, count, room.data() + done);
      done += count;
      at_ += count;
      if (at_ == text_.size()) at_ = 0, --left_;
    }
    return done;
  }
  std::uint64_t file_bytes() const override { return 0; }
  Hash128 file_hash() const override { return {}; }

 private:
  std::string text_;
  std::uint64_t left_;
  std::size_t at_ = 0;
};

std::vector<std::string> lines_of(ByteStream& stream, std::uint64_t limit) {
  LineReader lines(stream, limit);
  std::vector<std::string> all;
  while (true) {
    const auto line = lines.next();
    EXPECT_TRUE(line.ok());
    if (!line.ok() || !*line) return all;
    all.push_back((*line)->too_long ? "(too long)" : std::string((*line)->text));
  }
}

TEST(LineReader, gives_lines_whatever_ends_them) {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"a\nb\r\n\nc", {"a", "b", "", "c"}},
           {"\n", {""}},
           {"abcdef\nxy\n", {"(too long)", "xy"}},
           {"abcde\n", {"abcde"}},
           {"xy\nabcdef", {"xy", "(too long)"}}}) {
    TextStream stream(text, 1);
    EXPECT_EQ(lines_of(stream, 5), expected) << text;
  }
}

// One line of 1 GB between two others, never held.
TEST(LineReader, reads_past_a_line_of_a_gigabyte) {
  class Joined : public ByteStream {
   public:
    Result<std::size_t> read(std::span<char> room) override {
      ASSIGN_OR_RETURN(std::size_t count, parts_[at_].read(room));
      while (count == 0 && at_ + 1 < 3) {
        ASSIGN_OR_RETURN(count, parts_[++at_].read(room));
      }
      return count;
    }
    std::uint64_t file_bytes() const override { return 0; }
    Hash128 file_hash() const override { return {}; }

   private:
    TextStream parts_[3] = {TextStream("first\n", 1), TextStream(std::string(1 << 20, 'x'), 1024),
                            TextStream("\nlast", 1)};
    std::size_t at_ = 0;
  } joined;
  EXPECT_EQ(lines_of(joined, 1 << 20), (std::vector<std::string>{"first", "(too long)", "last"}));
}

TEST(Fields, are_taken_or_said_to_be_missing) {
  EXPECT_EQ(field_of(R"({"text": "a\né"})", "text").text, "a\né");
  EXPECT_EQ(field_of(R"({"text": 5})", "text").state, FieldState::missing);
  EXPECT_EQ(field_of(R"({"a": "b"})", "text").state, FieldState::missing);
  EXPECT_EQ(field_of(R"(["text"])", "text").state, FieldState::not_json);
  EXPECT_EQ(field_of(R"({"text": )", "text").state, FieldState::not_json);
  EXPECT_EQ(field_of(std::string(200'000, '['), "text").state, FieldState::not_json);
  EXPECT_EQ(fields_of(R"({"q": "1", "a": "2"})", "q", "a").second, "2");
  EXPECT_EQ(fields_of(R"({"q": "1"})", "q", "a").state, FieldState::missing);
}

// The table of RFC 3629 by its edges: U+D800 is a surrogate, F4 90 lies above U+10FFFF.
TEST(Utf8, is_told_from_what_is_none) {
  for (const char* text : {"", "a", "é", "日", "🎻", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF4\x8F\xBF\xBF", "long enough for eight at once é"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const char* text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE6\x97", "abcdefgh\xFF", "\xC3("}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

// "ab 1é" has four characters that are no space; three are letters.
TEST(Letters, are_counted_by_character) {
  EXPECT_DOUBLE_EQ(letter_share("ab 1é"), 0.75);
  EXPECT_DOUBLE_EQ(letter_share(" \n"), 0);
}

TEST(WordList, finds_whole_words_and_phrases) {
  const WordList list("# a comment\nbad\n\nVery  Bad-thing\nbad apple\n");
  EXPECT_TRUE(list.in("a BAD one"));
  EXPECT_TRUE(list.in("bad"));
  EXPECT_TRUE(list.in("so very bad thing."));
  EXPECT_FALSE(list.in("badger, embad"));
  EXPECT_FALSE(WordList("very bad").in("very badly"));
  EXPECT_FALSE(WordList("very bad").in("very good bad"));
  EXPECT_TRUE(WordList("very bad").in("very good, very, very bad"));
  EXPECT_TRUE(WordList("é").in("l'é là"));
}

TEST(Filters, name_the_reason) {
  const auto files = memory_files();
  ASSERT_TRUE(files->write("words", "bad").ok());
  const auto filters = Filters::make(
      *files,
      {.length_min = 3_B, .length_max = Bytes::of(20), .letters_min = 0.5, .words = "words"});
  ASSERT_TRUE(filters.ok());
  const auto reason = [&](std::string text, std::vector<std::string> questions = {}) {
    Document document;
    document.text = std::move(text);
    document.questions = std::move(questions);
    const auto found = filters->reason(document);
    return std::string(found ? name_of(*found) : "kept");
  };
  EXPECT_EQ(reason("fine text"), "kept");
  EXPECT_EQ(reason(" \n"), "empty");
  EXPECT_EQ(reason("ab"), "too_short");
  EXPECT_EQ(reason("123456789012345678901"), "too_long");
  EXPECT_EQ(reason("a 123456"), "few_letters");
  EXPECT_EQ(reason("a bad text"), "listed_word");
  EXPECT_EQ(reason("text", {"is it bad?"}), "listed_word");
  EXPECT_EQ(reason("abc\xFF"), "not_utf8");
  EXPECT_EQ(reason(std::string("abc\0d", 5)), "not_utf8");
  spec::DataFilters nowhere;
  nowhere.words = "nowhere";
  EXPECT_FALSE(Filters::make(*files, nowhere).ok());
}

TEST(Documents, come_back_from_bytes) {
  Document document;
  document.source = 3;
  document.ordinal = 77;
  document.key = 5;
  document.always_trained = true;
  document.questions = {"a?", ""};
  document.text = "text";
  document.about = "word";
  std::string bytes;
  write_document(document, bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::string_view part = std::string_view(bytes).substr(0, size);
    EXPECT_FALSE(read_document(part).ok());
  }
  std::string_view rest = bytes;
  const auto back = read_document(rest);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(back->questions, document.questions);
  EXPECT_EQ(back->about, "word");
  EXPECT_EQ(hash_of(*back, 1), hash_of(document, 1));
}

class Collect : public DocumentSink {
 public:
  Status add(Document document) override {
    texts.push_back(document.text);
    return Done{};
  }
  void read_bytes(std::uint64_t bytes) override { read += bytes; }
  std::vector<std::string> texts;
  std::uint64_t read = 0;
};

TEST(ReadSource, splits_text_as_it_is_told) {
  TemporaryFolder folder("read");
  const auto files = local_files();
  ASSERT_TRUE(files->make_folder(folder / "deep/.hidden").ok());
  ASSERT_TRUE(files->write(folder / "deep/b.txt", "one\ntwo\n\n\nthree\n").ok());
  ASSERT_TRUE(files->write(folder / "a.txt", gzip("zero")).ok());
  ASSERT_TRUE(files->write(folder / "deep/.hidden/c.txt", "never").ok());
  const auto texts = [&](spec::TextUnit unit, std::vector<std::string> names, std::uint64_t limit) {
    spec::DataSource source;
    source.files = std::move(names);
    source.unit = unit;
    const auto inputs = find_inputs({source});
    EXPECT_TRUE(inputs.ok());
    Collect sink;
    const auto result = read_source(*files, source, (*inputs)[0], limit, sink);
    EXPECT_TRUE(result.ok());
    sink.texts.push_back(std::to_string(result->counts.of(Dropped::too_long)));
    return sink.texts;
  };
  using Texts = std::vector<std::string>;
  const Texts all = {folder.path()};
  EXPECT_EQ(texts(spec::TextUnit::file, all, 100), (Texts{"zero", "one\ntwo\n\n\nthree\n", "0"}));
  EXPECT_EQ(texts(spec::TextUnit::paragraph, all, 100), (Texts{"zero", "one\ntwo", "three", "0"}));
  EXPECT_EQ(texts(spec::TextUnit::line, all, 100), (Texts{"zero", "one", "two", "three", "0"}));
  EXPECT_EQ(texts(spec::TextUnit::file, all, 4), (Texts{"zero", "1"}));
  EXPECT_EQ(texts(spec::TextUnit::paragraph, all, 5), (Texts{"zero", "three", "1"}));
  EXPECT_EQ(texts(spec::TextUnit::line, all, 3), (Texts{"one", "two", "2"}));
  // A pattern, and a file named twice.
  EXPECT_EQ(texts(spec::TextUnit::file, {folder / "*.txt", folder / "a.txt"}, 9),
            (Texts{"zero", "0"}));
  spec::DataSource none;
  none.files = {folder / "*.md"};
  const auto inputs = find_inputs({none});
  ASSERT_FALSE(inputs.ok());
  EXPECT_EQ(inputs.error().message, "data.sources: \"" + folder.path() +
                                        "/*.md\" is no file, and no folder or pattern with files");
}

TEST(ReadSource, counts_what_is_wrong_in_json_lines) {
  TemporaryFolder folder("jsonl");
  const auto files = local_files();
  ASSERT_TRUE(files
                  ->write(folder / "a",
                          "{\"text\": \"fine\"}\n\nno json\n{\"t\": 1}\n"
                          "{\"text\": \"\xFF\"}\n[1]\n")
                  .ok());
  spec::DataSource source;
  source.name = "web";
  source.kind = spec::SourceKind::jsonl;
  source.files = {folder / "a"};
  source.field = "text";
  Collect sink;
  const auto inputs = find_inputs({source});
  const auto result = read_source(*files, source, (*inputs)[0], 1000, sink);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(sink.texts, (std::vector<std::string>{"fine"}));
  EXPECT_EQ(result->counts.of(Dropped::not_json), 2u);
  EXPECT_EQ(result->counts.of(Dropped::missing_field), 1u);
  EXPECT_EQ(result->counts.of(Dropped::not_utf8), 1u);
  EXPECT_EQ(sink.read, result->files[0].bytes);
  source.field = "body";
  const auto missing = read_source(*files, source, (*inputs)[0], 1000, sink);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message,
            "data.sources: no line of web has the text field \"body\" (2 lines without, 2 that are "
            "no JSON object)");
}

}  // namespace
}  // namespace celere::tokens
