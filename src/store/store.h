// A flat map from key to bytes with a compare-and-swap: what every space lives on.
//
// Implementations: memory, folder (later S3, web); decorators: count, fault. One conformance
// suite (`store_conformance.h`) holds for each of them and for each stack of decorators.
// Keys are `/`-separated; see `spec/02-keys.md` for what a key may be.
//
// Thread rule: every call may come from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb {

// A range of one object. `size` may reach beyond the end: the reply is then cut at the end.
struct ReadRequest {
  std::string key;
  uint64_t offset = 0;
  uint64_t size = std::numeric_limits<uint64_t>::max();
};

struct PutRequest {
  std::string key;
  Buffer body;
};

// Names one state of a mutable key. Opaque; compare only for equality.
struct Version {
  std::string token;
  bool operator==(const Version&) const = default;
};

struct Loaded {
  Buffer body;
  Version version;
};

struct ListedObject {
  std::string key;
  uint64_t size_bytes = 0;  // of a mutable key: of the file that keeps its body
  uint64_t time_ns = 0;     // when the store says it was written, Unix nanoseconds
};

struct ListPage {
  std::vector<ListedObject> objects;  // ascending by key (bytes)
  bool more = false;                  // call again with start_after = last key
};

// What became of a wave of objects and of the swap that was to follow it.
struct Published {
  std::vector<Status> puts;                // in the order of the requests
  std::optional<Result<Version>> swapped;  // nullopt: an object is missing, nothing was swapped
};

// What a writer that waits for its turn asks the one who has it to write along with its own.
struct Offer {
  std::string id;  // hexadecimal digits, drawn at random
  Buffer body;     // what it asks, and how it is answered, is between the two
};

// Held while one writer prepares a swap; see Store::wait_turn.
class Turn {
 public:
  virtual ~Turn() = default;

  // What the writer before this one has set the key to, or is about to: its objects are there under
  // their names, its swap need not be visible yet. Whoever builds on it may find that it never
  // came, or that others came after it: a swap that expects it waits for it a little and then is a
  // Conflict. Nothing may be acknowledged because of it alone. nullopt: it is not known, load the
  // key.
  virtual std::optional<Loaded> ahead() { return std::nullopt; }

  // What those who wait for this turn offer; those answered since the last call are woken. Who
  // takes an offer answers it when it is settled what became of it; without an answer whoever made
  // it cannot know. A turn in which something was taken ends only when it is destroyed, after the
  // answers.
  virtual std::vector<Offer> take_offers() { return {}; }
  virtual void answer(const Offer& offer, const Buffer& body) {
    (void)offer;
    (void)body;
  }
};

// How a wait with an offer ended.
struct Waited {
  std::unique_ptr<Turn> turn = nullptr;         // nullptr: answered, or the time is over
  std::optional<Buffer> answer = std::nullopt;  // the offer was taken, and this came of it
  bool is_lost = false;  // it was taken, and no answer came: look what became of it
};

// What was really sent by a store behind a network, retries and hedges included: what a bill is
// about.
struct WireCounts {
  bool is_remote = false;  // false: nothing is sent, all below is 0
  uint64_t gets = 0, puts = 0, swaps = 0, lists = 0, deletes = 0;
  uint64_t retries = 0, hedges = 0;
  uint64_t received_bytes = 0, sent_bytes = 0;  // bodies
};

// How long a swap whose outcome a store does not tell is asked about again before it is given up as
// unknown, where nobody says otherwise: an outage of half a minute is nothing unusual, and an
// unknown outcome costs the caller more than the wait.
inline constexpr uint64_t kUnansweredBudgetNs = 60'000'000'000;

class Store {
 public:
  virtual ~Store() = default;

  // One line for messages, such as "file:///data/pets". No secrets.
  virtual std::string describe() const = 0;

  // What copies of its immutable objects are kept under (cache_store.h). A store that is reached
  // by several endpoints, or by others than yesterday, is the same.
  virtual std::string identity() const { return describe(); }

  // Since it was opened.
  virtual WireCounts wire() const { return {}; }

  // True where a wave takes so long that many must be under way at once, however few processors
  // there are: a store behind a network. Decorators say what the store below them says.
  virtual bool is_far() const { return false; }

  // How long whoever swaps may ask again what became of a swap that was not answered, or answered
  // with something that is no answer. Decorators say what the store below them says.
  virtual uint64_t unanswered_budget_ns() const { return kUnansweredBudgetNs; }

  // Reads all ranges in one wave; results stand in the order of the requests.
  // Errors per request: NotFound; Unavailable, Denied. A request with offset beyond the end gives
  // an empty Buffer.
  virtual std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) = 0;

  // The same, for many short ranges; `use(i, bytes)` is called once for each that could be read, on
  // several threads at a time. False: it has all it wants of them, and the reply is left empty. A
  // store whose own threads read calls it there, while the bytes are in the cache of that
  // processor, and need not find memory for those that are used up.
  using Use = std::function<bool(size_t, std::span<const std::byte>)>;
  virtual std::vector<Result<Buffer>> read_each(std::span<const ReadRequest> requests,
                                                const Use& use);

  // Writes whole immutable objects in one wave. When a status is ok the object survives a power
  // cut, its name included. Writing a key that exists with the same bytes is ok. Either the whole
  // body becomes visible or nothing. Errors per request: InvalidArgument (key), Exhausted (no
  // space), Denied, Unavailable, OutcomeUnknown (safe to repeat).
  virtual std::vector<Status> put_many(std::span<const PutRequest> requests) = 0;

  // Reads a mutable key with the version that `swap` expects. NotFound when absent: "key KEY is not
  // in STORE", and what else the store has to say about that.
  virtual Result<Loaded> load(std::string_view key) = 0;

  // Sets a mutable key to `body` if its version is still `expected` (nullopt: must be absent),
  // atomically among all writers of the store, durably. Conflict: another writer was first,
  // nothing was changed. Unavailable: nothing was changed either. OutcomeUnknown: load and look for
  // your own write.
  virtual Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                               const Buffer& body) = 0;

  // `put_many`, and when all objects are there `swap`: what a commit does. A store may prepare the
  // swap while the objects are written; nobody sees it before they are durable. Cancelled where the
  // caller is interrupted before the swap; a swap that has begun goes on to its end (FinishScope).
  virtual Published publish(std::span<const PutRequest> objects, std::string_view key,
                            const std::optional<Version>& expected, const Buffer& body);

  // Ok when what `load` says of the key survives a power cut, also if the writer that swapped it
  // died before it knew.
  virtual Status make_durable(std::string_view key) {
    (void)key;
    return {};
  }

  // Removes a mutable key if its version is still `expected`. Errors as `swap`.
  virtual Status swap_delete(std::string_view key, const Version& expected) = 0;

  // Keys below `prefix` (a string prefix), strictly after `start_after`, at most `limit`,
  // mutable keys included. Never reports temporary or internal names.
  virtual Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                                size_t limit) = 0;

  // Deletes immutable objects in one wave; a key that is absent is ok.
  virtual std::vector<Status> delete_many(std::span<const std::string> keys) = 0;

  // The bytes that were read of these immutable objects are not what their names say: whoever keeps
  // copies of them drops those, so that the next read asks the store itself.
  virtual void forget(std::span<const std::string> keys) { (void)keys; }

  // A hint that saves wasted work, never needed for correctness: waits up to `timeout_ms` until
  // other writers that share this machine have finished preparing a swap of `key`. nullptr when
  // the store has no such hint or the time is over: go on regardless. A turn ends when it is
  // destroyed, or before that when the thread that took it has swapped the key or, publishing, has
  // its objects at their places: the next writer then builds on what is ahead.
  virtual std::unique_ptr<Turn> wait_turn(std::string_view key, uint32_t timeout_ms) {
    (void)key;
    (void)timeout_ms;
    return nullptr;
  }

  // The same, with an offer that another writer may take meanwhile. It stands no longer than the
  // call: a turn, or a time that is over, without `is_lost` means that nobody took it.
  virtual Waited wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                                     const Offer& offer) {
    (void)offer;
    return {.turn = wait_turn(key, timeout_ms)};
  }
};

}  // namespace dreamdb
