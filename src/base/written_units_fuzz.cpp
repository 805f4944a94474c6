#include <cmath>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "base/written_units.hpp"

// Whatever is written is refused or is a finite amount.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const celere::Dimension dimension :
       {celere::Dimension{}, celere::dimension_of(celere::Bytes{}),
        celere::dimension_of(celere::BytesPerSecond{}),
        celere::dimension_of(celere::DollarsPerJoule{})}) {
    const celere::Result<double> amount = celere::parse_written(text, dimension);
    if (amount.ok()) CHECK(std::isfinite(*amount));
  }
  return 0;
}
