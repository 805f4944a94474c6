// What a supervised training is, from its run file and the flags beside it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "launch/watch.hpp"
#include "layout/layout.hpp"
#include "layout/legal.hpp"
#include "policy/recovery.hpp"
#include "spec/catalog.hpp"
#include "spec/run.hpp"
#include "wire/run_directory.hpp"

namespace celere::launch {

struct Job {
  wire::RunDirectory directory;
  layout::Layout layout;          // the full one
  bool micro_batch_said = false;  // else workers choose it, by the layout
  layout::Shape counts;           // of the model and the run: what layouts are legal
  int ranks_per_node = 1;
  int nodes = 1;                              // spares among them
  int threads = 1;                            // of each rank
  std::vector<std::string> worker_arguments;  // "train", "--corpus", ...: of every generation
  // The layout that the planner finds best for at most so many GPUs; nothing where there is none.
  std::function<std::optional<layout::Layout>(int gpus)> plan;
  bool clear_nodes = false;      // drained ones may work again: a person says so
  bool memory_copy = false;      // of checkpoints, in the memory of nodes
  bool one_machine = true;       // ranks meet at a file, else at rank 0's address
  std::string interface = "lo";  // by which they reach each other
  policy::Settings settings;
  WatchOptions watch;
};

struct JobWish {
  wire::RunDirectory directory;
  std::string corpus;
  std::string layout;            // what replaces the run file's; empty: nothing
  int nodes = 0;                 // 0: as many as the ranks need, and the spares
  int threads = 0;               // 0: the cores shared out
  std::int64_t stop_after = -1;  // -1: at the end
  std::vector<std::string> catalog;
  int cores = 1;  // of a machine
  bool one_machine = true;
};

// What the planner says of this run on fewer GPUs of its cluster, whatever its file fixes of the
// layout; of those that are trained here. `catalog` must outlive it.
std::function<std::optional<layout::Layout>(int gpus)> planner_of(const spec::Run& run,
                                                                  const spec::Catalog& catalog);

// Errors: bad_input by file and key, or flag: no such layout, too few nodes for its ranks; those of
// the model.
Result<Job> make_job(const spec::Run& run, const spec::Catalog& catalog, const JobWish& wish);

}  // namespace celere::launch
