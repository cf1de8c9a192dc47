// What a version becomes when another is merged into it (spec 6.5).
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <vector>

#include "dataset/merge_schema.h"
#include "dreamdb/dataset.h"
#include "object/objects.h"
#include "version/history.h"

namespace dreamdb {

struct MergedVersion {
  // The target's, with what the source has besides; its parents are still the target's.
  Manifest manifest;
  std::vector<PutRequest> segments;  // new ones, not on the store yet
  std::vector<NewPage> pages;
  bool changed = false;
};

struct MergeSetting {
  Nonce nonce{};             // of new objects
  uint64_t generation = 0;   // of the version they are for
  size_t conflicts_max = 1;  // told at most
  PageMap& pages;            // at hand; gets those that are read and made
  // Called before anything of the target is read but its pages.
  std::function<Status()> before_reading;
  // Common ancestors with a source that are nearer than `bases`, because one has merged the other's
  // since; none: empty. Called where both have written different values.
  std::function<Result<std::vector<VersionPoint>>(const VersionPoint& source)> nearer_bases;
};

// `target` and `source` since `bases`, their common ancestors. `report` gets what comes to the
// target, and the conflicts: with any the answer is of no use. Conflict: schemas that do not go
// together. One wave a level for all trees together, and what `OverlapFinder` reads.
Result<MergedVersion> merge_versions(Objects& objects, const VersionPoint& target,
                                     const VersionPoint& source, Bases bases,
                                     const MergeSetting& setting, MergeReport& report);

}  // namespace dreamdb
