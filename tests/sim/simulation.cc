#include "tests/sim/simulation.h"

#include <random>

#include "tests/sim/person.h"

namespace dreamdb::sim {

namespace {

constexpr int kActions = 12;
constexpr uint64_t kCalmOneIn = 5;
constexpr uint64_t kSlowOneIn = 3;    // with a collector
constexpr uint64_t kLittleOneIn = 2;  // of these

// Steps of a millisecond or so; pauses of all lengths, up to an hour.
class SeededOrder final : public Order {
 public:
  SeededOrder(uint64_t seed, bool is_calm) : random_(seed), is_calm_(is_calm) {}

  size_t pick(std::span<const size_t> ready) override { return ready[random_() % ready.size()]; }
  uint64_t step_ns() override { return 10'000 + random_() % 2'000'000; }
  uint64_t pause_ns() override {
    if (is_calm_ || random_() % 200 != 0) return 0;
    return uint64_t{1'000'000} << random_() % 22;
  }

 private:
  std::mt19937_64 random_;
  const bool is_calm_;
};

}  // namespace

RunReport run_seed(uint64_t seed) {
  std::mt19937_64 random(seed);
  const bool is_calm = seed % kCalmOneIn == 0;
  SeededOrder order(random(), is_calm);
  Scheduler scheduler(order);
  const bool is_slow = seed % kSlowOneIn == 0;
  const bool keeps_little = is_slow && seed % kLittleOneIn == 0;
  World world(scheduler, random(), {is_calm, is_slow, keeps_little});
  world.set_up(model::row_range(10, 20, 1, 2));
  std::vector<std::unique_ptr<Person>> people;
  const size_t authors = 1 + random() % 3;
  for (size_t i = 0; i < authors; ++i) people.push_back(std::make_unique<Author>(world, random()));
  people.push_back(std::make_unique<Reader>(world, random()));
  if (is_slow) people.push_back(std::make_unique<Collector>(world, random()));
  for (size_t i = 0; i < people.size(); ++i) {
    const std::string name = i < authors    ? "author" + std::to_string(i)
                             : i == authors ? "reader"
                                            : "collector";
    scheduler.add(name, [person = people[i].get()] { person->live(kActions); });
  }
  if (!world.failure()) scheduler.run();
  if (!world.failure()) world.finish();
  return {world.failure(), scheduler.trace(), scheduler.trace().size(), world.faults(),
          world.tally()};
}

}  // namespace dreamdb::sim
