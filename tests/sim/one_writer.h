// A writer of one commit, for tests that try all orders.
//
// Thread rule: one actor.
#pragma once

#include <string>
#include <utility>

#include "tests/sim/world.h"

namespace dreamdb::sim {

// Appends rows with a key until it is told that they are there, also after it has died.
class OneWriter {
 public:
  OneWriter(World& world, uint64_t number, FaultPlan plan, StoreOps steps_at)
      : world_(world),
        number_(number),
        steps_at_(steps_at),
        call_(std::make_shared<Call>()),
        plan_(std::move(plan)) {
    call_->what = "append of writer " + std::to_string(number);
    call_->ref = "main";
    call_->once = true;
    call_->apply = [this](const model::ModelVersion& version, const std::string&) {
      return model::append_assigned(version, 1, salt(), number_);
    };
  }

  void live() {
    for (int tries = 0; tries < 4 && !is_done_ && !world_.failure(); ++tries) {
      if (process_ == nullptr || process_->faults().crashed()) start();
      auto ds = open_in(process_->space(), "main");
      if (!ds) continue;
      const Status done = world_.attempt(*process_, call_, *ds, [&] {
        AppendOptions options;
        options.idempotency_key = "writer " + std::to_string(number_);
        auto appended =
            ds->append(model::unanchored_rows(1, salt(), model::small_schema()), options);
        return appended ? Status() : std::unexpected(std::move(appended).error());
      });
      is_done_ = done.has_value();
    }
    if (!is_done_) world_.fail(call_->what + " was never done");
  }

  uint64_t operations() const { return operations_ + process_->faults().operations(); }
  uint64_t struck() const { return struck_ + process_->faults().faults(); }

 private:
  uint64_t salt() const { return model::kAssignedSalt + number_; }
  void start() {
    if (process_ != nullptr) {
      operations_ += process_->faults().operations();
      struck_ += process_->faults().faults();
    }
    process_ = &world_.start_process(1 << 20, steps_at_);
    process_->faults().set_plan(std::exchange(plan_, {}));
  }

  World& world_;
  const uint64_t number_;
  const StoreOps steps_at_;
  const CallPtr call_;
  FaultPlan plan_;
  Process* process_ = nullptr;
  bool is_done_ = false;
  uint64_t operations_ = 0, struck_ = 0;
};

}  // namespace dreamdb::sim
