// What a version becomes without what is lost of it.
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <vector>

#include "dreamdb/upkeep.h"
#include "object/objects.h"
#include "upkeep/losses.h"

namespace dreamdb {

struct RepairedVersion {
  Manifest manifest;                // the tip's with other roots; its parents are still the tip's
  std::vector<PutRequest> objects;  // new pages and segments
};

struct RepairSetting {
  Nonce nonce{};            // of new objects
  uint64_t generation = 0;  // of the version that they are for
};

// Takes out what `losses` has, and introduces records anew that have values left. `report` gets
// what is lost and what becomes of it; `on_lost` as of RepairOptions. Reads all pages that are
// left, and lists of anchors where records are lost. Holds what it makes: pages, and for each
// record that is introduced anew a few bytes.
Result<RepairedVersion> plan_repair(Objects& objects, const Manifest& tip, const Losses& losses,
                                    const RepairSetting& setting,
                                    const std::function<Status(const LostRows&)>& on_lost,
                                    RepairReport& report);

}  // namespace dreamdb
