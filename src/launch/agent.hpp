// The agent of one node: starts the workers that the supervisor orders, tells what becomes of them,
// and lives on when the supervisor dies; the next one finds workers that never stopped.
//
//   supervisor --orders--> agent --starts, signals, orders--> workers
//   supervisor <--beats, lines, endings-- agent <--flight records, output-- workers
//
// Workers die with their agent. An agent that nobody leads for too long stops them, saved, and
// ends.
#pragma once

#include <atomic>
#include <string>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/processes.hpp"
#include "base/result.hpp"
#include "wire/run_directory.hpp"
#include "wire/secret.hpp"

namespace celere::launch {

struct AgentOptions {
  wire::RunDirectory directory;
  int node = 0;
  std::string host;                   // what people call the machine
  std::string address = "127.0.0.1";  // where its ranks are reached
  std::string folder;                 // of this node alone: it goes with the node
  Seconds beat_every = Seconds::of(1);
  Seconds alone_max = Seconds::of(60);  // without a supervisor
  Seconds notice = Seconds::of(30);     // from the first SIGTERM to its own end
};

struct AgentWorld {
  Processes& processes;
  Files& files;
  Clock& clock;
};

enum class AgentEnded {
  told,   // by the supervisor
  asked,  // by a signal, after the notice, or sooner when its ranks had ended
  alone,  // nobody led
};

// Until it is told to leave. `interrupts`: how often it was asked to end. Errors: busy, where
// another agent of this node lives; those of the secret; io.
Result<AgentEnded> run_agent(const AgentWorld& world, const AgentOptions& options,
                             const std::atomic<int>& interrupts);

}  // namespace celere::launch
