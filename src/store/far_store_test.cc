#include "store/far_store.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <vector>

#include "store/memory_store.h"

namespace dreamdb {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kMegabyte = 1'000'000;

struct Far {
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("far");
  std::shared_ptr<FarStore> store = std::make_shared<FarStore>(memory);

  // An object of 1 MB for each name.
  explicit Far(size_t objects) {
    for (size_t i = 0; i < objects; ++i) {
      const PutRequest put{key(i), Buffer::copy_of(std::string(kMegabyte, 'x'))};
      EXPECT_TRUE(memory->put_many({&put, 1})[0]);
    }
  }
  static std::string key(size_t i) { return "segments/" + std::to_string(100 + i); }

  void read(size_t first, size_t count, uint64_t size = kMegabyte) const {
    std::vector<ReadRequest> requests;
    for (size_t i = first; i < first + count; ++i) requests.push_back({key(i), 0, size});
    for (const auto& result : store->read_many(requests)) {
      EXPECT_TRUE(result);
      EXPECT_EQ(result->size(), size);
    }
  }
  uint64_t time(const std::function<void()>& act) const {
    const uint64_t begin_ns = store->now_ns();
    act();
    return store->now_ns() - begin_ns;
  }
  // Each on a thread of its own.
  uint64_t time_at_once(size_t threads, const std::function<void(size_t)>& act) const {
    return time([&] {
      std::vector<std::thread> all;
      for (size_t t = 0; t < threads; ++t) all.emplace_back([&act, t] { act(t); });
      for (std::thread& thread : all) thread.join();
    });
  }
};

TEST(FarStore, AWaveIsTheWayAndWhatTheConnectionsCarry) {
  const Far far(32);
  EXPECT_EQ(far.time([&] { far.read(0, 1); }), 30 * kMs);
  EXPECT_EQ(far.time([&] { far.read(0, 1, kMegabyte / 2); }), 25 * kMs);
  EXPECT_EQ(far.time([&] { far.read(0, 16); }), 30 * kMs);
  EXPECT_EQ(far.time([&] { far.read(0, 17); }), 40 * kMs);
  EXPECT_EQ(far.time([&] { far.read(0, 32); }), 40 * kMs);
  EXPECT_EQ(far.time([&] { (void)far.store->read_many({}); }), 0u);
}

TEST(FarStore, OneCallAfterTheOtherAddsUp) {
  const Far far(4);
  EXPECT_EQ(far.time([&] {
    for (size_t i = 0; i < 4; ++i) far.read(i, 1);
  }),
            120 * kMs);
}

TEST(FarStore, CallsAtOnceShareTheConnections) {
  const Far far(64);
  EXPECT_EQ(far.time_at_once(16, [&](size_t t) { far.read(t, 1); }), 30 * kMs);
  EXPECT_EQ(far.time_at_once(32, [&](size_t t) { far.read(t, 1); }), 40 * kMs);
  EXPECT_EQ(far.time_at_once(2, [&](size_t t) { far.read(t * 32, 32); }), 60 * kMs);
}

TEST(FarStore, PipelinesOfThreadsHideTheWay) {
  // 48 threads, each a GET of 1 MB after the other: 48 MB are under way, the way takes 32 MB and
  // the transfer 16, so the connections always have work. 480 MB at 1.6 GB/s are 300 ms.
  const Far far(48);
  const auto loop = [&](size_t t) {
    for (int i = 0; i < 10; ++i) far.read(t, 1);
  };
  EXPECT_EQ(far.time_at_once(48, loop), 20 * kMs + 300 * kMs);
  // Sixteen threads wait for the way two thirds of the time.
  EXPECT_EQ(far.time_at_once(16, loop), 300 * kMs);
  EXPECT_EQ(far.store->bytes_under_way_max(), 48 * kMegabyte);
}

TEST(FarStore, ComputingTakesTheTimeThatIsStated) {
  const Far far(1);
  EXPECT_EQ(far.time([&] {
    volatile uint64_t sum = 0;
    for (uint64_t i = 0; i < 10'000'000; ++i) sum = sum + i;
  }),
            0u);
  EXPECT_EQ(far.time([&] { far.store->spend(7 * kMs); }), 7 * kMs);
  // One computes while the other reads.
  EXPECT_EQ(far.time_at_once(2,
                             [&](size_t t) {
                               if (t == 0) far.store->spend(25 * kMs);
                               if (t == 1) far.read(0, 1);
                             }),
            30 * kMs);
}

TEST(FarStore, EveryKindOfCallIsAWave) {
  const Far far(2);
  const Buffer body = Buffer::copy_of(std::string(kMegabyte, 'y'));
  const std::vector<PutRequest> puts = {{"pages/a", body}, {"pages/b", body}};
  EXPECT_EQ(far.time([&] { (void)far.store->put_many(puts); }), 30 * kMs);
  Version version;
  EXPECT_EQ(far.time([&] { version = *far.store->swap("refs/r", std::nullopt, body); }), 30 * kMs);
  EXPECT_EQ(far.time([&] { (void)far.store->load("refs/r"); }), 30 * kMs);
  EXPECT_EQ(far.time([&] { (void)far.store->load("refs/none"); }), 20 * kMs);
  EXPECT_EQ(far.time([&] { (void)far.store->swap_delete("refs/r", version); }), 20 * kMs);
  EXPECT_EQ(far.time([&] { (void)far.store->list("", "", 10); }), 20 * kMs);
  const std::vector<std::string> keys = {"pages/a"};
  EXPECT_EQ(far.time([&] { (void)far.store->delete_many(keys); }), 20 * kMs);
}

TEST(FarStore, TheSameCallsTakeTheSameTime) {
  std::vector<uint64_t> times;
  for (int run = 0; run < 5; ++run) {
    const Far far(40);
    times.push_back(far.time_at_once(20, [&](size_t t) {
      for (size_t i = 0; i < 10; ++i) far.read(t, 1 + (t * 7 + i) % 20, 1000 * (1 + t * i));
    }));
  }
  for (const uint64_t time : times) EXPECT_EQ(time, times[0]);
}

}  // namespace
}  // namespace dreamdb
