// Listing in key order: files of objects and version folders of mutable keys, merged.
//
// Thread rule: every call may come from any thread.
#pragma once

#include <string_view>

#include "dreamdb/result.h"
#include "store/folder_files.h"
#include "store/folder_swap.h"
#include "store/store.h"

namespace dreamdb {

// As Store::list. Memory: a few times the page, however many files a directory has. Time: each
// directory that the page touches is read whole, so large folders want large pages.
Result<ListPage> list_folder(FolderFiles& files, FolderSwap& swap, std::string_view prefix,
                             std::string_view start_after, size_t limit);

}  // namespace dreamdb
