#include "tokens/dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/check.hpp"
#include "tokens/hash.hpp"
#include "tokens/manifest.hpp"
#include "tokens/order.hpp"
#include "tokens/packing.hpp"
#include "tokens/token_stream.hpp"

namespace celere::tokens {
namespace {

struct Edition {
  TokenStream stream;
  std::optional<WholeWindows> whole;
  std::uint64_t windows = 0;
};

struct Source {
  std::vector<Edition> editions;
  std::vector<std::uint64_t> before = {0};  // windows before each edition, and of all
  std::uint64_t key = 0;                    // of its order
};

// Windows of a stream that is cut: each predicts `sequence` of the tokens behind the first.
std::uint64_t cut_windows(std::uint64_t tokens, std::int64_t sequence) {
  const auto each = static_cast<std::uint64_t>(sequence);
  return tokens < 2 ? 0 : (tokens - 1 + each - 1) / each;
}

// Which tokens of a document count: of a chat those of the answers, of any other all but the first.
class Counting {
 public:
  Counting(const SpecialTokens& special, LossOn loss_on) : special_(special), loss_on_(loss_on) {}

  // From the beginning of a document on; then one call a token, in order.
  void begin(std::int32_t first_token) {
    all_ = loss_on_ == LossOn::all || first_token != special_.user;
    answer_ = false;
  }
  bool counts(std::int32_t token) {
    if (all_) return true;
    const bool counted = answer_ && token != special_.user;
    if (token == special_.assistant) answer_ = true;
    if (token == special_.end || token == special_.user) answer_ = false;
    return counted;
  }
  bool all() const { return all_; }

 private:
  SpecialTokens special_;
  LossOn loss_on_;
  bool all_ = true;
  bool answer_ = false;
};

}  // namespace

struct Dataset::Impl {
  Impl(Tokenizer with, DatasetOptions wanted)
      : tokenizer(std::move(with)), options(wanted), mixture(std::vector<std::uint64_t>{1}) {}

  Status add_source(const std::string& folder, const SourceEntry& entry);
  Status share_out(const Manifest& manifest, const std::string& folder);
  std::size_t place(const TokenStream& stream, std::uint64_t document, std::uint64_t begin,
                    std::uint64_t end, std::size_t at, const SampleView& view) const;
  void pad(std::size_t at, const SampleView& view) const;
  void fill_cut(const Edition& edition, std::uint64_t window, const SampleView& view) const;
  void fill_whole(const Edition& edition, std::uint64_t window, const SampleView& view) const;

  Tokenizer tokenizer;
  DatasetOptions options;
  std::vector<Source> sources;
  Mixture mixture;
  std::uint64_t epoch_samples = 0;
};

Status Dataset::Impl::add_source(const std::string& folder, const SourceEntry& entry) {
  Source source;
  source.key = hash64({options.seed, hash64(entry.name)});
  const std::vector<std::vector<ShardEntry>> editions =
      options.side == Side::training ? entry.training
                                     : std::vector<std::vector<ShardEntry>>{entry.validation};
  for (const std::vector<ShardEntry>& shards : editions) {
    Edition edition;
    ASSIGN_OR_RETURN(edition.stream, TokenStream::open(folder, shards));
    if (options.packing == Packing::whole) {
      edition.whole.emplace(edition.stream, options.sequence);
      edition.windows = edition.whole->count();
    } else {
      edition.windows = cut_windows(edition.stream.tokens(), options.sequence);
    }
    source.before.push_back(source.before.back() + edition.windows);
    source.editions.push_back(std::move(edition));
  }
  if (source.before.back() > 0) sources.push_back(std::move(source));
  return Done{};
}

// Weights of the manifest in 2^-32 of the largest; without them the windows of the first edition.
Status Dataset::Impl::share_out(const Manifest& manifest, const std::string& folder) {
  if (sources.empty()) {
    return bad_input(fmt::format("{} has no documents for {}", folder,
                                 options.side == Side::training
                                     ? "training"
                                     : "validation: build it with data.validation above 0"));
  }
  std::vector<std::uint64_t> weights;
  double largest = 0;
  for (const SourceEntry& entry : manifest.sources)
    largest = std::max(largest, entry.weight.value_or(0));
  std::size_t next = 0;
  for (const SourceEntry& entry : manifest.sources) {
    const bool here =
        next < sources.size() && sources[next].key == hash64({options.seed, hash64(entry.name)});
    if (!here) continue;
    const std::uint64_t windows = std::max<std::uint64_t>(1, sources[next].editions[0].windows);
    weights.push_back(entry.weight
                          ? std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::llround(
                                                           *entry.weight / largest * 4294967296.0)))
                          : windows);
    ++next;
  }
  CHECK_EQ(next, sources.size());
  double all = 0;
  for (const std::uint64_t weight : weights) all += static_cast<double>(weight);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const double samples =
        static_cast<double>(sources[i].editions[0].windows) * all / static_cast<double>(weights[i]);
    epoch_samples = std::max(epoch_samples, static_cast<std::uint64_t>(std::ceil(samples - 1e-6)));
  }
  mixture = Mixture(weights);
  return Done{};
}

Result<Dataset> Dataset::open(const Files& files, const std::string& folder,
                              const DatasetOptions& options) {
  if (options.sequence < 1 || options.sequence > 1 << 28) {
    return bad_input(fmt::format("a sequence of {} tokens cannot be", options.sequence));
  }
  ASSIGN_OR_RETURN(const Manifest manifest, read_manifest(files, folder));
  const std::string tokenizer_path = folder + "/" + tokenizer_folder;
  ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::load(files, tokenizer_path));
  if (tokenizer.hash() != manifest.tokenizer_hash) {
    return Error{ErrorCode::corrupt,
                 fmt::format("{} is the tokenizer of another corpus: the shards were made with {}, "
                             "and this is {}",
                             tokenizer_path, manifest.tokenizer_hash, tokenizer.hash()),
                 {}};
  }
  auto impl = std::make_shared<Impl>(std::move(tokenizer), options);
  for (const SourceEntry& entry : manifest.sources) {
    RETURN_IF_ERROR(impl->add_source(folder, entry));
  }
  RETURN_IF_ERROR(impl->share_out(manifest, folder));
  return Dataset(impl);
}

// Puts tokens [begin, end) of the stream, of one document, at place `at` of a sample. Returns the
// place behind them. A prediction counts where both tokens are of the document.
std::size_t Dataset::Impl::place(const TokenStream& stream, std::uint64_t document,
                                 std::uint64_t begin, std::uint64_t end, std::size_t at,
                                 const SampleView& view) const {
  const std::size_t count = end - begin;
  stream.copy(begin, count, view.tokens.data() + at);
  const std::uint64_t first = stream.begin_of(document);
  Counting counting(tokenizer.special(), options.loss_on);
  counting.begin(stream.token(first));
  for (std::uint64_t i = first; i < begin && !counting.all(); ++i) {
    (void)counting.counts(stream.token(i));
  }
  const std::size_t sequence = view.counted.size();
  for (std::size_t i = at; i < at + count; ++i) {
    const bool counts = counting.counts(view.tokens[i]);
    if (i < sequence) view.document_start[i] = static_cast<std::int32_t>(at);
    if (i > 0) view.counted[i - 1] = counts && i > at ? 1 : 0;
  }
  return at + count;
}

// What is left is padding, a document of its own of which nothing counts.
void Dataset::Impl::pad(std::size_t at, const SampleView& view) const {
  for (std::size_t i = at; i < view.tokens.size(); ++i) {
    view.tokens[i] = tokenizer.special().pad;
    if (i < view.counted.size()) view.document_start[i] = static_cast<std::int32_t>(at);
    if (i > 0) view.counted[i - 1] = 0;
  }
}

void Dataset::Impl::fill_cut(const Edition& edition, std::uint64_t window,
                             const SampleView& view) const {
  const TokenStream& stream = edition.stream;
  std::uint64_t begin = window * view.counted.size();
  const std::uint64_t end = std::min(begin + view.tokens.size(), stream.tokens());
  std::uint64_t document = stream.document_at(begin);
  std::size_t at = 0;
  while (begin < end) {
    const std::uint64_t document_end = std::min(stream.begin_of(document + 1), end);
    at = place(stream, document, begin, document_end, at, view);
    begin = document_end;
    ++document;
  }
  pad(at, view);
}

void Dataset::Impl::fill_whole(const Edition& edition, std::uint64_t window,
                               const SampleView& view) const {
  const std::uint64_t sequence = view.counted.size();
  std::size_t at = 0;
  for (const Piece& piece : edition.whole->window(window)) {
    const std::uint64_t begin = edition.stream.begin_of(piece.document) + piece.number * sequence;
    const std::uint64_t end =
        std::min(edition.stream.begin_of(piece.document + std::uint64_t{1}), begin + sequence + 1);
    at = place(edition.stream, piece.document, begin, end, at, view);
  }
  pad(at, view);
}

void Dataset::fill(std::uint64_t number, const SampleView& view) const {
  const auto sequence = static_cast<std::size_t>(impl_->options.sequence);
  CHECK_EQ(view.tokens.size(), sequence + 1);
  CHECK_EQ(view.document_start.size(), sequence);
  CHECK_EQ(view.counted.size(), sequence);
  const Mixture::Pick pick = impl_->mixture.pick(number);
  const Source& source = impl_->sources[pick.source];
  const std::uint64_t round = pick.number / source.before.back();
  const std::uint64_t within = pick.number % source.before.back();
  const auto above = std::upper_bound(source.before.begin(), source.before.end(), within);
  const auto place = static_cast<std::size_t>(above - source.before.begin() - 1);
  const Edition& edition = source.editions[place];
  const std::uint64_t window =
      permuted(within - source.before[place], edition.windows, hash64({source.key, round, place}));
  if (edition.whole) {
    impl_->fill_whole(edition, window, view);
  } else {
    impl_->fill_cut(edition, window, view);
  }
}

Sample Dataset::sample(std::uint64_t number) const {
  const auto sequence = static_cast<std::size_t>(impl_->options.sequence);
  Sample sample;
  sample.tokens.resize(sequence + 1);
  sample.document_start.resize(sequence);
  sample.counted.resize(sequence);
  fill(number, {sample.tokens, sample.document_start, sample.counted});
  return sample;
}

std::uint64_t Dataset::epoch_samples() const { return impl_->epoch_samples; }

std::uint64_t Dataset::tokens() const {
  std::uint64_t sum = 0;
  for (const Source& source : impl_->sources) sum += source.editions[0].stream.tokens();
  return sum;
}

std::uint64_t Dataset::documents() const {
  std::uint64_t sum = 0;
  for (const Source& source : impl_->sources) sum += source.editions[0].stream.documents();
  return sum;
}

std::vector<std::int32_t> Dataset::document(std::uint64_t index) const {
  for (const Source& source : impl_->sources) {
    const TokenStream& stream = source.editions[0].stream;
    if (index < stream.documents()) {
      const std::uint64_t begin = stream.begin_of(index), end = stream.begin_of(index + 1);
      std::vector<std::int32_t> document(end - begin);
      stream.copy(begin, document.size(), document.data());
      return document;
    }
    index -= stream.documents();
  }
  CHECK(false);
}

const DatasetOptions& Dataset::options() const { return impl_->options; }
const Tokenizer& Dataset::tokenizer() const { return impl_->tokenizer; }

std::vector<QuestionAnswer> questions_of(const Tokenizer& tokenizer,
                                         std::span<const std::int32_t> document) {
  std::vector<QuestionAnswer> found;
  const SpecialTokens& special = tokenizer.special();
  std::size_t at = 0;
  while (at < document.size() && document[at] == special.user) {
    const auto begin = document.begin() + static_cast<std::ptrdiff_t>(at);
    const auto middle = std::find(begin, document.end(), special.assistant);
    const auto end = std::find(middle, document.end(), special.end);
    if (middle == document.end()) break;
    found.push_back({tokenizer.decode({begin, middle}), tokenizer.decode({middle, end})});
    at = static_cast<std::size_t>(end - document.begin()) + 1;
  }
  return found;
}

}  // namespace celere::tokens
