// Taking turns on one machine: a lock that saves writers of one key from preparing swaps in vain.
//
// Only a hint. The lock is a POSIX record lock on `.swap/<key>/~lock`: the kernel frees it when
// the process dies, and a forked child does not inherit it (flock and open-file-description locks
// would live on in the child). Such locks cannot be waited for with a limit, so waiters sleep on a
// futex in the same file, mapped read-only; who gives the lock back changes the word and wakes the
// longest sleeper. A wake that is lost (the owner was killed) costs one poll interval. Behind the
// word the file has a note of the last owner, read and written by who holds the lock.
//
// Thread rule: every call may come from any thread; a Turn may be given back by any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "dreamdb/buffer.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace dreamdb {

// A turn on one directory, and what the one who had it before left for the next.
class FolderTurn : public Turn {
 public:
  // Empty: nothing was left.
  virtual Buffer note() const = 0;
  // From now on it ends only when it is destroyed, and then all who wait look again.
  virtual void keep() = 0;
  // When it is kept: all who wait look again now.
  virtual void wake_if_kept() = 0;
};

// Waits for the lock file in `directory`, which must exist. nullptr: the time is over, `is_done`
// (asked whenever the waiter wakes) says so, the directory is not there or cannot be written to, or
// too many locks are in use.
std::unique_ptr<FolderTurn> wait_folder_turn(const std::string& directory, uint32_t timeout_ms,
                                             Runtime& runtime,
                                             const std::function<bool()>& is_done = nullptr);

// Ends the turn that the calling thread took there, unless it is kept, and leaves `note` to the
// next one; false: it has none there. Its swap is visible (the next one's sync covers it too), or
// is about to be and stands in the note. A note that is longer than kTurnNoteMax is not left, and
// the turn goes on.
inline constexpr size_t kTurnNoteMax = 1 << 20;
bool end_folder_turn(const std::string& directory, std::span<const std::byte> note);

}  // namespace dreamdb
