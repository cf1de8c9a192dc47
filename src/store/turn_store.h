// A decorator for stores that have no turns of their own: writers of one ref on one machine take
// turns here, and each leaves what it wrote to the next one, which then builds on it without a
// request.
//
// A turn ends when the objects are put and the swap begins: the next writer puts its own while that
// swap is under way. What the swap came to stands in a file of its own, `~done-<id>`, which the
// next writer waits for before it swaps.
//
// All of it is a hint: turns and notes lie in a folder of this user on this machine, below
// $XDG_RUNTIME_DIR, /dev/shm or the folder for temporary files. Where that cannot be had, or others
// could write to it, there are no turns. What a note says is believed as `Turn::ahead` says:
// objects are verified by their names like any others, and a swap that expects what is no longer
// there is a Conflict.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/fork.h"
#include "store/folder_turn.h"
#include "store/offer_box.h"
#include "store/store.h"

namespace dreamdb {

// What one writer leaves to the next: what it is about to set the key to, and the small objects it
// put.
struct TurnNote {
  std::string id;  // hexadecimal digits, of this swap
  Buffer body;
  std::vector<PutRequest> objects;
};

// Objects that do not fit are left out; nullopt: not even the key fits.
std::optional<std::vector<std::byte>> write_turn_note(const TurnNote& note);
// Empty for anything else than `write_turn_note` writes.
std::optional<TurnNote> parse_turn_note(const Buffer& bytes);

class TurnStore final : public Store {
 public:
  // `place` tells stores apart: endpoint, bucket and prefix. `folder`: of turns; empty: none.
  TurnStore(std::shared_ptr<Store> inner, std::string_view place, std::string folder,
            Runtime& runtime = real_runtime());

  std::string describe() const override { return inner_->describe(); }
  std::string identity() const override { return inner_->identity(); }
  WireCounts wire() const override { return inner_->wire(); }
  void forget(std::span<const std::string> keys) override { inner_->forget(keys); }
  bool is_far() const override { return inner_->is_far(); }
  uint64_t unanswered_budget_ns() const override { return inner_->unanswered_budget_ns(); }
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override;
  std::vector<Status> put_many(std::span<const PutRequest> requests) override;
  Result<Loaded> load(std::string_view key) override { return inner_->load(key); }
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override;
  Published publish(std::span<const PutRequest> objects, std::string_view key,
                    const std::optional<Version>& expected, const Buffer& body) override;
  Status swap_delete(std::string_view key, const Version& expected) override;
  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override;
  std::vector<Status> delete_many(std::span<const std::string> keys) override;
  Status make_durable(std::string_view key) override { return inner_->make_durable(key); }
  std::unique_ptr<Turn> wait_turn(std::string_view key, uint32_t timeout_ms) override;
  Waited wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                             const Offer& offer) override;

  Store& inner() { return *inner_; }

 private:
  class NotedTurn;

  // Of the turns on `key`; empty when there can be none.
  std::string directory_of(std::string_view key) const;
  // What `expected` stands for, when its swap has come to an end; Conflict when it did not take
  // place or does not end.
  Result<std::optional<Version>> resolve(std::string_view key,
                                         const std::optional<Version>& expected);
  // Tells the next writer what the swap `id` came to; nullopt: it did not take place.
  void tell(const std::string& directory, const std::string& id,
            const std::optional<Version>& version);

  const std::shared_ptr<Store> inner_;
  const std::string place_;
  const std::string folder_;
  Runtime& runtime_;
  ForkSafeMutex mutex_;                    // guards all below
  std::map<std::string, Buffer> at_hand_;  // objects of the note that was read last
  // By directory: what the writer before this one tells there. Removed when this one has told too.
  std::map<std::string, std::string> told_before_;
  // What was waited for last: a swap may be tried again.
  std::optional<std::pair<Version, Version>> resolved_;
};

}  // namespace dreamdb
