// refused: no match for 'operator<'
#include "base/units.hpp"

bool less(celere::Bytes bytes, celere::Tokens tokens) { return bytes < tokens; }
