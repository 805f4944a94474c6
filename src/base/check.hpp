// CHECK stops the program at one of our own bugs, in release builds too, and prints the values.
//
//   CHECK(ranks >= 1);
//   CHECK_EQ(sum, total);
//
// Never for input: wrong input is an Error (base/result.hpp).
#pragma once

#include <fmt/format.h>

#include <string>

namespace celere::detail {

[[noreturn]] void check_failed(const char* file, int line, const char* expression,
                               const std::string& values);

}  // namespace celere::detail

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) ::celere::detail::check_failed(__FILE__, __LINE__, #condition, ""); \
  } while (false)

#define CELERE_CHECK_OP_(a, op, b)                                                       \
  do {                                                                                   \
    const auto& check_a = (a);                                                           \
    const auto& check_b = (b);                                                           \
    if (!(check_a op check_b))                                                           \
      ::celere::detail::check_failed(__FILE__, __LINE__, #a " " #op " " #b,              \
                                     fmt::format(" ({} against {})", check_a, check_b)); \
  } while (false)

#define CHECK_EQ(a, b) CELERE_CHECK_OP_(a, ==, b)
#define CHECK_LE(a, b) CELERE_CHECK_OP_(a, <=, b)
#define CHECK_LT(a, b) CELERE_CHECK_OP_(a, <, b)
#define CHECK_GE(a, b) CELERE_CHECK_OP_(a, >=, b)
#define CHECK_GT(a, b) CELERE_CHECK_OP_(a, >, b)
