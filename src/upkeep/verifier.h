// All damage of versions, found from their manifests down: what `verify` tells.
//
// Thread rule: one call at a time.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dreamdb/upkeep.h"
#include "object/objects.h"
#include "upkeep/losses.h"
#include "upkeep/page_rules.h"
#include "upkeep/segment_rules.h"

namespace dreamdb {

// InvalidArgument: no such shard, or no such sample.
Status check_options(const VerifyOptions& options);

class Verifier {
 public:
  // `store`: without copies that somebody keeps of it. `options`: checked; they outlive this.
  Verifier(std::shared_ptr<Store> store, const VerifyOptions& options);

  // The version that the ref names. NotFound: no such ref. Other errors are no damage: the store
  // did not answer, or the format is a newer one.
  Status check_ref(const std::string& name);
  // Every ref of the store.
  Status check_all_refs();
  // A version, if it was not looked at before.
  Status check_version(const Address& address);

  const VerifyReport& report() const { return report_; }
  const Losses& losses() const { return losses_; }

 private:
  // The tree under way.
  struct Tree {
    NamedTree named;
    std::string name;
    uint32_t number = 0;
    const SpatialParts* spatial = nullptr;  // of codes
    EntryPtr last = {};                     // leaf entry
  };
  struct Pending {
    NamedSegment segment;
    std::string field;
  };

  Status check_genesis(const Address& timeline);
  Status check_descent(const Address& address, const Manifest& manifest);
  Status check_tree(const NamedTree& named);
  Status take_leaf(Tree& tree, const EntryPtr& entry);
  Status check_index(const FieldIndex& index);
  Status check_covered(const FieldIndex& index);
  Status check_records(const Address& address);
  Status add_segment(const NamedSegment& segment, const std::string& field);
  Status probe_pending();
  Status tell_progress();

  void add(Damage damage);
  // What is told of an object that a shard looks at.
  void tell(const std::string& key, const Address& object, const std::string& kind,
            const std::string& what, const std::string& field = "", const Entry& at = Entry());
  // Of one that could not be read.
  void tell_lost(const std::string& key, const Address& object, const Error& error,
                 const std::string& field = "", const Entry& at = Entry());

  std::shared_ptr<Store> store_;
  const VerifyOptions& options_;
  const Shard shard_;
  Objects objects_;
  VerifyReport report_;
  VerifyProgress progress_;
  Losses losses_;
  ManifestPtr manifest_;  // of the version under way
  bool in_order_ = true;  // its pages let its anchors be compared
  uint32_t tree_count_ = 0;
  std::unordered_set<Address> versions_;
  // By a part of their address: pages that were seen, with the tree that they were first seen in,
  // and segments, where several versions are looked at.
  std::unordered_map<uint64_t, uint32_t> pages_;
  std::unordered_set<uint64_t> segments_;
  std::unordered_set<uint64_t> replaced_;  // entries that the version under way has taken out
  std::unordered_map<Address, Segment> spatial_;
  std::vector<Pending> pending_;
  uint64_t pending_bytes_ = 0;
};

}  // namespace dreamdb
