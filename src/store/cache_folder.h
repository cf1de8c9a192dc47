// Grains of objects in files of a folder: what the disk cache keeps, and how it knows it again.
//
//   DIR/dreamdb-cache-1/usage              how much is in use (cache_usage.h)
//   DIR/dreamdb-cache-1/ab/cdef...-0       the first region of one object
//
// A file holds one region: a table of 256 entries of 16 bytes, then the grains, each at its own
// place. An entry is the size of the grain (u16, little-endian) and 14 bytes of a BLAKE3 hash over
// the grain, its object, the store it came from, and its index. Zeros: nothing is there. Files are
// sparse, so what is not there takes no space.
//
// Writers write in place, at the same time, without a lock: objects never change, so all write the
// same bytes to the same places. Whatever is found half written, cut, damaged, or meant for another
// place does not match its hash; then it is not there, and the file is removed. So no entry needs a
// sync, and a process that is killed leaves nothing to clean up.
//
// Thread rule: every call may come from any thread and process, also in a child after fork().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address.h"
#include "dreamdb/buffer.h"
#include "dreamdb/result.h"
#include "runtime/runtime.h"
#include "store/cache_plan.h"

namespace dreamdb {

// What was found of a span of grains.
struct CachedGrains {
  // Up to the last grain that is there, or to the end of the object; kNotThere for gaps.
  std::vector<int32_t> sizes;
  Buffer bytes;          // grain i at i * kGrainBytes; gaps hold anything
  uint64_t damaged = 0;  // grains that did not match their hash
};

class CacheFolder {
 public:
  // Makes the folder below `folder`. Errors as mkdir(2): name the folder, say what to do.
  static Result<CacheFolder> open(const std::string& folder, Runtime& runtime);

  const std::string& root() const { return root_; }

  // Names an object of a store. `store` tells stores apart.
  static Hash name_of(std::string_view store, std::string_view key);

  // What is there of grains [first, first + count), verified; marks their files as used. What
  // cannot be read is not there. Cost: two system reads a file, and the hash of each grain.
  CachedGrains load(const Hash& name, uint64_t first, uint64_t count) const;

  // Bytes on disk that `save` takes at most.
  static uint64_t cost_of(uint64_t first, uint64_t size_bytes, bool is_end);

  // Keeps `bytes`, which begin at grain `first`. `is_end`: the object ends with them; otherwise
  // they are whole grains. Exhausted, Denied, Unavailable: nothing wrong is there.
  Status save(const Hash& name, uint64_t first, std::span<const std::byte> bytes,
              bool is_end) const;

  // Removes all that is kept of these objects. Cost: lists a folder of 256 for each object, once
  // for those that share it.
  void remove(std::span<const Hash> names) const;

 private:
  CacheFolder(std::string root, Runtime& runtime) : root_(std::move(root)), runtime_(&runtime) {}
  std::string path_of(const Hash& name, uint64_t region) const;
  // Of the region's grains [first, first + sizes.size()) reads those with a size; kNotThere
  // for those that are damaged.
  uint64_t read_region(const Hash& name, uint64_t region, uint64_t first,
                       std::span<const std::byte> entries, std::span<int32_t> sizes,
                       std::span<std::byte> out) const;
  Status save_region(const Hash& name, uint64_t region, uint64_t first,
                     std::span<const std::byte> bytes, bool is_end) const;

  std::string root_;
  Runtime* runtime_;
};

// Makes the folder `root` and those above it, readable for this user alone.
Status make_cache_root(const std::string& root);

// The folders that hold files, by their two hexadecimal digits.
constexpr size_t kCacheFolders = 256;
std::string cache_folder_path(const std::string& root, size_t index);

}  // namespace dreamdb
