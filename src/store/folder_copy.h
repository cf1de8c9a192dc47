// Plain names of mutable keys: `<root>/<key>.ref` beside the objects, so that any web server that
// serves the folder gives out refs too.
//
// The name is one more of the version file (9.4) that is current: a hard link. So it costs no
// writing and no sync, and after a crash it is an older version, whole, never half of one. It is
// set after the swap is visible and durable; whoever finds the name behind sets it right.
//
// Spec: spec/09-folder-store.md, 9.7. Thread rule: every call may come from any thread or process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dreamdb/result.h"
#include "store/folder_files.h"

namespace dreamdb {

// Gives the file `temporary`, a second name of version `sequence` of `key`, the plain name, or that
// of a later version if there is one by now. `temporary` is gone afterwards. What cannot be done is
// left to the next swap: the plain name is for readers elsewhere, none of the store's own.
void set_plain_name(FolderFiles& files, std::string_view key, uint64_t sequence,
                    const std::string& temporary);

// Unsupported: a file of the plain name is there that no folder store has made: the key was written
// by other means (WebDAV), and its writers would not see this store's.
Status check_plain_name(FolderFiles& files, std::string_view key);

// The version that the plain name shows; nullopt: none, a deleted one, or no version file.
std::optional<uint64_t> plain_version(FolderFiles& files, std::string_view key);

// Sets right all plain names that are missing or behind; how many were.
Result<size_t> mend_plain_names(FolderFiles& files);

}  // namespace dreamdb
