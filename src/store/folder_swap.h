// Compare-and-swap of mutable keys in a folder, by exclusive creation of numbered version files.
//
// Spec: spec/09-folder-store.md, 9.3. Thread rule: every call may come from any thread, process
// or host that shares the file system.
//
// The argument of correctness
// ---------------------------
// Version n of a key is the file `.swap/<key>/~n`; the highest n is current. What is assumed of
// the file system: a name can be linked by one caller only (link(2) with EEXIST for all others);
// a look at a directory finds every name that was there during the whole look.
//
//  1. Whole or not at all. A version file is written and synced under a temporary name and then
//     linked, so its name never stands for half a file. A crash before the link leaves the old
//     state and a temporary file; after it, the new state.
//  2. One winner. A writer looks, checks that the current version is the one it expects (number
//     and id), and links number n + 1. Only one link of a name succeeds; the others are told
//     Conflict. Numbers are never used again, also not after a deletion, which is a version too.
//  3. Pruning removes versions in ascending order and keeps the newest 32. So a low number may be
//     free again, and a writer that slept between its look and its link, while 32 others swapped,
//     can link into that hole. It was not current for a moment: readers take the highest number.
//     The writer finds out by looking again after its link. If no higher version exists, it won.
//     Else, with m its number:
//       a. `~m+1` exists and names my id as the one it replaced: somebody built on mine. Won.
//       b. `~m+1` exists and names another id: mine is not the m it was built on. Hole: Conflict.
//       c. `~m+1` is absent, and afterwards `~m` is still mine: a higher version exists, so m + 1
//          was there once and was pruned, after the true m, for pruning ascends. Hole: Conflict.
//       d. `~m` is gone as well: pruned while I slept, won or not. OutcomeUnknown: the caller
//          looks for its write in the history of the body.
//     In b and c the writer removes its file; if it dies first, the next pruning does.
//  4. A reader takes the highest number of one look and opens it. If it was pruned meanwhile, it
//     looks again. A version n above 1 whose n - 1 is not in the same look may be a hole that was
//     linked during it: the reader looks again too.
//     A writer may stand on a version that its writer announced and has not linked yet: it then
//     looks, right before its own link, until that one is current, and is told Conflict when it
//     does not come.
//  5. Durable. The writer syncs the directory after its link and before it says ok. When that sync
//     fails, the version is visible and yet may be lost in a power cut: this process then shows
//     nothing of the key until a sync succeeds, so that nobody takes its write for durable.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"
#include "runtime/fork.h"
#include "store/folder_files.h"
#include "store/folder_turn.h"
#include "store/store.h"
#include "store/version_file.h"

namespace dreamdb {

inline constexpr size_t kVersionsKept = 32;
inline constexpr uint64_t kSwapBodyMax = uint64_t{1} << 30;  // bytes; refs are under 1 MiB

class FolderSwap {
 public:
  explicit FolderSwap(FolderFiles& files) : files_(files) {}

  Result<Loaded> load(std::string_view key);

  // Links the version after `expected`; `deleted` marks the key as absent from then on.
  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       std::span<const std::byte> body, bool deleted);

  // The same in two steps. A version that is written and synced but not linked: nobody sees it. It
  // must be finished or dropped. What it replaces need not be visible before `finish`, which
  // waits for it a little.
  struct Prepared {
    VersionHeader header;
    std::optional<Version> awaited;  // not visible yet: it stands on what is ahead
    std::string temporary;           // path
  };
  Result<Prepared> prepare(std::string_view key, const std::optional<Version>& expected,
                           std::span<const std::byte> body, bool deleted);
  Result<Version> finish(std::string_view key, const Prepared& prepared);
  // Syncs the names of the key's versions, whoever made them.
  Status make_durable(std::string_view key) { return sync(directory_of(key)); }
  static void drop(const Prepared& prepared);

  // Ends the turn of the calling thread, and tells the next writer what is `prepared`.
  void hand_over(std::string_view key, const Prepared& prepared, std::span<const std::byte> body);
  // What was handed over, if it stands directly on the current version and is not visible yet.
  std::optional<Loaded> ahead(std::string_view key, const FolderTurn& turn);

  // What a listing says about the key; nullopt when absent or deleted.
  Result<std::optional<ListedObject>> find(std::string_view key);

 private:
  struct Current {
    VersionHeader header;
    Buffer file;  // header and body
    uint64_t time_ns = 0;
  };

  std::string directory_of(std::string_view key) const;
  // The highest version, also a deleted one; nullopt when the key never was.
  Result<std::optional<Current>> find_current(std::string_view key);
  // Corruption: the key has a plain name and no version (S9.18).
  Status check_kept(std::string_view key);
  Result<Current> read_version(const std::string& directory, uint64_t sequence);
  Status check_expected(std::string_view key, const std::optional<Current>& current,
                        const std::optional<Version>& expected) const;
  // Ok when what the version stands on is current.
  Status await(std::string_view key, const Prepared& prepared);
  // Links a written file as version `header.sequence`, and settles whether it won.
  Status publish(std::string_view key, const std::string& temporary, const VersionHeader& header);
  Status settle(std::string_view key, const VersionHeader& mine);
  // Syncs the directory of the key; remembers it while that fails.
  Status sync(const std::string& directory);
  // Ok unless a sync failed before and fails again.
  Status sync_pending(const std::string& directory);

  FolderFiles& files_;
  ForkSafeMutex mutex_;
  std::set<std::string, std::less<>> unsynced_;  // directories whose last sync failed
};

// Gives the file `from` the name `to` if nobody has it: Conflict if somebody has. Two ways, for a
// file system may know one only; Unsupported when it does not know this one.
Status link_exclusively(const std::string& from, const std::string& to);
Status rename_exclusively(const std::string& from, const std::string& to);

}  // namespace dreamdb
