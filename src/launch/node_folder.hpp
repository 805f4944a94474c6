// Where the nodes of a run keep what goes with them, in the memory of their machine:
//
//   /dev/shm/celere-USER-NAME-HASH   NAME is the last of the run directory's path as a slug,
//                                    for people; HASH is XXH3 of all of it, 16 digits
//
// A path has one such folder however it is spelled, and two paths have two. Leaves out links: a run
// directory that is reached by two of them has two.
#pragma once

#include <string>

namespace celere::launch {

// Each node has a folder of its own below it. A path that is relative is one of the present folder.
std::string shared_node_folder(const std::string& run_directory);

}  // namespace celere::launch
