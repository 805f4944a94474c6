// A value, or the reason why there is none.
//
// An Error carries one of a few codes, a message written for the person who must act (with amounts,
// and with file, line and key where the input is a file), and the trail of what was being done. Our
// own bugs are not errors: CHECK (base/check.hpp) stops the program. That no layout fits is not an
// error either: it is an answer (plan/).
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.hpp"

namespace celere {

enum class ErrorCode {
  bad_input,      // a file, a flag or a value in it is wrong
  not_found,      // a file or an entry of the catalogue does not exist
  unknown_value,  // a number is needed that nobody published (an entry says "unknown")
  io,             // the operating system refused
  corrupt,        // bytes are not what they claim to be
  unsupported,    // understood, and not done here
  busy,           // another process holds it
};

struct Error {
  ErrorCode code = ErrorCode::bad_input;
  std::string message;
  std::vector<std::string> trail;  // innermost first: "reading examples/x.toml", ...

  // The message, then the trail, one line each.
  std::string text() const {
    std::string out = message;
    for (const std::string& step : trail) out += "\n  while " + step;
    return out;
  }
};

inline Error bad_input(std::string message) {
  return {ErrorCode::bad_input, std::move(message), {}};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok().
  const T& value() const& {
    CHECK(ok());
    return std::get<0>(state_);
  }
  T& value() & {
    CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  // REQUIRES: !ok().
  const Error& error() const& {
    CHECK(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

  // Adds a step to the trail of an error; a value passes through.
  Result&& during(std::string step) && {
    if (!ok()) std::get<1>(state_).trail.push_back(std::move(step));
    return std::move(*this);
  }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;

// The value of a Result, or an early return of its error.
#define CELERE_CONCAT_(a, b) a##b
#define CELERE_CONCAT(a, b) CELERE_CONCAT_(a, b)
#define ASSIGN_OR_RETURN(declaration, expression)               \
  auto CELERE_CONCAT(result_, __LINE__) = (expression);         \
  if (!CELERE_CONCAT(result_, __LINE__).ok())                   \
    return std::move(CELERE_CONCAT(result_, __LINE__)).error(); \
  declaration = std::move(CELERE_CONCAT(result_, __LINE__)).value()
#define RETURN_IF_ERROR(expression)                         \
  if (auto CELERE_CONCAT(status_, __LINE__) = (expression); \
      !CELERE_CONCAT(status_, __LINE__).ok())               \
  return std::move(CELERE_CONCAT(status_, __LINE__)).error()

}  // namespace celere
