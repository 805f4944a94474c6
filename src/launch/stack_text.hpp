// A stack as backtrace_symbols writes it, made readable: of each frame the function's own name,
// which the linker had mangled, and where nothing is known of it the file.
#pragma once

#include <string>
#include <string_view>

namespace celere::launch {

// "celere-worker(_ZN6celere2nn12SharedMemory4meetEv+0x1a2)[0x55d]" is
// "celere::nn::SharedMemory::meet() +0x1a2". A line each.
std::string readable_stack(std::string_view stack);

}  // namespace celere::launch
