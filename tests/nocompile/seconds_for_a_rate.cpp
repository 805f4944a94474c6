// refused: could not convert
#include "base/units.hpp"

celere::Seconds time(celere::BytesPerSecond rate);
celere::Seconds wrong(celere::Seconds time_given) { return time(time_given); }
