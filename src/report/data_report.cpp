#include "report/data_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/written_units.hpp"
#include "report/table.hpp"
#include "tokens/dataset.hpp"

namespace celere::report {
namespace {

using Json = nlohmann::ordered_json;
using tokens::Dropped;
using tokens::Manifest;
using tokens::SourceEntry;

std::string count(std::uint64_t number) { return written_count(static_cast<double>(number)); }

std::string dropped_text(const tokens::Counts& counts) {
  std::string text;
  for (std::size_t i = 0; i < tokens::dropped_count; ++i) {
    if (counts.dropped[i] == 0) continue;
    std::string name = tokens::name_of(static_cast<Dropped>(i));
    std::replace(name.begin(), name.end(), '_', ' ');
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count(counts.dropped[i]), name);
  }
  return text.empty() ? "none" : text;
}

std::string manifest_text(const Manifest& manifest) {
  Table table({{"source", Table::Align::left},
               {"documents", Table::Align::right},
               {"text", Table::Align::right},
               {"editions", Table::Align::right},
               {"tokens", Table::Align::right},
               {"held out", Table::Align::right},
               {"dropped", Table::Align::left}});
  for (const SourceEntry& source : manifest.sources) {
    table.row({source.name, count(source.counts.kept),
               fmt::format("{:.2f} MB", static_cast<double>(source.text_bytes) * 1e-6),
               count(source.training.size()), count(tokens::tokens_of(source.training[0])),
               count(tokens::tokens_of(source.validation)), dropped_text(source.counts)});
  }
  return table.text(2) + fmt::format("  tokenizer of {} tokens, {}\n",
                                     count(static_cast<std::uint64_t>(manifest.vocabulary)),
                                     manifest.tokenizer_hash);
}

Json shards_json(const std::string& folder, const std::vector<tokens::ShardEntry>& shards) {
  Json list = Json::array();
  for (const tokens::ShardEntry& shard : shards) {
    list.push_back({{"path", folder + "/" + shard.name},
                    {"documents", shard.documents},
                    {"tokens", shard.tokens},
                    {"bin_bytes", shard.bin_bytes}});
  }
  return list;
}

Json manifest_json(const Manifest& manifest, const std::string& folder) {
  Json sources = Json::array();
  std::uint64_t training = 0, validation = 0, documents = 0, dropped = 0;
  for (const SourceEntry& source : manifest.sources) {
    Json reasons, editions = Json::array();
    for (std::size_t i = 0; i < tokens::dropped_count; ++i) {
      reasons[tokens::name_of(static_cast<Dropped>(i))] = source.counts.dropped[i];
    }
    for (const auto& edition : source.training) editions.push_back(shards_json(folder, edition));
    training += tokens::tokens_of(source.training[0]);
    validation += tokens::tokens_of(source.validation);
    documents += source.counts.kept;
    dropped += source.counts.all_dropped();
    sources.push_back({{"name", source.name},
                       {"kind", source.kind},
                       {"files", source.files.size()},
                       {"documents_kept", source.counts.kept},
                       {"documents_dropped", reasons},
                       {"text_bytes", source.text_bytes},
                       {"editions", source.training.size()},
                       {"tokens_training", tokens::tokens_of(source.training[0])},
                       {"tokens_validation", tokens::tokens_of(source.validation)},
                       {"training", editions},
                       {"validation", shards_json(folder, source.validation)}});
  }
  return {{"folder", folder},
          {"documents_kept", documents},
          {"documents_dropped", dropped},
          {"tokens_training", training},
          {"tokens_validation", validation},
          {"vocabulary", manifest.vocabulary},
          {"tokenizer_hash", manifest.tokenizer_hash},
          {"seed", manifest.seed},
          {"sources", sources}};
}

Json rate(double amount, Seconds time) {
  return amount > 0 && time > Seconds{} ? Json(amount / time.in_base()) : Json(nullptr);
}

struct Shown {
  Manifest manifest;
  std::vector<std::vector<std::int32_t>> documents;
  std::vector<std::string> texts;
};

Result<Shown> shown(const Files& files, const DataShowOptions& options) {
  Shown out;
  ASSIGN_OR_RETURN(out.manifest, tokens::read_manifest(files, options.folder));
  if (options.verify) RETURN_IF_ERROR(tokens::verify_shards(options.folder, out.manifest));
  ASSIGN_OR_RETURN(const tokens::Dataset dataset,
                   tokens::Dataset::open(files, options.folder, {.sequence = 1}));
  const std::uint64_t documents = std::min<std::uint64_t>(options.documents, dataset.documents());
  for (std::uint64_t i = 0; i < documents; ++i) {
    out.documents.push_back(dataset.document(i));
    std::string text;
    for (const auto& [question, answer] :
         tokens::questions_of(dataset.tokenizer(), out.documents.back())) {
      text += fmt::format("{} -> {}", question, answer);
    }
    out.texts.push_back(text.empty() ? dataset.tokenizer().decode(out.documents.back()) : text);
  }
  return out;
}

}  // namespace

std::string data_build_text(const tokens::BuildReport& build, const std::string& folder) {
  const Seconds all = build.reading + build.training + build.tokenising + build.writing;
  std::string text;
  if (build.up_to_date) {
    text = fmt::format("{} is up to date\n", folder);
  } else {
    text = fmt::format("{} was built in {}", folder, written(all));
    if (build.encoded_bytes > 0 && build.tokenising > Seconds{}) {
      text += fmt::format(
          ": tokenised at {} and {}",
          written(Bytes::of(static_cast<double>(build.encoded_bytes)) / build.tokenising),
          written(Tokens::of(static_cast<double>(build.encoded_tokens)) / build.tokenising));
    }
    if (build.parts_kept > 0) {
      text += fmt::format("; {} of {} parts were there from before", build.parts_kept, build.parts);
    }
    text += "\n";
  }
  return text + manifest_text(build.manifest);
}

std::string data_build_json(const tokens::BuildReport& build, const std::string& folder) {
  Json json = manifest_json(build.manifest, folder);
  json["up_to_date"] = build.up_to_date;
  json["parts"] = build.parts;
  json["parts_kept"] = build.parts_kept;
  json["reading_time_s"] = build.reading.in_base();
  json["tokenizer_time_s"] = build.training.in_base();
  json["tokenising_time_s"] = build.tokenising.in_base();
  json["writing_time_s"] = build.writing.in_base();
  json["tokenised_bytes"] = build.encoded_bytes;
  json["tokenise_bytes_per_s"] = rate(static_cast<double>(build.encoded_bytes), build.tokenising);
  json["tokenise_tokens_per_s"] = rate(static_cast<double>(build.encoded_tokens), build.tokenising);
  json["memory_peak_bytes"] =
      build.memory_peak ? Json(build.memory_peak->in_base()) : Json(nullptr);
  return json.dump(2) + "\n";
}

Result<std::string> data_show_text(const Files& files, const DataShowOptions& options) {
  ASSIGN_OR_RETURN(const Shown found, shown(files, options));
  std::string text = options.folder + "\n" + manifest_text(found.manifest);
  if (options.verify) text += "  every shard has the bytes that it was made with\n";
  for (const std::string& one : found.texts) text += fmt::format("\n{}\n", one);
  return text;
}

Result<std::string> data_show_json(const Files& files, const DataShowOptions& options) {
  ASSIGN_OR_RETURN(const Shown found, shown(files, options));
  Json json = manifest_json(found.manifest, options.folder);
  json["verified"] = options.verify;
  json["documents"] = Json::array();
  for (std::size_t i = 0; i < found.documents.size(); ++i) {
    json["documents"].push_back({{"tokens", found.documents[i]}, {"text", found.texts[i]}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace celere::report
