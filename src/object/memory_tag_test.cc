// Tags: equal for equal bytes on every thread, other for every flipped bit and cut.
#include "object/memory_tag.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <thread>
#include <vector>

namespace dreamdb {
namespace {

std::vector<std::byte> noise(size_t size) {
  std::mt19937_64 random(size);
  std::vector<std::byte> out(size);
  for (std::byte& byte : out) byte = static_cast<std::byte>(random());
  return out;
}

TEST(MemoryTag, EqualBytesHaveEqualTags) {
  const MemoryTags tags_of;
  for (const size_t size : {0u, 1u, 15u, 16u, 17u, 2048u, 100'000u}) {
    const auto bytes = noise(size);
    const MemoryTag tag = tags_of.of(bytes);
    std::vector<std::byte> moved(size + 3);
    std::copy(bytes.begin(), bytes.end(), moved.begin() + 3);
    EXPECT_EQ(tags_of.of(std::span(moved).subspan(3)), tag);
    std::thread([&] { EXPECT_EQ(tags_of.of(bytes), tag); }).join();
  }
}

TEST(MemoryTag, OtherBytesHaveOtherTags) {
  const MemoryTags tags_of, others;
  EXPECT_NE(tags_of.of(noise(100)), others.of(noise(100)));
  auto bytes = noise(2048);
  std::set<MemoryTag> tags{tags_of.of(bytes)};
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << bit % 8;
    EXPECT_TRUE(tags.insert(tags_of.of(bytes)).second) << bit;
    bytes[bit / 8] ^= std::byte{1} << bit % 8;
  }
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_TRUE(tags.insert(tags_of.of(std::span(bytes).first(size))).second) << size;
}

}  // namespace
}  // namespace dreamdb
