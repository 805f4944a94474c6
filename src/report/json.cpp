#include "report/json.hpp"

#include <algorithm>

namespace celere::report {

std::string dumped(const OrderedJson& json, int indent) {
  return json.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string key_of(const char* name) {
  std::string key = name;
  std::replace(key.begin(), key.end(), ' ', '_');
  return key;
}

}  // namespace celere::report
