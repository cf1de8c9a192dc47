#include "base/allocate.h"

#include <array>
#include <atomic>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace dreamdb {

namespace {

constexpr size_t kAlignment = 64;  // one cache line, one AVX-512 register, Arrow's advice
constexpr size_t kLargeBytes = 1u << 20;
constexpr size_t kHugePageBytes = 2u << 20;
constexpr size_t kKeptBlockBytesMax = 72u << 20;  // a segment under construction; no larger one
constexpr size_t kKeptBytesMax = 72u << 20;
constexpr size_t kSlots = 32;

#if defined(DREAMDB_SANITIZE_ADDRESS) || defined(DREAMDB_SANITIZE_THREAD)
constexpr bool kReuse = false;  // a sanitizer must see every block end
#else
constexpr bool kReuse = true;
#endif

// A free block; this stands in its first bytes.
struct Block {
  size_t size;
};

// Free large blocks. A slot is emptied and filled by one atomic step, so there is no lock that a
// fork could leave held.
std::array<std::atomic<Block*>, kSlots> slots{};
std::atomic<size_t> kept_bytes{0};

size_t rounded(size_t size) {
  return (size + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
}

// A kept block of at least `size` bytes and not much more; its size stands in it.
Block* take_kept(size_t size) {
  for (auto& slot : slots) {
    Block* block = slot.load(std::memory_order_relaxed);
    if (block == nullptr) continue;
    block = slot.exchange(nullptr, std::memory_order_acquire);
    if (block == nullptr) continue;
    if (block->size >= size && block->size - size <= size / 4) {
      kept_bytes.fetch_sub(block->size, std::memory_order_relaxed);
      return block;
    }
    Block* empty = nullptr;
    if (slot.compare_exchange_strong(empty, block, std::memory_order_release)) continue;
    kept_bytes.fetch_sub(block->size, std::memory_order_relaxed);
    ::operator delete(block, std::align_val_t{kHugePageBytes});
  }
  return nullptr;
}

// Lets one kept block go, so that sizes no longer used make room.
void drop_one() {
  static std::atomic<size_t> next{0};
  for (size_t tries = 0; tries < kSlots; ++tries) {
    auto& slot = slots[next.fetch_add(1, std::memory_order_relaxed) % kSlots];
    Block* block = slot.exchange(nullptr, std::memory_order_acquire);
    if (block == nullptr) continue;
    kept_bytes.fetch_sub(block->size, std::memory_order_relaxed);
    ::operator delete(block, std::align_val_t{kHugePageBytes});
    return;
  }
}

bool keep(void* memory, size_t size) {
  if (!kReuse || size > kKeptBlockBytesMax) return false;
  if (kept_bytes.load(std::memory_order_relaxed) + size > kKeptBytesMax) drop_one();
  if (kept_bytes.fetch_add(size, std::memory_order_relaxed) + size <= kKeptBytesMax) {
    Block* block = new (memory) Block{size};
    for (auto& slot : slots) {
      Block* empty = nullptr;
      if (slot.compare_exchange_strong(empty, block, std::memory_order_release)) return true;
    }
  }
  kept_bytes.fetch_sub(size, std::memory_order_relaxed);
  return false;
}

Block allocate_large(size_t size, std::byte*& memory) {
  if (Block* kept = take_kept(size)) {
    const Block block = *kept;
    memory = reinterpret_cast<std::byte*>(kept);
    return block;
  }
  memory = static_cast<std::byte*>(::operator new(size, std::align_val_t{kHugePageBytes}));
#ifdef __linux__
  madvise(memory, size, MADV_HUGEPAGE);  // advice: without it the block is slower, not wrong
#endif
  return {size};
}

}  // namespace

std::shared_ptr<std::byte> allocate_bytes(size_t size) {
  if (size < kLargeBytes) {
    auto* memory = static_cast<std::byte*>(::operator new(size, std::align_val_t{kAlignment}));
    return {memory, [](std::byte* p) { ::operator delete(p, std::align_val_t{kAlignment}); }};
  }
  std::byte* memory = nullptr;
  const Block block = allocate_large(rounded(size), memory);
  return {memory, [block](std::byte* p) {
            if (!keep(p, block.size)) ::operator delete(p, std::align_val_t{kHugePageBytes});
          }};
}

}  // namespace dreamdb
