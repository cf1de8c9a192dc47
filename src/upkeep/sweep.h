// Lists part of a space, tells what each key is, and deletes what is condemned.
//
// On a far store parts of the listing are read side by side, and each deletes a thousand keys a
// request as it goes; in a folder pages are large, for each reads the directory whole.
//
// Thread rule: one call at a time; `judge` may be called on several threads.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "dreamdb/upkeep.h"
#include "store/store.h"
#include "upkeep/hash_slice.h"

namespace dreamdb {

enum class Fate : uint8_t { kLive, kCondemned, kGuarded, kUnknown };

// What is to become of an object whose key names `address`.
using Judge = std::function<Fate(const ListedObject& object, const Address& address)>;

struct SweepOptions {
  bool dry_run = false;
  HashSlice counted = {};  // only these are counted
  bool counts_unknown = true;
  // Asked before each request that deletes. Not ok: the sweep ends.
  std::function<Status()> may_delete = {};
  // Asked between pages, likewise.
  std::function<Status(const GcTotal& listed, const GcTotal& deleted)> on_page = {};
};

struct Swept {
  GcCounts counts;
  GcTotal deleted;
};

// The keys below `folder` ("pages/") that fall to `slice`. Keys that name no address are unknown.
// Errors of listing and deleting; what was deleted by then stays so.
Result<Swept> sweep(Store& store, std::string_view folder, const HashSlice& slice,
                    const SweepOptions& options, const Judge& judge);

// Keys that stand outside of `folders`, which are ascending, are counted as unknown.
Result<GcTotal> count_strangers(Store& store, const std::vector<std::string>& folders);

// Deletes immutable objects; what fails is tried again a few times.
Status delete_surely(Store& store, std::vector<std::string> keys);

void add_to(GcTotal& total, uint64_t size_bytes);
void add_to(GcTotal& total, const GcTotal& more);
void add_to(GcCounts& counts, const GcCounts& more);
void add_to(GcCounts& counts, Fate fate, uint64_t size_bytes);

}  // namespace dreamdb
