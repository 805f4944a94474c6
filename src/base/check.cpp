#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace celere::detail {

void check_failed(const char* file, int line, const char* expression, const std::string& values) {
  std::fprintf(stderr, "%s:%d: CHECK(%s) failed%s\nThis is a bug in Celere, not in your input.\n",
               file, line, expression, values.c_str());
  std::abort();
}

}  // namespace celere::detail
