// manifest.json: what a corpus is and how it was made. It is written last, by a rename: a folder
// without it holds no corpus. Two builds of the same files and settings give the same manifest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/result.hpp"
#include "tokens/document.hpp"
#include "tokens/shard.hpp"

namespace celere::tokens {

inline constexpr const char* manifest_file = "manifest.json";
inline constexpr const char* tokenizer_folder = "tokenizer";

struct SourceFile {
  std::string path;
  std::uint64_t bytes = 0;  // as it lies on the disk
  std::string hash;
};

struct SourceEntry {
  std::string name, kind;
  std::optional<double> weight;
  std::vector<SourceFile> files;
  Counts counts;
  std::uint64_t text_bytes = 0;  // of the kept documents, questions in their first phrasing
  std::vector<std::vector<ShardEntry>> training;  // by edition, at least one
  std::vector<ShardEntry> validation;
};

struct Manifest {
  std::string made_from;  // hash of the settings and of the names, sizes and dates of the files
  std::uint64_t seed = 0;
  std::string tokenizer_hash;
  std::int32_t vocabulary = 0;
  std::string filters;  // as they were asked for
  std::vector<SourceEntry> sources;
};

std::uint64_t tokens_of(const std::vector<ShardEntry>& shards);
std::uint64_t documents_of(const std::vector<ShardEntry>& shards);

std::string written_manifest(const Manifest& manifest);
// Errors: corrupt, unsupported; `path` is what messages call it.
Result<Manifest> parse_manifest(std::string_view json, const std::string& path);
// Errors also: not_found, where the folder holds no corpus.
Result<Manifest> read_manifest(const Files& files, const std::string& folder);

// Reads every shard and compares its bytes with the hashes of the manifest. Errors: corrupt,
// not_found, io.
Status verify_shards(const std::string& folder, const Manifest& manifest);

}  // namespace celere::tokens
