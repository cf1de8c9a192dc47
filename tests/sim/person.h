// Who works on the simulated store: a writer, a reader or a collector, with a process that may die
// and be started again.
//
// Thread rule: one actor.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/sim/world.h"
#include "version/live_session.h"

namespace dreamdb::sim {

class Person {
 public:
  Person(World& world, uint64_t seed);
  virtual ~Person() = default;

  // So many things, each chosen at random.
  void live(int actions);

 protected:
  virtual void act() = 0;
  // What a process that died had at hand.
  virtual void forget() = 0;
  // A process ends in order.
  virtual void leave() {}

  uint64_t draw(uint64_t bound) { return random_() % bound; }
  bool chance(uint64_t percent) { return draw(100) < percent; }
  // A handle on a ref; none where it cannot be opened.
  std::optional<Dataset> open(const std::string& ref);
  std::string some_ref(bool writable);
  void start();

  World& world_;
  Process* process_ = nullptr;

 private:
  FaultPlan some_faults();

  std::mt19937_64 random_;
};

class Reader final : public Person {
 public:
  using Person::Person;

 private:
  void act() override;
  void forget() override;
  void leave() override;
  void read(const Dataset& ds);
  // A version somewhere below a tip, as somebody opens it who has its address, and goes on with it.
  void open_old();
  // Begins the session that keeps what is pinned, or renews it.
  void renew();

  std::vector<Dataset> pinned_;
  std::unique_ptr<LiveSession> session_;
};

// Collects garbage now and then, while others are at work.
class Collector final : public Person {
 public:
  using Person::Person;

 private:
  void act() override;
  void forget() override {}
  void keep_little(GcOptions& options);
};

class Author final : public Person {
 public:
  using Person::Person;

  // What an author can do: how often, and what.
  struct Verb {
    int weight;
    void (Author::*act)();
  };
  static std::span<const Verb> verbs();

 private:
  void act() override;
  void forget() override { handle_.reset(); }
  // Tries until it is done, refused, or given up.
  template <typename Act>
  void perform(const CallPtr& call, const Act& act);
  CallPtr new_call(const std::string& what) const;

  void append();
  void append_same();
  void append_assigned();
  void add_field();
  void fill_field();
  void set_meta();
  void branch();
  void snapshot();
  void remove_branch();
  void merge();
  void remove_records();
  void remove_where();
  void restore();
  void reindex();
  void compact();
  void refresh();
  void change_ref();

  std::optional<Dataset> handle_;
  std::string ref_ = "main";
  struct Written {
    std::vector<model::Row> rows;
    AppendOptions options;
    const Process* writer;
    std::string ref;
  };
  std::vector<Written> written_;
};

}  // namespace dreamdb::sim
