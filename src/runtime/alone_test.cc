#include "runtime/alone.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

namespace dreamdb {
namespace {

TEST(Alone, LoopsRunOnTheCallerInOrder) {
  const AloneScope alone;
  ThreadPool& pool = shared_pool();
  const auto here = std::this_thread::get_id();
  std::vector<size_t> order;
  bool is_here = true;
  pool.parallel_for(100, [&](size_t index) {
    is_here = is_here && std::this_thread::get_id() == here;
    order.push_back(index);
  });
  std::vector<size_t> expected(100);
  std::iota(expected.begin(), expected.end(), size_t{0});
  EXPECT_EQ(order, expected);
  EXPECT_TRUE(is_here);
  EXPECT_EQ(pool.thread_count(), 0u);
}

TEST(Alone, WorkIsDoneWhenItIsWaitedForOrAtTheEnd) {
  ThreadPool pool(4);
  std::vector<int> order;
  {
    const AloneScope alone;
    Task first = pool.submit([&] { order.push_back(1); });
    Task second = pool.submit([&] { order.push_back(2); });
    (void)pool.submit([&] { order.push_back(3); });
    EXPECT_TRUE(order.empty());
    EXPECT_FALSE(second.done());
    second.wait();
    EXPECT_EQ(order, (std::vector{2}));
  }
  EXPECT_EQ(order, (std::vector{2, 1, 3}));
}

TEST(Alone, TicksWhenItIsAsked) {
  AloneScope alone;
  int first = 0, second = 0;
  auto one = start_ticking([&] {
    ++first;
    alone.tick();
  });
  std::unique_ptr<Ticking> two = start_ticking([&] {
    ++second;
    two.reset();
  });
  EXPECT_EQ(first, 0);
  alone.tick();
  EXPECT_EQ(first, 1) << "a tick within a tick";
  EXPECT_EQ(second, 1);
  alone.tick();
  EXPECT_EQ(first, 2);
  EXPECT_EQ(second, 1) << "it was over";
}

TEST(Alone, OtherThreadsAreAsBefore) {
  const AloneScope alone;
  size_t count = 0;
  std::thread([&] { count = shared_pool().thread_count(); }).join();
  EXPECT_GT(count, 0u);
  EXPECT_EQ(AloneScope::innermost(), &alone);
  {
    const AloneScope inner;
    EXPECT_EQ(AloneScope::innermost(), &inner);
  }
  EXPECT_EQ(AloneScope::innermost(), &alone);
}

}  // namespace
}  // namespace dreamdb
