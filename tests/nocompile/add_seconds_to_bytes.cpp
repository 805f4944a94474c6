// refused: no match for 'operator+'
#include "base/units.hpp"

auto sum(celere::Seconds time, celere::Bytes bytes) { return time + bytes; }
