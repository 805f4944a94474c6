// accepted
#include "base/result.hpp"
#include "base/units.hpp"

celere::Seconds time(celere::Bytes bytes, celere::BytesPerSecond rate) { return bytes / rate; }
