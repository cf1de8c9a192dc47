// The commit protocol: objects in one wave, one compare-and-swap, rebase when it was lost.
//
// A commit has three outcomes: committed, not committed (an error), unknown (OutcomeUnknown). A
// swap whose reply is lost is resolved by the write id in the ref's body, or by the ancestry of
// the version that the ref names by then (spec S4.3).
//
// Thread rule: one commit of a handle at a time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "version/offer.h"
#include "version/tip.h"

namespace dreamdb {

// Leaf entries that are taken out of one tree of a version and put into it, their `seq` set. The
// version has the index that codes are of.
struct TreeEdit {
  TreeKind tree = TreeKind::kTrack;
  FieldId field{0};  // of the root
  std::vector<Entry> removed, added;
};

// What a commit adds to the version it stands on.
struct Change {
  std::string operation;                             // "append", "add_field", ...
  std::map<FieldId, std::vector<Entry>> entries;     // leaf entries by track; `seq` is set here
  std::vector<AddedCodes> codes;                     // of some of them
  std::vector<Entry> ledger;                         // idempotency keys
  std::map<FieldId, std::vector<Entry>> tombstones;  // leaf entries by field, 0 of whole records
  std::vector<TreeEdit> edits;                       // one a tree, after what is added
  std::vector<PutRequest> objects;                   // segments that are not on the store yet
  std::function<Status(Manifest&)> edit;             // schema and user map; may be empty
  // Their anchors, ascending, when all it does is to add records that must be new, by the schema of
  // the tip it is made for, and they are few: another writer may commit it then (version/offer.h).
  std::vector<uint64_t> new_records;
};

// Called when another writer moved the ref: checks the change against the new tip and adapts it.
// False: the tip has all of it already, nothing is to be committed.
using Rebase = std::function<Result<bool>(const Tip& moved, Change& change)>;
// Whether the change goes onto `moved` as it is. Asked of versions that may never become visible,
// so nothing may be kept of them.
using Commutes = std::function<Result<bool>(const Tip& moved)>;

class Committer {
 public:
  Committer(Objects& objects, Runtime& runtime, WriterIdentity writer)
      : objects_(objects), runtime_(runtime), writer_(std::move(writer)) {}

  const WriterIdentity& writer() const { return writer_; }
  void set_program(std::string program) { writer_.program = std::move(program); }
  // Of the objects of the commits to come.
  void set_nonce(const Nonce& nonce) { writer_.nonce = nonce; }

  // The tip with the change. 2 waves on a warm cache when nobody else writes. Conflict: a snapshot,
  // or what `rebase` refuses. The change's objects are put exactly once.
  // With `commutes` a commit may be built on the one before while that one is still being synced,
  // and another writer whose turn it is may commit the change along with its own.
  Result<Tip> commit(const Tip& tip, Change change, const Rebase& rebase,
                     const Commutes& commutes = {});

  // Moves the ref of `tip` to the version `to`, which has that of `tip` on its first-parent chain:
  // one swap. nullopt: another writer moved the ref, and nothing was done.
  Result<std::optional<Tip>> advance(const Tip& tip, const Address& to,
                                     const ManifestPtr& manifest);

  // A manifest and its pages, for a version that stands on `parent` (nullptr: the first).
  struct Built {
    Manifest manifest;
    Address address;
    std::vector<PutRequest> objects;
    std::vector<NewPage> pages;
    uint64_t manifest_bytes = 0;
  };
  Result<Built> build(const Tip* parent, const Change& change, const WriteId& write);

 private:
  enum class Outcome : uint8_t { kCommitted, kLost };
  struct Attempt {
    Outcome outcome = Outcome::kLost;
    Tip tip;  // kCommitted: ours; kLost: the ref that won, its manifest not read yet
  };
  // A version that is published: ours, and behind it those that others offered, each on the one
  // before.
  struct Link {
    Built built;
    WriteId write{};
    std::optional<Offer> offer;
  };
  // What one swap makes visible.
  struct Group {
    std::vector<Link> links;
    std::vector<PutRequest> objects;
    // Those of the links, which are not on the store yet, and what was read for them. The cache
    // may not have room for as many.
    PageMap pages;

    void add_objects(std::span<const PutRequest> more) {
      objects.insert(objects.end(), more.begin(), more.end());
    }
  };
  // How the wait for a turn went so far.
  struct Contest {
    bool must_read = false;  // others were at it: the tip is not the newest
    bool may_offer = false;
    std::vector<WriteId> unheard;  // offers that were taken and not answered
  };
  struct TurnOrTip {
    std::unique_ptr<Turn> turn;
    std::optional<Tip> committed;  // by another writer, for us
  };

  Result<Tip> commit_in(Contest& contest, const Tip& start, Change change, const Rebase& rebase,
                        const Commutes& commutes);
  Result<Built> build_as(const Tip* parent, const Change& change, const WriteId& write,
                         const std::string& program, PageMap& pages);
  // Puts the objects, then swaps the ref of `tip` to the last of the links.
  Result<Attempt> publish(const Tip& tip, const Group& group);
  TurnOrTip take_turn(const Tip& tip, const Change& change, Contest& contest);
  // The version that an answer names, as the tip of a commit.
  std::optional<Tip> tip_of_answer(const Tip& tip, const OfferAnswer& answer, const WriteId& write);
  // What became of offers that were taken: the version that one of them is, above `start`.
  Result<std::optional<Tip>> find_unheard(const Tip& moved, const Address& start,
                                          std::span<const WriteId> unheard);
  // Builds what others offer on the group so far, and says no to what does not go there.
  void add_offers(Turn& turn, const Tip& tip, Group& group);
  Result<bool> add_offer(const Offer& offer, const Tip& tip, Group& group);
  // Commits what has been offered meanwhile, on the version that was just published.
  void commit_offers(Turn& turn, Tip newest);
  void answer_offers(Turn& turn, std::span<const Link> links, const Result<Attempt>& attempt);
  // What the writer before us is about to make the tip, if the change goes onto it as it is.
  std::optional<Tip> tip_ahead(const Tip& tip, Turn& turn, const Commutes& commutes);
  Result<bool> is_ancestor(const Address& address, uint64_t depth, const Address& of);

  Objects& objects_;
  Runtime& runtime_;
  WriterIdentity writer_;
  bool contended_ = false;  // the last commit lost a race: wait for a turn first
};

// The entry of the same idempotency key in the version's ledger; nullptr: none. `pages`: at hand;
// gets those that are read.
Result<EntryPtr> find_ledger_entry(Objects& objects, const Manifest& manifest, const Entry& wanted,
                                   PageMap& pages);

}  // namespace dreamdb
