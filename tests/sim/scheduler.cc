#include "tests/sim/scheduler.h"

#include <algorithm>
#include <semaphore>
#include <thread>

#include "runtime/alone.h"

namespace dreamdb::sim {

namespace {

constexpr uint64_t kTickNs = 1'000'000'000;

}  // namespace

struct Scheduler::Actor {
  std::string name;
  std::function<void()> body;
  uint64_t wake_ns = 0;
  uint64_t ticked_ns = 0;
  bool is_over = false;
  std::binary_semaphore go{0}, back{0};
  std::thread thread;

  static thread_local Actor* current;
};

thread_local Scheduler::Actor* Scheduler::Actor::current = nullptr;

Scheduler::Scheduler(Order& order) : order_(order) {}

Scheduler::~Scheduler() = default;

void Scheduler::add(std::string name, std::function<void()> body) {
  auto actor = std::make_unique<Actor>();
  actor->name = std::move(name);
  actor->body = std::move(body);
  actors_.push_back(std::move(actor));
}

void Scheduler::run() {
  for (const auto& actor : actors_) {
    actor->thread = std::thread([&self = *actor] {
      Actor::current = &self;
      self.go.acquire();
      {
        const AloneScope alone;
        self.body();
      }
      self.is_over = true;
      self.back.release();
    });
  }
  std::vector<size_t> ready;
  for (;;) {
    ready.clear();
    uint64_t wake_ns = UINT64_MAX;
    for (size_t i = 0; i < actors_.size(); ++i) {
      if (actors_[i]->is_over) continue;
      wake_ns = std::min(wake_ns, actors_[i]->wake_ns);
      if (actors_[i]->wake_ns <= now_ns_) ready.push_back(i);
    }
    if (wake_ns == UINT64_MAX) break;
    if (ready.empty()) {
      now_ns_ = wake_ns;
      continue;
    }
    Actor& next = *actors_[order_.pick(ready)];
    next.go.release();
    next.back.acquire();
  }
  for (const auto& actor : actors_) actor->thread.join();
}

void Scheduler::wait_for_turn(uint64_t until_ns) {
  Actor& self = *Actor::current;
  self.wake_ns = until_ns;
  self.back.release();
  self.go.acquire();
}

void Scheduler::step(std::string_view what) {
  if (Actor::current == nullptr) return;
  wait_for_turn(now_ns_ + order_.pause_ns());
  now_ns_ += order_.step_ns();
  note(what);
  Actor& self = *Actor::current;
  // What ticks asks for its own session: not while that is being asked for.
  if (now_ns_ < self.ticked_ns + kTickNs || what.find("sessions/") != std::string_view::npos)
    return;
  self.ticked_ns = now_ns_;
  AloneScope::innermost()->tick();
}

void Scheduler::sleep(uint64_t duration_ns) {
  if (Actor::current == nullptr) {
    now_ns_ += duration_ns;
  } else {
    wait_for_turn(now_ns_ + duration_ns);
  }
}

void Scheduler::note(std::string_view what) {
  if (Actor::current == nullptr) return;
  trace_.push_back(std::to_string(now_ns_ / 1'000'000) + " " + Actor::current->name + " " +
                   std::string(what));
}

}  // namespace dreamdb::sim
