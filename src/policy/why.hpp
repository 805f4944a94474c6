// Why something is done, for people: put together only when it is read, since a simulated training
// decides a million times and reads none of it.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <tuple>
#include <utility>

namespace celere::policy {

class Why {
 public:
  Why() = default;
  Why(const char* text) : literal_(text) {}  // NOLINT(google-explicit-constructor): it is one
  Why(std::string text)                      // NOLINT(google-explicit-constructor)
      : Why(fmt::format_string<std::string>("{}"), std::move(text)) {}
  // As fmt::format has it; the parts are kept.
  template <typename... Parts>
  explicit Why(fmt::format_string<Parts...> text, Parts... parts)
      : later_(std::make_shared<Later<Parts...>>(text, std::move(parts)...)) {}

  std::string text() const { return later_ ? later_->text() : literal_; }
  friend bool operator==(const Why& one, const Why& other) { return one.text() == other.text(); }

 private:
  struct Text {
    virtual ~Text() = default;
    virtual std::string text() const = 0;
  };
  template <typename... Parts>
  struct Later final : Text {
    Later(fmt::format_string<Parts...> format, Parts... kept)
        : form(format), parts(std::move(kept)...) {}
    std::string text() const override {
      const auto written = [&](const Parts&... part) {
        return fmt::format(fmt::runtime(form), part...);
      };
      return std::apply(written, parts);
    }
    fmt::string_view form;
    std::tuple<Parts...> parts;
  };

  const char* literal_ = "";
  std::shared_ptr<const Text> later_;
};

}  // namespace celere::policy

template <>
struct fmt::formatter<celere::policy::Why> : fmt::formatter<std::string_view> {
  auto format(const celere::policy::Why& why, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(why.text(), context);
  }
};
