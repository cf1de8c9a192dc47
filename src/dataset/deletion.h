// Records, or values, on their way into tombstones (spec 6.6): judged, cut into segments, put,
// committed.
//
// Thread rule: one thread at a time, with the handle's write mutex held.
#pragma once

#include <map>
#include <vector>

#include "dataset/dataset_impl.h"
#include "version/live_session.h"

namespace dreamdb {

class Deletion {
 public:
  // fields: of the handle's schema, whose values are deleted; {nullptr}: whole records.
  Deletion(Dataset::Impl& dataset, std::vector<const Field*> fields, const DeleteOptions& options);

  // Adds what is still there at `anchors` (ascending, unique, each added once). NotFound: anchors
  // that never had a record.
  Status add(std::span<const uint64_t> anchors);
  // One commit of what was added; none where nothing is left to delete.
  Result<DeleteReport> commit();

 private:
  // A segment of tombstones.
  struct Piece {
    FieldId field{0};
    Entry entry;
    Buffer anchors;  // u64; empty once the segment is on the store
  };
  // What one version has at some anchors.
  struct Judgement {
    std::vector<uint64_t> standing;  // to be deleted
    std::vector<uint64_t> missing;   // never had a record
    uint64_t unchanged = 0;
  };

  Result<Judgement> judge(const ManifestPtr& manifest, const Field* field,
                          std::span<const uint64_t> anchors) const;
  Status add_piece(const Field* field, std::span<const uint64_t> anchors);
  Status put_pieces();
  // Ranges of anchors in which `moved` lacks what the base has, or deletes more than it.
  Result<std::vector<std::pair<uint64_t, uint64_t>>> changed_ranges(const Manifest& moved,
                                                                    FieldId field);
  // False: nothing is left to be deleted.
  Result<bool> rebase(const Tip& moved, Change& change);
  void fill_change(Change& change) const;

  Dataset::Impl& dataset_;
  Objects& objects_;
  const std::vector<const Field*> fields_;
  const DeleteOptions& options_;
  LiveSession session_;  // asks the store for nothing unless this takes long
  Tip base_;             // what the pieces were judged by
  std::vector<Piece> pieces_;
  std::vector<PutRequest> unput_;  // segments that are not on the store yet
  uint64_t unput_bytes_ = 0;
  DeleteReport report_;
};

}  // namespace dreamdb
