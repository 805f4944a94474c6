#include "tokens/build.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "tokens/dataset.hpp"
#include "tokens/test_support.hpp"
#include "tokens/token_stream.hpp"

namespace celere::tokens {
namespace {

class Building : public testing::Test {
 protected:
  Building() : folder_("build") {
    spec::DataSource source;
    source.name = "texts";
    source.files = {folder_ / "in"};
    source.unit = spec::TextUnit::paragraph;
    data_.sources = {source};
    data_.tokenizer.vocabulary = 400;
    data_.validation = 0.1;
    EXPECT_TRUE(files_->make_folder(folder_ / "in").ok());
  }

  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(files_->write(folder_ / "in/" + name, text).ok());
  }
  // `count` paragraphs, each unlike the others.
  static std::string paragraphs(std::uint64_t seed, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      std::string one = random_text(seed * 100'000 + i, 40);
      while (one.find("\n\n") != std::string::npos) one.erase(one.find("\n\n"), 1);
      text += one + "\n\n";
    }
    return text;
  }
  Result<BuildReport> build(const std::string& to, int threads = 2) {
    return build_corpus(*files_, clock_, data_,
                        {.folder = folder_ / to, .threads = threads, .progress = {}});
  }
  BuildReport built(const std::string& to, int threads = 2) {
    auto report = build(to, threads);
    EXPECT_TRUE(report.ok()) << (report.ok() ? "" : report.error().text());
    return report.ok() ? std::move(report).value() : BuildReport{};
  }
  std::string error(const std::string& to) {
    const auto report = build(to);
    return report.ok() ? "" : report.error().message;
  }
  // Every file below a folder, by name.
  std::map<std::string, std::string> content(const std::string& of) const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / of)) {
      if (!entry.is_regular_file()) continue;
      const std::string name = entry.path().string().substr((folder_ / of).size());
      all[name] = *files_->read(entry.path().string());
    }
    return all;
  }
  testing::AssertionResult same_content(const std::string& one, const std::string& other) const {
    const auto a = content(one), b = content(other);
    for (const auto& [name, bytes] : a) {
      if (!b.contains(name)) return testing::AssertionFailure() << name << " only in " << one;
      if (b.at(name) != bytes) return testing::AssertionFailure() << name << " differs";
    }
    if (a.size() == b.size()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << other << " has more files";
  }
  std::multiset<std::string> texts(const std::string& of, Side side) const {
    std::multiset<std::string> all;
    const auto dataset = Dataset::open(*files_, folder_ / of, {.sequence = 8, .side = side});
    if (!dataset.ok()) return all;
    for (std::uint64_t i = 0; i < dataset->documents(); ++i) {
      std::vector<std::int32_t> document = dataset->document(i);
      EXPECT_EQ(document.back(), dataset->tokenizer().special().end);
      all.insert(dataset->tokenizer().decode(document));
    }
    return all;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Files> files_ = local_files();
  SystemClock clock_;
  spec::DataSpec data_;
};

TEST_F(Building, keeps_every_document_once_and_counts_the_rest) {
  std::multiset<std::string> expected;
  std::string text;
  for (int i = 0; i < 300; ++i) {
    expected.insert("text number " + std::to_string(i));
    text += "text number " + std::to_string(i) + "\n\n";
  }
  write("a.txt", text);
  write("b.txt", "text number 7\n\n\n\ntext number 300\n\n\xFF\xFE\n");
  write("empty.txt", "");
  expected.insert("text number 300");
  const BuildReport report = built("out");
  EXPECT_EQ(report.manifest.sources[0].counts.kept, 301u);
  EXPECT_EQ(report.manifest.sources[0].counts.of(Dropped::duplicate), 1u);
  EXPECT_EQ(report.manifest.sources[0].counts.of(Dropped::not_utf8), 1u);
  std::multiset<std::string> found = texts("out", Side::training);
  const std::multiset<std::string> held_out = texts("out", Side::validation);
  // Of 301 documents about 30 are held out; 5 sigma are 26.
  EXPECT_NEAR(static_cast<double>(held_out.size()), 30.1, 26);
  found.insert(held_out.begin(), held_out.end());
  EXPECT_EQ(found, expected);
  EXPECT_FALSE(files_->exists(folder_ / "out/building"));
  EXPECT_TRUE(verify_shards(folder_ / "out", report.manifest).ok());
}

// The order is not that of the file: of 300 documents about none stays in its place.
TEST_F(Building, shuffles_by_the_seed) {
  write("a.txt", paragraphs(1, 300));
  built("one");
  const auto first = content("one");
  data_.seed = 9;
  built("two");
  EXPECT_NE(first.at("/texts-training-0-0000.bin"),
            content("two").at("/texts-training-0-0000.bin"));
}

TEST_F(Building, does_not_depend_on_threads_or_names_of_the_folder) {
  write("a.txt", paragraphs(1, 400));
  write("b.txt", paragraphs(2, 400));
  data_.shard = Bytes::of(8192);
  built("one", 1);
  built("two", 4);
  const auto one = content("one");
  EXPECT_TRUE(same_content("one", "two"));
  EXPECT_TRUE(one.contains("/texts-training-0-0003.idx")) << "shards of 8 kB: there are several";
  for (const auto& [name, bytes] : one) {
    EXPECT_TRUE(!name.ends_with(".bin") || bytes.size() <= 8192u) << name;
  }
}

TEST_F(Building, twice_does_nothing_and_after_a_change_builds_anew) {
  write("a.txt", paragraphs(1, 300));
  data_.shard = Bytes::of(4096);
  EXPECT_FALSE(built("out").up_to_date);
  EXPECT_TRUE(built("out").up_to_date);
  data_.shard = Bytes::of(1e9);
  EXPECT_FALSE(built("out").up_to_date);
  EXPECT_FALSE(files_->exists(folder_ / "out/texts-training-0-0001.bin")) << "of the one before";
  std::filesystem::resize_file(folder_ / "out/texts-training-0-0000.bin", 10);
  EXPECT_FALSE(built("out").up_to_date);
  EXPECT_TRUE(built("out").up_to_date);
  write("b.txt", "more\n");
  EXPECT_FALSE(built("out").up_to_date);
}

// Real processes, killed at random; at last one is let finish, and what it leaves is to the byte
// what a build without accident leaves. Never is there a manifest before everything is there.
TEST_F(Building, goes_on_after_a_kill) {
  for (int i = 0; i < 4; ++i) {
    write("t" + std::to_string(i), paragraphs(10 + static_cast<std::uint64_t>(i), 1500));
  }
  data_.tokenizer.sample = Bytes::of(50'000);
  const Instant begin = clock_.now();
  built("right");
  const Seconds alone = clock_.now() - begin;
  int killed = 0, kept = 0;
  for (std::uint64_t trial = 0; trial < 12; ++trial) {
    const std::string to = "killed" + std::to_string(trial / 6);
    const ::pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      (void)build(to);
      ::raise(SIGTERM);  // an end without the destructors of the parent
    }
    Prng random(trial, 7);
    clock_.sleep(alone * random.uniform());
    ::kill(child, SIGKILL);
    int ending = 0;
    ASSERT_EQ(::waitpid(child, &ending, 0), child);
    if (WIFSIGNALED(ending) && WTERMSIG(ending) == SIGKILL) ++killed;
    if (files_->exists(folder_ / to + "/manifest.json")) {
      EXPECT_TRUE(verify_shards(folder_ / to, *read_manifest(*files_, folder_ / to)).ok());
    }
  }
  for (const char* to : {"killed0", "killed1"}) {
    kept += static_cast<int>(built(to).parts_kept);
    EXPECT_TRUE(same_content(to, "right"));
  }
  EXPECT_GE(killed, 1);
  RecordProperty("parts_kept", kept);
}

// What a killed build left and was damaged since is not used: a part is made again, a bucket is an
// error.
TEST_F(Building, does_not_trust_what_was_left) {
  write("a.txt", paragraphs(1, 500));
  built("right");
  ASSERT_TRUE(files_->make_folder(folder_ / "out").ok());
  // A manifest that is a folder stops the build at its end, so that everything is left.
  ASSERT_TRUE(files_->make_folder(folder_ / "out/manifest.json/x").ok());
  EXPECT_NE(error("out"), "");
  std::filesystem::remove_all(folder_ / "out/manifest.json");
  const std::string part = folder_ / "out/building/part-0003";
  std::string bytes = *files_->read(part);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  ASSERT_TRUE(files_->write(part, bytes).ok());
  const BuildReport report = built("out");
  EXPECT_EQ(report.parts_kept, report.parts - 1);
  EXPECT_TRUE(same_content("out", "right"));
}

TEST_F(Building, says_why_nothing_is_left) {
  write("a.txt", "1234\n\n5678\n\n1234 \xFF\n");
  data_.filters.letters_min = 0.5;
  EXPECT_EQ(error("out"),
            "no document is left of the sources (dropped: 1 not_utf8, 2 few_letters)");
  EXPECT_FALSE(files_->exists(folder_ / "out/manifest.json"));
  write("a.txt", "");
  EXPECT_EQ(error("out"), "no document is left of the sources (there was none)");
  write("a.txt", "some text");
  data_.tokenizer.file = folder_ / "in/a.txt";
  EXPECT_EQ(error("out"), "is no sentencepiece model");
}

TEST_F(Building, uses_a_model_that_is_given) {
  write("a.txt", paragraphs(1, 100));
  built("one");
  data_.tokenizer.file = folder_ / "one/tokenizer/tokenizer.model";
  const BuildReport report = built("two");
  EXPECT_EQ(report.manifest.vocabulary, 400);
  EXPECT_EQ(content("one").at("/texts-training-0-0000.bin"),
            content("two").at("/texts-training-0-0000.bin"));
}

// Questions about one synset are all trained on or all held out; extra words are never held out;
// each of three editions has another phrasing of each question.
TEST_F(Building, asks_wordnet) {
  spec::DataSource source;
  source.name = "wordnet";
  source.kind = spec::SourceKind::wordnet;
  source.files = {"/usr/share/wordnet"};
  source.wordnet.nouns_only = true;
  source.wordnet.count_min = 40;
  source.wordnet.words = {"violin", "piano", "water"};
  source.wordnet.questions = {spec::Question::what_is, spec::Question::kind_of};
  source.wordnet.phrasings = 3;
  data_.sources = {source};
  data_.validation = 0.5;
  data_.filters.words = "examples/offensive-words.txt";
  const BuildReport report = built("out");
  ASSERT_EQ(report.manifest.sources[0].training.size(), 3u);
  const std::multiset<std::string> trained = texts("out", Side::training);
  const std::multiset<std::string> held_out = texts("out", Side::validation);
  EXPECT_GT(held_out.size(), 50u);
  const auto has = [](const std::multiset<std::string>& all, const std::string& start) {
    const auto at = all.lower_bound(start);
    return at != all.end() && at->starts_with(start);
  };
  for (const char* word : {"a violin", "a piano", "water"}) {
    bool there = false;
    for (const std::string& one : trained) {
      there = there || one.find(word) != std::string::npos;
    }
    EXPECT_TRUE(there) << word;
    EXPECT_FALSE(has(held_out, std::string("What is ") + word));
  }
  std::set<std::string> phrasings;
  const Manifest& manifest = report.manifest;
  for (const auto& edition : manifest.sources[0].training) {
    const auto stream = TokenStream::open(folder_ / "out", edition);
    ASSERT_TRUE(stream.ok());
    const auto tokenizer = Tokenizer::load(*files_, folder_ / "out/tokenizer");
    for (std::uint64_t i = 0; i < stream->documents(); ++i) {
      std::vector<std::int32_t> document(stream->begin_of(i + 1) - stream->begin_of(i));
      stream->copy(stream->begin_of(i), document.size(), document.data());
      const auto asked = questions_of(*tokenizer, document);
      ASSERT_EQ(asked.size(), 1u);
      if (asked[0].answer.starts_with("Bowed stringed")) phrasings.insert(asked[0].question);
    }
  }
  EXPECT_EQ(phrasings, (std::set<std::string>{"What is a violin?", "Define violin.",
                                              "What does violin mean?"}));
}

}  // namespace
}  // namespace celere::tokens
