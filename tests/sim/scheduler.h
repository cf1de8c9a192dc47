// Actors that run one at a time, each on a thread of its own, in an order that somebody else
// decides: a seed, or who tries all orders.
//
// An actor runs until it comes to a step: then the next one to go is chosen among all that are not
// asleep. Time passes by steps and sleeps alone. What actors share needs no lock.
//
// Thread rule: `add` and `run` on one thread; the others on the threads of actors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dreamdb::sim {

class Order {
 public:
  virtual ~Order() = default;
  // Index of the actor that goes next among those that can, `ready`: indexes by `Scheduler::add`.
  virtual size_t pick(std::span<const size_t> ready) = 0;
  // How long a step takes.
  virtual uint64_t step_ns() = 0;
  // How long the actor is held up before the step that it is about to make; mostly 0.
  virtual uint64_t pause_ns() = 0;
};

class Scheduler {
 public:
  explicit Scheduler(Order& order);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Actors are numbered from 0. `body` runs in an AloneScope.
  void add(std::string name, std::function<void()> body);
  // Returns when the bodies of all actors have.
  void run();

  // The calling actor is about to do `what`; returns when it is its turn. Nothing where no actor
  // calls it, such as before and after `run`.
  void step(std::string_view what);
  void sleep(uint64_t duration_ns);
  uint64_t now_ns() const { return now_ns_; }
  // Adds a line of the calling actor to the trace.
  void note(std::string_view what);
  const std::vector<std::string>& trace() const { return trace_; }

 private:
  struct Actor;
  void wait_for_turn(uint64_t until_ns);

  Order& order_;
  std::vector<std::unique_ptr<Actor>> actors_;
  uint64_t now_ns_ = 0;
  std::vector<std::string> trace_;
};

}  // namespace dreamdb::sim
