// The name that someone who wrote another one probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace celere::spec {

// The known name with the least edit distance [Levenshtein 1966]; empty where none is within two
// changes or a third of the length, whichever is more.
std::string nearest(std::string_view written, const std::vector<std::string>& known);

}  // namespace celere::spec
