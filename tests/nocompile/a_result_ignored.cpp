// refused: nodiscard
#include "base/result.hpp"

celere::Result<int> half(int number);
void forget() { half(3); }
