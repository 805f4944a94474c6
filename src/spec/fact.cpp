#include "spec/fact.hpp"

#include "base/check.hpp"

namespace celere::spec {

const char* name_of(Grade grade) {
  switch (grade) {
    case Grade::measured:
      return "measured";
    case Grade::maker:
      return "maker";
    case Grade::secondary:
      return "secondary";
    case Grade::derived:
      return "derived";
    case Grade::fitted:
      return "fitted";
    case Grade::assumption:
      return "assumption";
  }
  CHECK(false);
}

}  // namespace celere::spec
