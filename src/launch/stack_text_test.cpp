#include "launch/stack_text.hpp"

#include <gtest/gtest.h>

namespace celere::launch {
namespace {

// The first name is that of celere::nn::SharedMemory::meet() as the Itanium C++ ABI mangles it.
TEST(StackText, frames_have_the_names_that_people_know) {
  EXPECT_EQ(readable_stack("/b/celere-worker(_ZN6celere2nn12SharedMemory4meetEv+0x1a2)[0x55d]\n"
                           "/lib/libc.so.6(+0x3c050)[0x7f]\n"
                           "/b/celere-worker(main+0x1f)[0x5]\n"),
            "celere::nn::SharedMemory::meet() +0x1a2\nlibc.so.6 +0x3c050\nmain +0x1f\n");
}

// What is no such line stays what it is.
TEST(StackText, anything_else_is_kept) {
  EXPECT_EQ(readable_stack(""), "");
  EXPECT_EQ(readable_stack("[0x7f]"), "[0x7f]\n");
  EXPECT_EQ(readable_stack("a(b"), "a(b\n");
  EXPECT_EQ(readable_stack("\n\nx(_Zwrong+0x1)[0]\n"), "_Zwrong +0x1\n");
}

}  // namespace
}  // namespace celere::launch
