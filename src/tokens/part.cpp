#include "tokens/part.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/check.hpp"

namespace celere::tokens {
namespace {

constexpr std::string_view magic = "CELEREP1";
constexpr std::size_t hash_bytes = 16;
// Keys of hashes that must not depend on one another.
constexpr std::uint64_t key_of_side = 1, key_of_phrasing = 2, key_of_order = 3;

void put(std::string& bytes, std::uint64_t number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::uint64_t number_at(std::string_view bytes, std::uint64_t at) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// The documents of one stream while it is made.
struct Stream {
  std::vector<std::int32_t> sizes;
  std::string tokens;
};

class PartMaker {
 public:
  PartMaker(const BucketContent& content, const StreamPlan& plan, std::uint64_t seed,
            TokenType type, Encoder& encoder)
      : content_(content), plan_(plan), seed_(seed), type_(type), encoder_(encoder) {}

  PartBytes make();

 private:
  void add(std::size_t document, std::size_t edition, Stream& stream);

  const BucketContent& content_;
  const StreamPlan& plan_;
  std::uint64_t seed_;
  TokenType type_;
  Encoder& encoder_;
  std::vector<std::int32_t> ids_;
  std::uint64_t encoded_ = 0, tokens_ = 0;
};

// Edition e has the e-th phrasing behind the first, which is drawn: as many editions as there are
// phrasings have each of them once.
void PartMaker::add(std::size_t index, std::size_t edition, Stream& stream) {
  const Document& document = content_.documents[index];
  const SpecialTokens& special = encoder_.tokenizer().special();
  ids_.clear();
  if (!document.questions.empty()) {
    const std::uint64_t drawn = hash64({seed_, key_of_phrasing, content_.hashes[index].low});
    const std::string& question =
        document
            .questions[(drawn % document.questions.size() + edition) % document.questions.size()];
    ids_.push_back(special.user);
    encoder_.encode(question, ids_);
    ids_.push_back(special.assistant);
    encoded_ += question.size();
  }
  encoder_.encode(document.text, ids_);
  ids_.push_back(special.end);
  encoded_ += document.text.size();
  tokens_ += ids_.size();
  stream.sizes.push_back(static_cast<std::int32_t>(ids_.size()));
  if (type_ == TokenType::i32) {
    stream.tokens.append(reinterpret_cast<const char*>(ids_.data()), ids_.size() * sizeof ids_[0]);
    return;
  }
  for (const std::int32_t id : ids_) {
    const auto narrow = static_cast<std::uint16_t>(id);
    stream.tokens.append(reinterpret_cast<const char*>(&narrow), sizeof narrow);
  }
}

PartBytes PartMaker::make() {
  const std::size_t sources = plan_.editions.size();
  std::vector<std::uint64_t> text_bytes(sources, 0);
  std::vector<std::vector<std::size_t>> training(sources);
  std::vector<Stream> streams(plan_.streams);
  for (std::size_t i = 0; i < content_.documents.size(); ++i) {
    const Document& document = content_.documents[i];
    text_bytes[document.source] +=
        document.text.size() + (document.questions.empty() ? 0 : document.questions[0].size());
    if (is_held_out(document, content_.hashes[i], plan_.validation[document.source], seed_)) {
      add(i, 0, streams[plan_.validation_of(document.source)]);
    } else {
      training[document.source].push_back(i);
    }
  }
  for (std::size_t source = 0; source < sources; ++source) {
    for (std::size_t edition = 0; edition < plan_.editions[source]; ++edition) {
      std::vector<std::pair<std::uint64_t, std::size_t>> order;
      for (const std::size_t i : training[source]) {
        const std::uint64_t at =
            edition == 0 ? i : hash64({seed_, key_of_order, edition, content_.hashes[i].low});
        order.emplace_back(at, i);
      }
      std::sort(order.begin(), order.end());
      for (const auto& [at, i] : order) add(i, edition, streams[plan_.first[source] + edition]);
    }
  }
  std::string bytes(magic);
  for (std::size_t source = 0; source < sources; ++source) {
    const Counts& counts = content_.counts[source];
    put(bytes, counts.kept);
    for (const std::uint64_t count : counts.dropped) put(bytes, count);
    put(bytes, text_bytes[source]);
  }
  for (const Stream& stream : streams) {
    put(bytes, stream.sizes.size());
    put(bytes, stream.tokens.size());
  }
  for (const Stream& stream : streams) {
    bytes.append(reinterpret_cast<const char*>(stream.sizes.data()),
                 stream.sizes.size() * sizeof(std::int32_t));
    bytes += stream.tokens;
  }
  const Hash128 hash = hash128(bytes);
  put(bytes, hash.high);
  put(bytes, hash.low);
  return {.bytes = std::move(bytes), .encoded_bytes = encoded_, .encoded_tokens = tokens_};
}

}  // namespace

StreamPlan plan_streams(const spec::DataSpec& data) {
  StreamPlan plan;
  for (const spec::DataSource& source : data.sources) {
    const bool wordnet = source.kind == spec::SourceKind::wordnet;
    plan.editions.push_back(wordnet ? static_cast<std::size_t>(source.wordnet.phrasings) : 1);
    plan.validation.push_back(source.validation.value_or(data.validation));
    plan.first.push_back(plan.streams);
    plan.streams += plan.editions.back() + 1;
  }
  return plan;
}

bool is_held_out(const Document& document, const Hash128& hash, double share, std::uint64_t seed) {
  if (document.always_trained) return false;
  const std::uint64_t key = document.key != 0 ? document.key : hash.low;
  return static_cast<double>(hash64({seed, key_of_side, key})) < share * 18446744073709551616.0;
}

std::string part_name(std::size_t bucket) { return fmt::format("part-{:04}", bucket); }

PartBytes make_part(const BucketContent& content, const StreamPlan& plan, std::uint64_t seed,
                    TokenType type, Encoder& encoder) {
  return PartMaker(content, plan, seed, type, encoder).make();
}

Result<Part> Part::open(const std::string& path, const StreamPlan& plan) {
  Part part;
  ASSIGN_OR_RETURN(part.file_, Mmap::open(path));
  const std::string_view all = part.file_.bytes();
  const std::size_t sources = plan.editions.size();
  const std::size_t head = magic.size() + 8 * sources * (dropped_count + 2) + 16 * plan.streams;
  const auto wrong = [&path] {
    return Error{ErrorCode::corrupt, fmt::format("{}: is no part of a corpus", path), {}};
  };
  if (all.size() < head + hash_bytes || !all.starts_with(magic)) return wrong();
  const std::string_view body = all.substr(0, all.size() - hash_bytes);
  if (hash128(body) != Hash128{number_at(all, body.size()), number_at(all, body.size() + 8)}) {
    return wrong();
  }
  std::uint64_t at = magic.size();
  const auto next = [&all, &at] {
    at += 8;
    return number_at(all, at - 8);
  };
  for (std::size_t source = 0; source < sources; ++source) {
    Counts counts{.kept = next(), .dropped = {}};
    for (std::uint64_t& count : counts.dropped) count = next();
    part.counts_.push_back(counts);
    part.text_bytes_.push_back(next());
  }
  for (std::size_t stream = 0; stream < plan.streams; ++stream) {
    Place place{.documents = next()};
    place.bytes = next();
    part.places_.push_back(place);
  }
  for (Place& place : part.places_) {
    place.at = at;
    at += 4 * place.documents + place.bytes;
  }
  if (at != body.size()) return wrong();
  return part;
}

std::vector<std::int32_t> Part::sizes(std::size_t stream) const {
  const Place& place = places_[stream];
  std::vector<std::int32_t> sizes(place.documents);
  if (!sizes.empty()) {
    std::memcpy(sizes.data(), file_.bytes().data() + place.at, 4 * sizes.size());
  }
  return sizes;
}

std::string_view Part::tokens(std::size_t stream) const {
  const Place& place = places_[stream];
  return file_.bytes().substr(place.at + 4 * place.documents, place.bytes);
}

}  // namespace celere::tokens
