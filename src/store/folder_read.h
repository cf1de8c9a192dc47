// Reading ranges of immutable files: one wave, in parallel where that pays.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "dreamdb/buffer.h"
#include "runtime/fork.h"
#include "store/folder_files.h"
#include "store/store.h"

namespace dreamdb {

// The longest range of one request; no object of the format is longer (spec 1.3).
inline constexpr uint64_t kRangeSizeMax = uint64_t{4} << 30;

class FolderReader {
 public:
  explicit FolderReader(FolderFiles& files) : files_(files) {}

  // `use` as in Store::read_each; may be empty.
  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests,
                                        const Store::Use& use = nullptr);

  // Closes what is kept open for `key`: it was deleted or replaced.
  void forget(const std::string& key);

 private:
  struct OpenFile {
    UniqueFd fd;
    std::string path;
  };
  struct Slot {
    std::shared_ptr<const OpenFile> file;
    std::list<std::string>::iterator age;
  };
  // A file and its size now; `error` when it cannot be read.
  struct Opened {
    std::shared_ptr<const OpenFile> file;
    uint64_t size_bytes = 0;
    Status status;
  };

  Opened open_object(const std::string& key);
  std::shared_ptr<const OpenFile> find_open(const std::string& key);
  void keep_open(const std::string& key, std::shared_ptr<const OpenFile> file);
  void close_all();

  FolderFiles& files_;
  ForkSafeMutex mutex_;
  std::list<std::string> ages_;  // keys of `open_`, the latest used first
  std::unordered_map<std::string, Slot> open_;
};

}  // namespace dreamdb
