// A store in a folder: one file for each object, version files for mutable keys.
//
// Spec: spec/09-folder-store.md. What is acknowledged is synced, names included; there is no way
// to turn that off. Several processes, and several hosts of a shared file system, may use one
// folder at a time. Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <memory>
#include <string_view>

#include "dreamdb/result.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace dreamdb {

// Opens the folder at the absolute `path`. With `create`, makes it (and the folders above it) if
// it is not there. Removes temporary files older than a day.
// NotFound: no such folder, and not `create`. InvalidArgument: not absolute, or not a folder.
// Denied: it may not be read. Other errors of the file system as `Store`.
Result<std::shared_ptr<Store>> open_folder_store(std::string_view path, bool create,
                                                 Runtime& runtime = real_runtime());

}  // namespace dreamdb
