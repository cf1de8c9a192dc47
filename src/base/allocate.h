// Memory for buffers: aligned for SIMD, and large blocks used again instead of faulted in anew.
//
// A fresh large block costs a page fault for every 4 KiB, more than hashing its bytes. Blocks of
// 1 MiB and more therefore ask for huge pages and are kept for the next buffer, up to a bound.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <cstddef>
#include <memory>

namespace dreamdb {

// Uninitialised memory, 64-byte aligned; freed or kept for reuse when the last owner lets go.
std::shared_ptr<std::byte> allocate_bytes(size_t size);

}  // namespace dreamdb
