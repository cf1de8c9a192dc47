// What of this floor several threads use at once.
#include <gtest/gtest.h>

#include <barrier>
#include <thread>
#include <vector>

#include "codec/address.h"

namespace dreamdb {
namespace {

// Asks the thread sanitizer; no other test of this program may compute a hash before it.
TEST(Blake3, FirstHashesOfAProcessMayRunAtOnce) {
  constexpr size_t kThreads = 4;
  std::barrier start(kThreads);
  std::vector<Hash> hashes(kThreads);
  std::vector<std::thread> threads;
  for (Hash& hash : hashes)
    threads.emplace_back([&start, &hash] {
      start.arrive_and_wait();
      hash = blake3(std::span<const std::byte>());
    });
  for (std::thread& thread : threads) thread.join();
  for (const Hash& hash : hashes) EXPECT_EQ(hash, hashes[0]);
}

}  // namespace
}  // namespace dreamdb
