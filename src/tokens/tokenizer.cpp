#include "tokens/tokenizer.hpp"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "tokens/hash.hpp"
#include "tokens/tokenizer_files.hpp"
#include "tokens/unicode.hpp"

namespace celere::tokens {
namespace {

constexpr std::string_view space_mark = "\xE2\x96\x81";  // U+2581, how pieces write a space
constexpr std::size_t chunk_bytes = 1 << 14;

// Appended to a serialized model: normalizer_spec (field 3) {add_dummy_prefix (3): false,
// remove_extra_whitespaces (4): false}. Protocol buffers merge a message that comes twice, the last
// value winning; so this model encodes what stands in the middle of a text.
constexpr std::string_view middle_of_text = std::string_view("\x1A\x04\x18\x00\x20\x00", 6);

// A word reaches to the next space or line end; a line end is a word of its own. A longer one than
// a chunk is cut at a character.
std::size_t end_of_word(std::string_view text) {
  if (text[0] == '\n') return 1;
  const std::size_t end = std::min(text.find_first_of(" \n", 1), text.size());
  if (end <= chunk_bytes) return end;
  std::size_t at = chunk_bytes;
  while (at > 1 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

// As many whole words as a chunk holds, or the beginning of one that it does not hold.
std::size_t end_of_chunk(std::string_view text) {
  if (text.size() <= chunk_bytes) return text.size();
  std::size_t end = end_of_word(text);
  while (end < text.size()) {
    const std::size_t next = end + end_of_word(text.substr(end));
    if (next > chunk_bytes) return end;
    end = next;
  }
  return end;
}

void encode_with(const sentencepiece::SentencePieceProcessor& model, std::string_view text,
                 std::vector<std::int32_t>& ids) {
  std::vector<int> found;
  CHECK(model.Encode({text.data(), text.size()}, &found).ok());
  ids.insert(ids.end(), found.begin(), found.end());
}

}  // namespace

struct Tokenizer::Impl {
  sentencepiece::SentencePieceProcessor first;   // from the beginning of a text
  sentencepiece::SentencePieceProcessor middle;  // from within it
  TokenizerSettings settings;
  std::int32_t vocabulary = 0;
  std::string hash;
  std::vector<std::string> surface;  // of each token: what it adds to a text
  std::vector<std::string> pieces;
  std::string none;

  bool is_special(std::int32_t id) const {
    const SpecialTokens& special = settings.special;
    return id == special.end || id == special.user || id == special.assistant || id == special.pad;
  }
  const std::string& surface_of(std::int32_t id) const {
    return id < 0 || id >= vocabulary ? none : surface[static_cast<std::size_t>(id)];
  }
  void read_pieces();
};

// The text of each token, once: byte pieces are "<0x41>", space marks are spaces.
void Tokenizer::Impl::read_pieces() {
  for (std::int32_t id = 0; id < vocabulary; ++id) {
    if (id >= first.GetPieceSize()) {  // a special token behind the model's own
      const SpecialTokens& special = settings.special;
      const std::size_t name = id == special.end         ? 0
                               : id == special.user      ? 1
                               : id == special.assistant ? 2
                                                         : 3;
      pieces.emplace_back(special_names[name]);
      surface.emplace_back();
      continue;
    }
    const std::string& piece = first.IdToPiece(id);
    pieces.push_back(piece);
    std::string text;
    if (first.IsByte(id) && piece.size() == 6) {
      unsigned byte = 0;
      std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
      text = static_cast<char>(byte);
    } else if (first.IsUnknown(id)) {
      text = "\xEF\xBF\xBD";
    } else if (!first.IsControl(id) && !first.IsUnused(id) && !is_special(id)) {
      text = piece;
      for (std::size_t at = 0; (at = text.find(space_mark, at)) != std::string::npos; ++at) {
        text.replace(at, space_mark.size(), " ");
      }
    }
    surface.push_back(std::move(text));
  }
}

Result<Tokenizer> Tokenizer::load(const Files& files, const std::string& folder) {
  const std::string settings_path = folder + "/" + settings_file;
  const std::string model_path = folder + "/" + model_file;
  ASSIGN_OR_RETURN(const std::string settings, files.read(settings_path));
  ASSIGN_OR_RETURN(const std::string model, files.read(model_path));
  auto impl = std::make_shared<Impl>();
  ASSIGN_OR_RETURN(impl->settings, parse_settings(settings, settings_path));
  const auto wrong = [](const std::string& path, const std::string& what) {
    return Error{ErrorCode::corrupt, fmt::format("{}: {}", path, what), {}};
  };
  if (written(hash128(model)) != impl->settings.model_hash) {
    return wrong(model_path, fmt::format("is not the model that {} speaks of", settings_file));
  }
  if (!impl->first.LoadFromSerializedProto(model).ok() ||
      !impl->middle.LoadFromSerializedProto(model + std::string(middle_of_text)).ok()) {
    return wrong(model_path, "is no sentencepiece model");
  }
  const std::int32_t pieces = impl->first.GetPieceSize();
  impl->vocabulary = pieces;
  const SpecialTokens& special = impl->settings.special;
  for (const std::int32_t id : {special.end, special.user, special.assistant, special.pad}) {
    impl->vocabulary = std::max(impl->vocabulary, id + 1);
  }
  if (impl->vocabulary > pieces + static_cast<std::int32_t>(std::size(special_names))) {
    return wrong(settings_path, "has special tokens far behind the pieces of the model");
  }
  impl->read_pieces();
  impl->hash = written(hash128(written_settings(impl->settings)));
  return Tokenizer(impl);
}

Status Tokenizer::save(Files& files, const std::string& folder, const std::string& model,
                       bool words_apart) {
  sentencepiece::SentencePieceProcessor processor;
  if (!processor.LoadFromSerializedProto(model).ok()) {
    return Error{ErrorCode::corrupt, "is no sentencepiece model", {}};
  }
  TokenizerSettings settings;
  settings.model_hash = written(hash128(model));
  settings.words_apart = words_apart;
  std::int32_t next = processor.GetPieceSize();
  const auto id_of = [&](const char* name) {
    const int id = processor.PieceToId(name);
    return processor.IsControl(id) && processor.IdToPiece(id) == name ? id : next++;
  };
  settings.special.end = id_of(special_names[0]);
  settings.special.user = id_of(special_names[1]);
  settings.special.assistant = id_of(special_names[2]);
  settings.special.pad = id_of(special_names[3]);
  RETURN_IF_ERROR(files.make_folder(folder));
  RETURN_IF_ERROR(files.write(folder + "/" + model_file, model));
  return files.write(folder + "/" + settings_file, written_settings(settings));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<std::int32_t> ids;
  const sentencepiece::SentencePieceProcessor* model = &impl_->first;
  while (!text.empty()) {
    const std::size_t cut = end_of_chunk(text);
    encode_with(*model, text.substr(0, cut), ids);
    text.remove_prefix(cut);
    model = &impl_->middle;
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  StreamDecoder decoder(*this);
  std::string text;
  for (const std::int32_t id : ids) text += decoder.push(id);
  return text + decoder.finish();
}

std::vector<std::int32_t> Tokenizer::chat_prompt(std::string_view question) const {
  std::vector<std::int32_t> ids = {special().user};
  for (const std::int32_t id : encode(question)) ids.push_back(id);
  ids.push_back(special().assistant);
  return ids;
}

std::vector<std::int32_t> Tokenizer::chat_document(std::string_view question,
                                                   std::string_view answer) const {
  std::vector<std::int32_t> ids = chat_prompt(question);
  for (const std::int32_t id : encode(answer)) ids.push_back(id);
  ids.push_back(special().end);
  return ids;
}

const SpecialTokens& Tokenizer::special() const { return impl_->settings.special; }
bool Tokenizer::is_special(std::int32_t id) const { return impl_->is_special(id); }
std::int32_t Tokenizer::vocabulary() const { return impl_->vocabulary; }
const std::string& Tokenizer::hash() const { return impl_->hash; }
std::string Tokenizer::piece(std::int32_t id) const {
  if (id < 0 || id >= impl_->vocabulary) return "";
  return impl_->pieces[static_cast<std::size_t>(id)];
}

// Words as they stand in the text ("violin", " violin", "\n") and what they become, as a range of
// one long list. The first word of a text is remembered apart: a space is put before it.
struct Encoder::Impl {
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return hash64(text); }
  };
  struct Range {
    std::uint32_t begin = 0, size = 0;
  };
  using Memory = std::unordered_map<std::string, Range, Hash, std::equal_to<>>;

  explicit Impl(Tokenizer with) : tokenizer(std::move(with)) {}
  void encode_word(const sentencepiece::SentencePieceProcessor& model, Memory& memory,
                   std::string_view word, std::vector<std::int32_t>& ids);

  Tokenizer tokenizer;
  Memory first, middle;
  std::vector<std::int32_t> remembered;
};

namespace {

constexpr std::size_t words_max = 1 << 16;
constexpr std::size_t word_bytes_max = 64;

}  // namespace

void Encoder::Impl::encode_word(const sentencepiece::SentencePieceProcessor& model, Memory& memory,
                                std::string_view word, std::vector<std::int32_t>& ids) {
  const auto found = memory.find(word);
  if (found != memory.end()) {
    const auto begin = remembered.begin() + found->second.begin;
    ids.insert(ids.end(), begin, begin + found->second.size);
    return;
  }
  const std::size_t before = ids.size();
  encode_with(model, word, ids);
  if (word.size() > word_bytes_max) return;
  if (memory.size() >= words_max) {  // rare words fill it: begin anew, the frequent come back
    first.clear();
    middle.clear();
    remembered.clear();
  }
  const Range range{static_cast<std::uint32_t>(remembered.size()),
                    static_cast<std::uint32_t>(ids.size() - before)};
  remembered.insert(remembered.end(), ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
  memory.emplace(word, range);
}

Encoder::Encoder(Tokenizer tokenizer) : impl_(std::make_unique<Impl>(std::move(tokenizer))) {}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
const Tokenizer& Encoder::tokenizer() const { return impl_->tokenizer; }

void Encoder::encode(std::string_view text, std::vector<std::int32_t>& ids) {
  const Tokenizer::Impl& with = *impl_->tokenizer.impl_;
  if (!with.settings.words_apart) {
    const std::vector<std::int32_t> all = impl_->tokenizer.encode(text);
    ids.insert(ids.end(), all.begin(), all.end());
    return;
  }
  bool at_start = true;
  while (!text.empty()) {
    const std::size_t end = end_of_word(text);
    impl_->encode_word(at_start ? with.first : with.middle, at_start ? impl_->first : impl_->middle,
                       text.substr(0, end), ids);
    text.remove_prefix(end);
    at_start = false;
  }
}

std::string StreamDecoder::push(std::int32_t id) {
  const Tokenizer::Impl& with = *tokenizer_.impl_;
  if (with.is_special(id)) {
    at_start_ = true;
    return finish();
  }
  std::string_view surface = with.surface_of(id);
  if (surface.empty()) return "";
  if (at_start_ && bytes_.empty() && surface.front() == ' ') surface.remove_prefix(1);
  at_start_ = false;
  bytes_ += surface;
  // Whole characters go out; bytes that begin none are U+FFFD, one each.
  std::string out;
  std::size_t at = 0;
  while (at < bytes_.size()) {
    const std::string_view rest = std::string_view(bytes_).substr(at);
    const std::size_t size = character_bytes(static_cast<unsigned char>(rest[0]));
    const std::size_t have = std::min(size, rest.size());
    std::size_t good = size == 0 ? 0 : 1;
    while (good > 0 && good < have && (static_cast<unsigned char>(rest[good]) & 0xC0) == 0x80) {
      ++good;
    }
    if (good == rest.size() && good < size) break;  // may still become whole
    if (size != 0 && good == size && is_utf8(rest.substr(0, size))) {
      out += rest.substr(0, size);
      at += size;
    } else {
      out += "\xEF\xBF\xBD";
      at += 1;
    }
  }
  bytes_.erase(0, at);
  return out;
}

std::string StreamDecoder::finish() {
  at_start_ = true;
  const std::string out = bytes_.empty() ? "" : "\xEF\xBF\xBD";
  bytes_.clear();
  return out;
}

}  // namespace celere::tokens
