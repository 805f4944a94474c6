// One rank through the generations of a training: it trains in one until that ends, or until the
// ranks are to form another one (wire/orders.hpp), and then goes on there with what it carries
// (train/carried.hpp).
//
//   a rank is lost   the others fail in a collective, or are told to give it up; the step in
//                    hand is thrown away, and they wait to be told of the next generation
//   ranks join       the step in hand is finished, and all go over behind it
//   another is lost  while they form the generation: they give it up and form the next one, with
//                    what they carry
//
// A rank that cannot go on says `could_not_go_on`, one whose generation does not come about
// `generation_broken`; either waits to be ended, or to be told of a later one.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "train/trainer.hpp"

namespace celere::train {

// Where this rank stands in a generation.
struct Standpoint {
  std::string layout = {};  // over the run file's, as --layout says it; empty: as it is there
  int rank = 0;
  std::string meeting = {};  // a new file, or HOST:PORT, where rank 0 serves
  std::string interface = "lo";
  // From the second on batches are filled up where the replicas that are left cannot share them
  // evenly (train/setup.hpp).
  int generation = 0;
  bool joins = false;  // a training that is under way, with the weights of others
};

struct RankOptions {
  spec::Run run;
  TrainerOptions trainer;  // its generation is the standpoint's
  bool supervised = false;
  Seconds order_patience = Seconds::of(60);  // with a supervisor, when a rank is lost
};

// All of it must outlive the training.
struct RankWorld {
  const spec::Catalog& catalog;
  Files& files;
  checkpoint::Storage& storage;
  Clock& clock;
  Recorder::Say say;
  wire::FlightRecord* flight = nullptr;
  nn::Watch* watch = nullptr;          // of the training's collectives
  nn::Watch* writers_watch = nullptr;  // of those of the checkpoints' writers
  Orders* orders = nullptr;
  StepHooks* hooks = nullptr;
};

// Errors: those of a setup, a meeting, Trainer::make and Trainer::run.
Result<Outcome> train_rank(const RankOptions& options, const RankWorld& world, Standpoint at,
                           const std::atomic<bool>& stop);

struct MeetingPlace {
  std::string text;  // a path, or HOST:PORT
  bool serves = false;
  int processes = 1;
  Seconds patience;
  const nn::Watch* watch = nullptr;  // by whose word one gives up before
};
// Errors: io; bad_input for a port that is none.
Result<nn::Meeting> meeting_at(const MeetingPlace& place);

}  // namespace celere::train
