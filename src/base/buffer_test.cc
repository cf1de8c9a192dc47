#include "dreamdb/buffer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/allocate.h"

namespace dreamdb {
namespace {

TEST(Buffer, SlicesShareTheAllocation) {
  const Buffer whole = Buffer::copy_of("hello, world");
  const Buffer part = whole.slice(7, 5);
  EXPECT_EQ(part.view(), "world");
  EXPECT_EQ(part.data(), whole.data() + 7);
  EXPECT_EQ(part.owner(), whole.owner());
  EXPECT_TRUE(whole.slice(12, 0).empty());
}

TEST(Buffer, OutlivesItsMaker) {
  Buffer slice;
  {
    MutableBuffer memory(5);
    std::memcpy(memory.data(), "abcde", 5);
    slice = std::move(memory).freeze(3).slice(1, 2);
  }
  EXPECT_EQ(slice.view(), "bc");
}

TEST(Allocate, IsAlignedAtEverySize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{1} << 20, size_t{3} << 20,
                            (size_t{17} << 20) + 5}) {
    const auto memory = allocate_bytes(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % 64, 0u) << size;
    std::memset(memory.get(), 1, size);
  }
}

TEST(Allocate, BlocksInUseNeverOverlap) {
  constexpr size_t kSize = (2u << 20) - 7;
  std::vector<std::shared_ptr<std::byte>> held;
  for (int round = 0; round < 50; ++round) {
    auto memory = allocate_bytes(kSize);
    std::memset(memory.get(), round, kSize);
    if (round % 3 == 0) held.push_back(memory);
    for (size_t i = 0; i < held.size(); ++i) {
      EXPECT_EQ(held[i].get()[0], static_cast<std::byte>(i * 3));
      EXPECT_EQ(held[i].get()[kSize - 1], static_cast<std::byte>(i * 3));
    }
  }
}

}  // namespace
}  // namespace dreamdb
