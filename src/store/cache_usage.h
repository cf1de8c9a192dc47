// How much disk the cache takes, kept below its limit by all processes together.
//
// The file `usage` holds the bytes in use, the time of the last count, and the boot it was made in;
// flock(2) on it is the lock. Room is taken before anything is written, so what is in use is never
// more than what the file says: a process that dies in between leaves the number too high, until
// the next count. The files are counted when room runs out, when the number is a day old or from
// before the machine was started, or cannot be read.
//
// Room is made by the time of the last use: one pass over the files sorts their bytes into classes
// of age (each 1/64 older than the one before), another removes the oldest classes until a tenth of
// the limit is free. That takes the same memory for any number of files.
//
// Thread rule: every call may come from any thread and process, also in a child after fork().
#pragma once

#include <cstdint>
#include <string>

#include "dreamdb/result.h"
#include "runtime/runtime.h"

namespace dreamdb {

class CacheUsage {
 public:
  // `root`: of the CacheFolder. Other processes may have other limits; each sees to its own.
  CacheUsage(std::string root, uint64_t limit_bytes, Runtime& runtime)
      : root_(std::move(root)), limit_bytes_(limit_bytes), runtime_(&runtime) {}

  uint64_t limit_bytes() const { return limit_bytes_; }

  // Takes `bytes` for what is about to be written, and makes room for them if need be. Exhausted:
  // there is no such room. Unavailable: another process has held the lock for a second. Denied and
  // others as open(2) and write(2): nothing can be written.
  // Cost: one small file; when room is made, two looks at every file of the cache.
  Status take(uint64_t bytes);

  // The bytes in use by a count of the files.
  uint64_t count() const;

 private:
  std::string path() const { return root_ + "/usage"; }
  // Unless at most `enough_bytes` are in use, removes what was not used for longest until at most
  // `target_bytes` are left; returns what is in use then.
  uint64_t shrink(uint64_t enough_bytes, uint64_t target_bytes) const;

  std::string root_;
  uint64_t limit_bytes_;
  Runtime* runtime_;
};

}  // namespace dreamdb
