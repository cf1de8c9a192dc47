// Turns of writers on one machine for stores that are elsewhere: the lock files of folder_turn.h in
// a folder of the user's own on this machine.
//
// The folder is $XDG_RUNTIME_DIR/dreamdb, or dreamdb-UID in the folder for temporary files. It
// holds an empty folder with a lock file of four bytes for each mutable key that was written to;
// removing it costs writers a hint and nothing else.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "runtime/runtime.h"
#include "store/store.h"

namespace dreamdb {

// Waits for the turn of the key `name`, which is unique among all stores ("endpoint/bucket/key").
// nullptr: the time is over, or this machine gives no such folder.
std::unique_ptr<Turn> wait_local_turn(std::string_view name, uint32_t timeout_ms, Runtime& runtime);

}  // namespace dreamdb
