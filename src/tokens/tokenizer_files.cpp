#include "tokens/tokenizer_files.hpp"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace celere::tokens {
namespace {

using Json = nlohmann::ordered_json;
constexpr int version = 1;
constexpr const char* chat = "<|user|>{question}<|assistant|>{answer}<|end|>";

std::int32_t SpecialTokens::* const members[] = {&SpecialTokens::end, &SpecialTokens::user,
                                                 &SpecialTokens::assistant, &SpecialTokens::pad};

}  // namespace

std::string written_settings(const TokenizerSettings& settings) {
  Json special;
  for (std::size_t i = 0; i < std::size(special_names); ++i) {
    special[special_names[i]] = settings.special.*members[i];
  }
  const Json json = {{"version", version},
                     {"model", model_file},
                     {"model_xxh128", settings.model_hash},
                     {"words_apart", settings.words_apart},
                     {"special", special},
                     {"chat", chat}};
  return json.dump(2) + "\n";
}

Result<TokenizerSettings> parse_settings(std::string_view text, const std::string& path) {
  const auto wrong = [&path](const std::string& what) {
    return Error{ErrorCode::corrupt, fmt::format("{}: {}", path, what), {}};
  };
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return wrong("is no JSON object");
  const auto is = [&json](const char* key, bool (Json::*kind)() const noexcept) {
    return json.contains(key) && (json[key].*kind)();
  };
  if (!is("version", &Json::is_number_integer)) return wrong("says no version");
  if (json["version"] != version) {
    return Error{ErrorCode::unsupported,
                 fmt::format("{}: is of version {}, and {} is known here", path,
                             json["version"].dump(), version),
                 {}};
  }
  if (!is("model_xxh128", &Json::is_string)) return wrong("says no model_xxh128");
  if (!is("words_apart", &Json::is_boolean)) return wrong("says no words_apart");
  if (!is("chat", &Json::is_string) || json["chat"] != chat) {
    return Error{
        ErrorCode::unsupported, fmt::format("{}: has another chat than {}", path, chat), {}};
  }
  if (!is("special", &Json::is_object)) return wrong("says no special tokens");
  TokenizerSettings settings;
  settings.model_hash = json["model_xxh128"].get<std::string>();
  settings.words_apart = json["words_apart"].get<bool>();
  for (std::size_t i = 0; i < std::size(special_names); ++i) {
    const Json& special = json["special"];
    const auto found = special.find(special_names[i]);
    if (found == special.end() || !found->is_number_unsigned() ||
        found->get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max() / 2) {
      return wrong(fmt::format("says no number of the special token {}", special_names[i]));
    }
    settings.special.*members[i] = found->get<std::int32_t>();
    for (std::size_t j = 0; j < i; ++j) {
      if (settings.special.*members[j] == settings.special.*members[i]) {
        return wrong(fmt::format("{} and {} are one token", special_names[j], special_names[i]));
      }
    }
  }
  return settings;
}

}  // namespace celere::tokens
