// The folder below a folder store: paths, directories that are known to be durable, temporary
// files.
//
// Spec: spec/09-folder-store.md. Thread rule: every call may come from any thread, also in a child
// after fork().
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"
#include "runtime/fork.h"
#include "runtime/runtime.h"
#include "store/posix_file.h"

namespace dreamdb {

// The store's own directories at its root; no key begins with '.'.
inline constexpr std::string_view kTemporaryDirectory = ".tmp";
inline constexpr std::string_view kSwapDirectory = ".swap";

class FolderFiles {
 public:
  // `root`: absolute path of an existing folder, without a slash at its end.
  FolderFiles(std::string root, Runtime& runtime);

  const std::string& root() const { return root_; }
  std::string describe() const;
  Runtime& runtime() const { return runtime_; }

  // The path of `relative`, a checked key or one of the store's own names.
  std::string path_of(std::string_view relative) const;

  // Makes the directory `relative` ("" is the root) and those above it, and sees to it that their
  // names survive a power cut. Costs nothing when this process did it before.
  Status ensure_directory(std::string_view relative);

  // Forgets that `relative` was there: somebody removed it.
  void forget_directory(std::string_view relative);

  // Writes `parts` one after the other to a new file below `.tmp` and syncs it; returns its path.
  // On failure nothing is left.
  Result<std::string> write_temporary(const std::vector<std::span<const std::byte>>& parts);

  // Removes temporary files that nobody has written to for a day: their writers are dead.
  void remove_stale_temporaries();

  // NotFound if the root is gone, else ok: tells a missing store from a missing key.
  Status check_root() const;

 private:
  const std::string root_;
  Runtime& runtime_;
  ForkSafeMutex mutex_;
  std::set<std::string, std::less<>> durable_;  // relative paths; one for each directory in use
};

enum class EntryKind : uint8_t { kFile, kDirectory, kOther };  // links are not followed: other

// Calls `visit` for what stands in the directory at `path` except "." and "..", in no order, with
// one system call for hundreds of names. NotFound when there is no such directory.
Status visit_directory(const std::string& path,
                       const std::function<void(std::string_view name, EntryKind kind)>& visit);

}  // namespace dreamdb
