// A worker that is asked by SIGUSR1 where it is writes the stack of its main thread into a file.
#pragma once

#include <string>

namespace celere::cli {

// The file appears whole, under its name. REQUIRES: is called once.
void write_stack_on_signal(const std::string& path);

}  // namespace celere::cli
