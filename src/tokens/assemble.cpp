#include "tokens/assemble.hpp"

#include <fmt/format.h>

#include <optional>

namespace celere::tokens {
namespace {

// Also of a shard, so that its index, which is made in memory, stays small.
constexpr std::uint64_t shard_documents_max = 1 << 21;

class StreamWriter {
 public:
  StreamWriter(Files& files, const Assembly& assembly, std::string name)
      : files_(files), assembly_(assembly), name_(std::move(name)) {}

  // Documents of one part, in runs that go to one shard.
  Status add(const std::vector<std::int32_t>& sizes, std::string_view tokens) {
    std::vector<std::int32_t> run;
    std::uint64_t run_bytes = 0;
    const std::uint64_t width = bytes_of(assembly_.type);
    for (const std::int32_t size : sizes) {
      const std::uint64_t bytes = width * static_cast<std::uint64_t>(size);
      const std::uint64_t before = (writer_ ? writer_->bin_bytes() : 0) + run_bytes;
      const bool full = before > 0 && (before + bytes > assembly_.shard_bytes ||
                                       documents_ + run.size() >= shard_documents_max);
      if (full) {
        RETURN_IF_ERROR(put(run, tokens.substr(0, run_bytes)));
        tokens.remove_prefix(run_bytes);
        run.clear();
        run_bytes = 0;
        RETURN_IF_ERROR(finish());
      }
      run.push_back(size);
      run_bytes += bytes;
    }
    return put(run, tokens);
  }

  Status finish() {
    if (!writer_) return Done{};
    ASSIGN_OR_RETURN(ShardEntry entry, writer_->finish(files_));
    shards_.push_back(std::move(entry));
    writer_.reset();
    documents_ = 0;
    return Done{};
  }

  std::vector<ShardEntry>& shards() { return shards_; }

 private:
  Status put(const std::vector<std::int32_t>& run, std::string_view tokens) {
    if (run.empty()) return Done{};
    if (!writer_) {
      const std::string name = fmt::format("{}-{:04}", name_, shards_.size());
      // What a running training has mapped must not change under it: a new file, not the old one.
      RETURN_IF_ERROR(files_.remove(assembly_.folder + "/" + name + ".bin"));
      ASSIGN_OR_RETURN(writer_, ShardWriter::create(assembly_.folder, name, assembly_.type));
    }
    documents_ += run.size();
    return writer_->add(tokens, run);
  }

  Files& files_;
  const Assembly& assembly_;
  std::string name_;
  std::optional<ShardWriter> writer_;
  std::uint64_t documents_ = 0;
  std::vector<ShardEntry> shards_;
};

}  // namespace

Status assemble(Files& files, const Assembly& assembly, const StreamPlan& plan,
                Manifest& manifest) {
  std::vector<StreamWriter> writers;
  for (std::size_t source = 0; source < manifest.sources.size(); ++source) {
    const std::string& name = manifest.sources[source].name;
    for (std::size_t edition = 0; edition < plan.editions[source]; ++edition) {
      writers.emplace_back(files, assembly, fmt::format("{}-training-{}", name, edition));
    }
    writers.emplace_back(files, assembly, fmt::format("{}-validation-0", name));
  }
  for (std::size_t bucket = 0; bucket < assembly.count; ++bucket) {
    ASSIGN_OR_RETURN(const Part part, Part::open(assembly.parts + "/" + part_name(bucket), plan));
    for (std::size_t source = 0; source < manifest.sources.size(); ++source) {
      manifest.sources[source].counts.add(part.counts()[source]);
      manifest.sources[source].text_bytes += part.text_bytes()[source];
    }
    for (std::size_t stream = 0; stream < plan.streams; ++stream) {
      RETURN_IF_ERROR(writers[stream].add(part.sizes(stream), part.tokens(stream)));
    }
  }
  for (StreamWriter& writer : writers) RETURN_IF_ERROR(writer.finish());
  for (std::size_t source = 0; source < manifest.sources.size(); ++source) {
    SourceEntry& entry = manifest.sources[source];
    for (std::size_t edition = 0; edition < plan.editions[source]; ++edition) {
      entry.training.push_back(std::move(writers[plan.first[source] + edition].shards()));
    }
    entry.validation = std::move(writers[plan.validation_of(source)].shards());
  }
  return Done{};
}

}  // namespace celere::tokens
