// What the system says of this process' memory.
#pragma once

#include <optional>
#include <string_view>

#include "base/files.hpp"
#include "base/units.hpp"

namespace celere {

// A field of /proc/self/status [proc(5)]: "VmHWM" is the most that was resident, "RssAnon" what is
// resident now and no file backs. Nothing where the system does not say.
std::optional<Bytes> own_memory(const Files& files, std::string_view field);

}  // namespace celere
