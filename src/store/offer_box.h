// Where writers that wait for a turn leave offers to the one who has it, and find its answers:
// files in a folder of this user on this machine.
//
// An offer is taken by removing its file, and so is withdrawing it: one of the two succeeds. An
// offer whose writer died is no longer taken after kOfferAgeMaxNs.
//
// All of it is a hint: what cannot be written is not offered, and not answered.
//
// Thread rule: every call may come from any thread or process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/buffer.h"
#include "runtime/runtime.h"
#include "store/folder_turn.h"
#include "store/store.h"

namespace dreamdb {

inline constexpr uint64_t kOfferAgeMaxNs = 5'000'000'000;
inline constexpr size_t kOfferBytesMax = 1 << 20;
inline constexpr size_t kOffersTakenMax = 32;  // at once

class OfferBox {
 public:
  // `directory`: private to this user, made by the first offer; empty: nothing can be offered.
  explicit OfferBox(std::string directory) : directory_(std::move(directory)) {}

  // For whoever waits. False: it could not be left.
  bool leave(const Offer& offer) const;
  // True when nobody has taken it, and nobody will.
  bool withdraw(const Offer& offer) const;
  // Reads and removes the answer; nullopt: there is none (yet).
  std::optional<Buffer> find_answer(const Offer& offer) const;

  // For the one whose turn it is.
  std::vector<Offer> take(Runtime& runtime) const;
  void answer(const Offer& offer, const Buffer& body) const;

 private:
  std::string offer_path(std::string_view id) const;
  std::string answer_path(std::string_view id) const;

  const std::string directory_;
};

// What `Turn::take_offers` does, of a store whose turn is `turn`.
std::vector<Offer> take_in_turn(FolderTurn& turn, const OfferBox& box, Runtime& runtime);

// Waits for a turn in `turns` with an offer in `box`; what `Store::wait_turn_or_answer` does, the
// turn as the store makes it of a FolderTurn.
struct WaitedFolderTurn {
  std::unique_ptr<FolderTurn> turn;
  std::optional<Buffer> answer;
  bool is_lost = false;
};
WaitedFolderTurn wait_with_offer(const std::string& turns, const OfferBox& box, uint32_t timeout_ms,
                                 const Offer& offer, Runtime& runtime);

}  // namespace dreamdb
