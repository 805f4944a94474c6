#include "tokens/build.hpp"

#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>

#include "base/check.hpp"
#include "base/own_memory.hpp"
#include "base/thread_pool.hpp"
#include "tokens/assemble.hpp"
#include "tokens/bucket.hpp"
#include "tokens/build_state.hpp"
#include "tokens/inputs.hpp"
#include "tokens/part.hpp"
#include "tokens/reader.hpp"

namespace celere::tokens {
namespace {

// Shares of the work, for the progress.
constexpr double reading_share = 0.35, tokenising_from = 0.4, tokenising_share = 0.5;

// A text file in a packed one is about so many times as long.
std::uint64_t text_bytes_of(const std::vector<std::vector<Input>>& inputs) {
  std::uint64_t sum = 0;
  for (const auto& source : inputs) {
    for (const Input& input : source) {
      const bool packed = input.path.ends_with(".gz") || input.path.ends_with(".zst");
      sum += input.bytes * (packed ? 4 : 1);
    }
  }
  return sum;
}

class Build {
 public:
  Build(Files& files, const Clock& clock, const spec::DataSpec& data, const BuildOptions& options)
      : files_(files),
        clock_(clock),
        data_(data),
        options_(options),
        building_(options.folder + "/building"),
        plan_(plan_streams(data)) {}

  Result<BuildReport> run();

 private:
  Result<bool> is_up_to_date();
  Status begin_anew();
  Status read_documents(const Filters& filters);
  Status check_something_is_left(const Filters& filters);
  Result<Tokenizer> make_tokenizer(const Filters& filters);
  Result<std::string> model_bytes(const Filters& filters);
  Status tokenise(const Tokenizer& tokenizer, const Filters& filters);
  Status write_shards(const Tokenizer& tokenizer);
  Status remove_parts_of_files();
  Status commit();
  Result<BucketContent> load(std::size_t bucket, const Filters& filters) const;
  void progress(double share) const {
    if (options_.progress) options_.progress(share);
  }

  Files& files_;
  const Clock& clock_;
  const spec::DataSpec& data_;
  const BuildOptions& options_;
  std::string building_;
  StreamPlan plan_;
  std::vector<std::vector<Input>> inputs_;
  std::string made_from_;
  BuildState state_;
  std::vector<std::string> old_shards_;
  BuildReport report_;
};

Error nothing_left(const Counts& all) {
  std::string reasons;
  for (std::size_t i = 0; i < dropped_count; ++i) {
    if (all.dropped[i] == 0) continue;
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", all.dropped[i],
                           name_of(static_cast<Dropped>(i)));
  }
  return bad_input(fmt::format("no document is left of the sources ({})",
                               reasons.empty() ? "there was none" : "dropped: " + reasons));
}

// What the reader gives goes into buckets.
class Scatter : public DocumentSink {
 public:
  Scatter(BucketWriter& writer, std::function<void(std::uint64_t)> read)
      : writer_(writer), read_(std::move(read)) {}
  void begin(std::uint32_t source) { source_ = source; }
  Status add(Document document) override {
    document.source = source_;
    document.ordinal = ordinal_++;
    return writer_.add(document);
  }
  void read_bytes(std::uint64_t bytes) override { read_(bytes); }

 private:
  BucketWriter& writer_;
  std::function<void(std::uint64_t)> read_;
  std::uint32_t source_ = 0;
  std::uint64_t ordinal_ = 0;
};

std::vector<std::string> shard_names(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const SourceEntry& source : manifest.sources) {
    for (const ShardEntry& shard : source.validation) names.push_back(shard.name);
    for (const auto& edition : source.training) {
      for (const ShardEntry& shard : edition) names.push_back(shard.name);
    }
  }
  return names;
}

// A corpus of the same files and settings whose shards are all there needs no work.
Result<bool> Build::is_up_to_date() {
  Result<Manifest> manifest = read_manifest(files_, options_.folder);
  if (!manifest.ok()) return false;
  old_shards_ = shard_names(*manifest);
  if (manifest->made_from != made_from_) return false;
  for (const SourceEntry& source : manifest->sources) {
    if (!TokenStream::open(options_.folder, source.validation).ok()) return false;
    for (const auto& edition : source.training) {
      if (!TokenStream::open(options_.folder, edition).ok()) return false;
    }
  }
  const auto tokenizer = Tokenizer::load(files_, options_.folder + "/" + tokenizer_folder);
  if (!tokenizer.ok() || tokenizer->hash() != manifest->tokenizer_hash) return false;
  report_.manifest = std::move(manifest).value();
  report_.up_to_date = true;
  return true;
}

Status Build::begin_anew() {
  std::error_code error;
  std::filesystem::remove_all(building_, error);
  return files_.make_folder(building_);
}

Status Build::read_documents(const Filters& filters) {
  const std::string path = building_ + "/state.json";
  const Result<std::string> content = files_.read(path);
  if (content.ok()) {
    Result<BuildState> state = parse_state(*content, path);
    if (state.ok() && state->made_from == made_from_) {
      state_ = std::move(state).value();
      return Done{};
    }
  }
  RETURN_IF_ERROR(begin_anew());
  const std::uint64_t bytes = text_bytes_of(inputs_);
  BucketWriter writer(building_, bucket_count(bytes), data_.seed);
  std::uint64_t done = 0, all = 1;
  for (const auto& source : inputs_) {
    for (const Input& input : source) all += input.bytes;
  }
  Scatter scatter(writer, [&](std::uint64_t more) {
    done += more;
    progress(reading_share * static_cast<double>(done) / static_cast<double>(all));
  });
  state_.made_from = made_from_;
  for (std::size_t i = 0; i < data_.sources.size(); ++i) {
    scatter.begin(static_cast<std::uint32_t>(i));
    ASSIGN_OR_RETURN(ReadResult result, read_source(files_, data_.sources[i], inputs_[i],
                                                    filters.length_max(), scatter));
    state_.sources.push_back(std::move(result));
  }
  ASSIGN_OR_RETURN(state_.buckets, writer.finish());
  return files_.write(path, written_state(state_));
}

Result<BucketContent> Build::load(std::size_t bucket, const Filters& filters) const {
  return load_bucket(files_, building_ + "/" + bucket_name(bucket), state_.buckets[bucket],
                     data_.seed, filters, data_.sources.size());
}

// Errors: bad_input, with the reasons, where every document was dropped.
Status Build::check_something_is_left(const Filters& filters) {
  Counts all;
  for (const ReadResult& source : state_.sources) all.add(source.counts);
  for (std::size_t bucket = 0; bucket < state_.buckets.size(); ++bucket) {
    ASSIGN_OR_RETURN(const BucketContent content, load(bucket, filters));
    for (const Counts& counts : content.counts) all.add(counts);
    if (all.kept > 0) return Done{};
  }
  return nothing_left(all);
}

// A given model, or one that is trained on the documents that come first and are not held out; the
// order of the corpus is that of hashes, so they are a fair sample.
Result<std::string> Build::model_bytes(const Filters& filters) {
  if (!data_.tokenizer.file.empty()) return files_.read(data_.tokenizer.file);
  std::vector<std::string> texts;
  double bytes = 0;
  for (std::size_t bucket = 0; bucket < state_.buckets.size(); ++bucket) {
    ASSIGN_OR_RETURN(BucketContent content, load(bucket, filters));
    for (std::size_t i = 0; i < content.documents.size(); ++i) {
      Document& document = content.documents[i];
      if (bytes >= data_.tokenizer.sample.in_base()) break;
      if (is_held_out(document, content.hashes[i], plan_.validation[document.source], data_.seed)) {
        continue;
      }
      for (std::string& question : document.questions) {
        bytes += static_cast<double>(question.size());
        texts.push_back(std::move(question));
      }
      bytes += static_cast<double>(document.text.size());
      texts.push_back(std::move(document.text));
    }
    if (bytes >= data_.tokenizer.sample.in_base()) break;
  }
  const auto kind = data_.tokenizer.kind == spec::TokenizerKind::bpe
                        ? TrainerOptions::Kind::bpe
                        : TrainerOptions::Kind::unigram;
  return train_model(texts, {.kind = kind, .vocabulary = data_.tokenizer.vocabulary});
}

Result<Tokenizer> Build::make_tokenizer(const Filters& filters) {
  const std::string folder = building_ + "/" + tokenizer_folder;
  Result<Tokenizer> there = Tokenizer::load(files_, folder);
  if (there.ok()) return there;
  RETURN_IF_ERROR(check_something_is_left(filters));
  ASSIGN_OR_RETURN(const std::string model, model_bytes(filters).during("making the tokenizer"));
  const bool trained_here = data_.tokenizer.file.empty();
  RETURN_IF_ERROR(Tokenizer::save(files_, folder, model, trained_here)
                      .during("reading " + (trained_here ? folder : data_.tokenizer.file)));
  return Tokenizer::load(files_, folder);
}

// Each bucket to a part; parts of an earlier build are kept.
Status Build::tokenise(const Tokenizer& tokenizer, const Filters& filters) {
  const TokenType type = token_type(tokenizer.vocabulary());
  const std::size_t count = state_.buckets.size();
  std::atomic<std::uint64_t> encoded = 0, tokens = 0, kept = 0, done = 0;
  std::mutex mutex;
  std::optional<Error> first_error;
  std::vector<Encoder> idle;  // their memory of words is worth keeping from bucket to bucket
  const auto take_encoder = [&] {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return Encoder(tokenizer);
    Encoder encoder = std::move(idle.back());
    idle.pop_back();
    return encoder;
  };
  const auto make = [&](std::size_t bucket) -> Status {
    const std::string path = building_ + "/" + part_name(bucket);
    if (files_.exists(path) && Part::open(path, plan_).ok()) {
      ++kept;
      return Done{};
    }
    ASSIGN_OR_RETURN(const BucketContent content, load(bucket, filters));
    Encoder encoder = take_encoder();
    const PartBytes part = make_part(content, plan_, data_.seed, type, encoder);
    encoded += part.encoded_bytes;
    tokens += part.encoded_tokens;
    {
      const std::lock_guard lock(mutex);
      idle.push_back(std::move(encoder));
    }
    return files_.write(path, part.bytes);
  };
  ThreadPool pool(options_.threads);
  pool.for_each_index(count, [&](std::size_t bucket) {
    {
      const std::lock_guard lock(mutex);
      if (first_error) return;
    }
    Status status = make(bucket);
    const std::lock_guard lock(mutex);
    if (!status.ok() && !first_error) first_error = std::move(status).error();
    progress(tokenising_from +
             tokenising_share * static_cast<double>(++done) / static_cast<double>(count));
  });
  if (first_error) return *first_error;
  report_.parts = count;
  report_.parts_kept = kept;
  report_.encoded_bytes = encoded;
  report_.encoded_tokens = tokens;
  return Done{};
}

Status Build::write_shards(const Tokenizer& tokenizer) {
  Manifest& manifest = report_.manifest;
  manifest.made_from = made_from_;
  manifest.seed = data_.seed;
  manifest.tokenizer_hash = tokenizer.hash();
  manifest.vocabulary = tokenizer.vocabulary();
  manifest.filters = written_filters(data_.filters);
  for (std::size_t i = 0; i < data_.sources.size(); ++i) {
    SourceEntry entry;
    entry.name = data_.sources[i].name;
    entry.kind = spec::name_of(data_.sources[i].kind);
    entry.weight = data_.sources[i].weight;
    entry.files = state_.sources[i].files;
    entry.counts = state_.sources[i].counts;
    manifest.sources.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(files_.remove(options_.folder + "/" + manifest_file));
  return assemble(files_,
                  {.folder = options_.folder,
                   .parts = building_,
                   .count = state_.buckets.size(),
                   .type = token_type(tokenizer.vocabulary()),
                   .shard_bytes = static_cast<std::uint64_t>(data_.shard.in_base())},
                  plan_, manifest);
}

// What a kill left of a file that was being written (base/files.hpp) beside it.
Status Build::remove_parts_of_files() {
  for (const std::string& folder : {options_.folder, options_.folder + "/" + tokenizer_folder}) {
    for (const std::string& name : files_.list(folder)) {
      if (name.ends_with(".part")) RETURN_IF_ERROR(files_.remove(folder + "/" + name));
    }
  }
  return Done{};
}

Status Build::commit() {
  Manifest& manifest = report_.manifest;
  RETURN_IF_ERROR(remove_parts_of_files());
  const std::string from = building_ + "/" + tokenizer_folder;
  const std::string to = options_.folder + "/" + tokenizer_folder;
  RETURN_IF_ERROR(files_.make_folder(to));
  for (const char* name : {"tokenizer.model", "tokenizer.json"}) {
    ASSIGN_OR_RETURN(const std::string content, files_.read(from + "/" + name));
    RETURN_IF_ERROR(files_.write(to + "/" + name, content));
  }
  RETURN_IF_ERROR(files_.write(options_.folder + "/" + manifest_file, written_manifest(manifest)));
  const std::vector<std::string> names = shard_names(manifest);
  const std::set<std::string> now(names.begin(), names.end());
  for (const std::string& name : old_shards_) {
    if (now.contains(name)) continue;
    RETURN_IF_ERROR(files_.remove(options_.folder + "/" + name + ".bin"));
    RETURN_IF_ERROR(files_.remove(options_.folder + "/" + name + ".idx"));
  }
  std::error_code error;
  std::filesystem::remove_all(building_, error);
  return Done{};
}

Result<BuildReport> Build::run() {
  ASSIGN_OR_RETURN(inputs_, find_inputs(data_.sources));
  ASSIGN_OR_RETURN(made_from_, hash_of_making(files_, data_, inputs_));
  ASSIGN_OR_RETURN(const Filters filters, Filters::make(files_, data_.filters));
  ASSIGN_OR_RETURN(const bool up_to_date, is_up_to_date());
  if (up_to_date) {  // killed behind its last step, the build before left its workshop
    std::error_code error;
    std::filesystem::remove_all(building_, error);
    return std::move(report_);
  }
  RETURN_IF_ERROR(files_.make_folder(building_));
  const auto timed = [this](Seconds& time, const std::function<Status()>& work) -> Status {
    const Instant begin = clock_.now();
    Status status = work();
    time = clock_.now() - begin;
    return status;
  };
  std::optional<Tokenizer> tokenizer;
  RETURN_IF_ERROR(timed(report_.reading, [&] { return read_documents(filters); }));
  RETURN_IF_ERROR(timed(report_.training, [&]() -> Status {
    ASSIGN_OR_RETURN(tokenizer, make_tokenizer(filters));
    return Done{};
  }));
  RETURN_IF_ERROR(timed(report_.tokenising, [&] { return tokenise(*tokenizer, filters); }));
  RETURN_IF_ERROR(timed(report_.writing, [&]() -> Status {
    RETURN_IF_ERROR(write_shards(*tokenizer));
    return commit();
  }));
  report_.memory_peak = own_memory(files_, "VmHWM");
  progress(1);
  return std::move(report_);
}

}  // namespace

Result<BuildReport> build_corpus(Files& files, const Clock& clock, const spec::DataSpec& data,
                                 const BuildOptions& options) {
  return Build(files, clock, data, options).run().during("building " + options.folder);
}

}  // namespace celere::tokens
