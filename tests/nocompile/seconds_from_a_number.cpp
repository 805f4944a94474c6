// refused: from 'double' to 'celere::Seconds'
#include "base/units.hpp"

celere::Seconds half() { return 0.5; }
