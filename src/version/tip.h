// Refs and the versions they name.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "format/ref.h"
#include "object/objects.h"
#include "runtime/runtime.h"

namespace dreamdb {

// A ref as it stood when it was read, and the version it named.
struct Tip {
  std::string name;
  Ref ref;
  Version version;  // of the ref's key
  ManifestPtr manifest;

  const Address& address() const { return ref.manifest; }
};

// Reads the ref's body: one wave. NotFound when there is none.
struct LoadedRef {
  Ref ref;
  Version version;
};
Result<LoadedRef> load_ref(Store& store, std::string_view name);
// The ref and its manifest: two waves.
Result<Tip> load_tip(Objects& objects, std::string_view name);
// The tip that the ref's body `loaded` names: one wave.
Result<Tip> tip_of(Objects& objects, std::string_view name, Loaded loaded);

// Who writes: identifies the session in everything it writes.
struct WriterIdentity {
  Nonce nonce{};
  std::string program;  // goes into manifests as `writer`
};

// Conflict when the ref was deleted and made anew as another dataset.
Status check_same_timeline(const Tip& before, const Tip& moved);

// Pauses between tries of a swap that the store did not answer: from 10 ms, twice as long each time
// up to 8 seconds or an eighth of the store's budget, each drawn between half of that and all, so
// that writers that were cut off together do not come back together. That is 15 to 20 tries in a
// minute: enough that 30 % of lost replies never use them up, and few requests to a server that
// answers each with nonsense.
class Pauses {
 public:
  Pauses(Runtime& runtime, const Store& store)
      : runtime_(runtime),
        begin_ns_(runtime.monotonic_ns()),
        budget_ns_(store.unanswered_budget_ns()),
        pause_ns_(kFirstNs) {}

  // Waits; false when the store's budget is used up or somebody asks to stop (Interruptible): no
  // further try is to be made.
  bool wait();

 private:
  static constexpr uint64_t kFirstNs = 10'000'000;
  static constexpr uint64_t kLongestNs = 8'000'000'000;
  static constexpr uint64_t kLongestOfBudget = 8;

  Runtime& runtime_;
  const uint64_t begin_ns_;
  const uint64_t budget_ns_;
  uint64_t pause_ns_;
};

// Makes a ref that must not exist. AlreadyExists when it does; OutcomeUnknown when the store does
// not tell in time, or did not before somebody's ref was found there: this one may have moved on.
Result<Tip> create_ref(Objects& objects, Runtime& runtime, const WriterIdentity& writer,
                       std::string_view name, const Address& manifest, const ManifestPtr& parsed,
                       bool snapshot, const WriteId& write);

// Deletes the ref if it is still as `loaded`. Conflict: it moved; OutcomeUnknown: the store does
// not tell in time.
Status delete_ref(Store& store, Runtime& runtime, std::string_view name, const LoadedRef& loaded);

WriteId random_write_id(Runtime& runtime);

}  // namespace dreamdb
