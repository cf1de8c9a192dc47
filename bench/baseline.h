// What the machine reaches on the same bytes without a format: hash and write, read and hash, read
// memory.
//
// Thread rule: each call starts its own threads and joins them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb::bench {

// Calls `work(piece)` for each piece below `pieces` on `threads` threads; the first error ends it.
Status on_threads(size_t threads, size_t pieces, const std::function<Status(size_t)>& work);

// Hashes each `block_bytes` of `bytes` and writes all to one new file at `path`, which is synced,
// as is the name. Seconds.
Result<double> hash_and_write(const std::string& path, std::span<const std::byte> bytes,
                              uint64_t block_bytes, size_t threads);

// Reads the files with pread, `piece_bytes` at a time into a buffer a thread, and hashes each
// `block_bytes`. Seconds; `total` becomes the bytes read.
Result<double> read_and_hash(const std::vector<std::string>& files, uint64_t piece_bytes,
                             uint64_t block_bytes, size_t threads, uint64_t& total);

// Reads `blocks` of `block_bytes` at random places of the files and hashes each. Seconds.
Result<double> read_scattered(const std::vector<std::string>& files, size_t blocks,
                              uint64_t block_bytes, size_t threads);

// All files below `folder`.
std::vector<std::string> files_below(const std::string& folder);

// Seconds to read all of `memory` once with the widest loads the processor has.
double read_memory(std::span<const std::byte> memory, size_t threads);

// Writes all that is dirty in the page cache, so that no run pays for the one before.
void settle_disk();

}  // namespace dreamdb::bench
