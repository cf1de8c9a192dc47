// Jumps, common ancestors and moments in time, against following every parent.
#include "version/history.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>
#include <iostream>
#include <utility>

#include "base/one_in.h"
#include "store/counting_store.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

// Versions without data on a memory store.
struct Line {
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>("history");
  std::shared_ptr<CountingStore> store = std::make_shared<CountingStore>(memory);
  std::vector<VersionPoint> points;
  std::vector<size_t> parents;  // index of the parent; the first has none

  size_t add(std::optional<size_t> parent, uint64_t time_step) {
    Manifest m;
    if (parent) {
      const VersionPoint& p = points[*parent];
      m = *p.manifest;
      m.parents = {p.address};
      m.ancestors = ancestors_of_child(*p.manifest, p.address);
      m.depth += 1;
      m.generation += 1;
    }
    m.timeline = Address::of({});
    m.operation = "append";
    m.time_ns += time_step;
    m.nonce[0] = static_cast<std::byte>(points.size());
    m.nonce[1] = static_cast<std::byte>(points.size() >> 8);
    const Buffer body = *write_manifest(m);
    const Address address = Address::of(body.span());
    const PutRequest put{manifest_key(address), body};
    EXPECT_TRUE(memory->put_many({&put, 1})[0]);
    points.push_back({address, std::make_shared<const Manifest>(m)});
    parents.push_back(parent.value_or(0));
    return points.size() - 1;
  }

  size_t up(size_t at, uint64_t depth) const {
    while (points[at].manifest->depth > depth) at = parents[at];
    return at;
  }

  uint64_t requests() const { return store->snapshot().requests(); }
};

// A tree of versions: mostly one line, now and then a branch at a random place.
Line random_line(size_t count) {
  Line line;
  line.add(std::nullopt, 5);
  size_t tip = 0;
  while (line.points.size() < count) {
    if (*rc::gen::inRange<int>(0, 40) == 0) tip = *rc::gen::inRange<size_t>(0, line.points.size());
    tip = line.add(tip, *rc::gen::inRange<uint64_t>(0, 3));
  }
  return line;
}

uint64_t jump_requests_max(uint64_t depth) {
  return 2 * static_cast<uint64_t>(std::log2(static_cast<double>(depth + 1))) + 4;
}

RC_GTEST_PROP(History, FindsWhatFollowingEveryParentFinds, ()) {
  const Line line = random_line(*rc::gen::inRange<size_t>(1, 1000));
  const auto any = rc::gen::inRange<size_t>(0, line.points.size());
  for (int round = 0; round < 10; ++round) {
    const size_t a = *any;
    const size_t b = *any;
    const VersionPoint& left = line.points[a];
    const VersionPoint& right = line.points[b];

    const auto depth = *rc::gen::inRange<uint64_t>(0, left.manifest->depth + 1);
    Objects cold(line.store, 1 << 20);
    uint64_t before = line.requests();
    auto ancestor = ancestor_at(cold, left, depth);
    RC_ASSERT(ancestor.has_value());
    RC_ASSERT(ancestor->address == line.points[line.up(a, depth)].address);
    RC_ASSERT(line.requests() - before <= jump_requests_max(left.manifest->depth));

    size_t x = line.up(a, right.manifest->depth);
    size_t y = line.up(b, left.manifest->depth);
    while (x != y) {
      x = line.parents[x];
      y = line.parents[y];
    }
    Objects again(line.store, 1 << 20);
    before = line.requests();
    auto common = common_ancestor(again, left, again, right);
    RC_ASSERT(common.has_value() && common->has_value());
    RC_ASSERT((*common)->address == line.points[x].address);
    RC_ASSERT(line.requests() - before <=
              2 * jump_requests_max(std::max(left.manifest->depth, right.manifest->depth)));

    const auto time = *rc::gen::inRange<uint64_t>(0, left.manifest->time_ns + 3);
    size_t t = a;
    while (line.points[t].manifest->time_ns > time && t != 0) t = line.parents[t];
    auto then = version_at_time(again, left, time);
    if (time < 5) {
      RC_ASSERT(!then.has_value() && then.error().code == Code::kNotFound);
    } else {
      RC_ASSERT(then.has_value());
      RC_ASSERT(then->address == line.points[t].address);
    }
  }
}

RC_GTEST_PROP(History, AWalkIsTheChainOfParents, ()) {
  const Line line = random_line(*rc::gen::inRange<size_t>(1, 1000));
  size_t at = *rc::gen::inRange<size_t>(0, line.points.size());
  Objects objects(line.store, 1 << 20);
  HistoryWalk walk(objects, line.points[at]);
  const uint64_t depth = line.points[at].manifest->depth;
  const StoreCounts before = line.store->snapshot();
  for (;;) {
    auto point = walk.next();
    RC_ASSERT(point.has_value() && point->has_value());
    RC_ASSERT((*point)->address == line.points[at].address);
    if ((*point)->manifest->depth == 0) break;
    at = line.parents[at];
  }
  RC_ASSERT(!walk.next()->has_value());
  const StoreCounts cost = line.store->snapshot().since(before);
  RC_ASSERT(cost.requests() == depth);
  // Windows of 4, 16, 64, 256, 256...: each in as many waves as its tree is high, and a few more.
  RC_ASSERT(cost.waves <= (depth / 256 + 4) * 12);
}

// A version that stands on `parent`; it is on the store.
VersionPoint child_of(MemoryStore& store, const VersionPoint& parent, uint64_t number) {
  Manifest m = *parent.manifest;
  m.parents = {parent.address};
  m.ancestors = ancestors_of_child(*parent.manifest, parent.address);
  m.depth += 1;
  m.generation += 1;
  std::memcpy(m.nonce.data(), &number, sizeof number);
  const Buffer body = *write_manifest(m);
  const Address address = Address::of(body.span());
  const PutRequest put{manifest_key(address), body};
  EXPECT_TRUE(store.put_many({&put, 1})[0]);
  return {address, std::make_shared<const Manifest>(std::move(m))};
}

TEST(History, FewRequestsFindWhatTipsFarApartHaveInCommon) {
  const uint64_t far = OneIn().of(100'000);
  Line line;
  line.add(std::nullopt, 1);
  for (size_t i = 0; i < 1000; ++i) line.add(i, 1);
  const VersionPoint base = line.points.back();
  uint64_t number = uint64_t{1} << 32;
  VersionPoint left = base, right = base, half_left;
  for (uint64_t i = 0; i < far; ++i) {
    left = child_of(*line.memory, left, ++number);
    if (i + 1 == far / 2) half_left = left;
  }
  for (uint64_t i = 0; i < far / 2; ++i) right = child_of(*line.memory, right, ++number);
  for (const auto& [a, b] : {std::pair(half_left, right), std::pair(left, base),
                             std::pair(base, left), std::pair(left, right)}) {
    Objects cold(line.store, 1 << 20);
    const StoreCounts before = line.store->snapshot();
    const auto common = common_ancestor(cold, a, cold, b);
    ASSERT_TRUE(common && *common);
    EXPECT_EQ((*common)->address, base.address);
    const StoreCounts cost = line.store->snapshot().since(before);
    std::cout << a.manifest->depth - base.manifest->depth << " and "
              << b.manifest->depth - base.manifest->depth
              << " versions above it: " << cost.requests() << " requests, " << cost.waves
              << " waves\n";
    EXPECT_LE(cost.requests(), 40u);
  }
}

TEST(History, AWalkEndsWhereTheHistoryWasCollected) {
  Line line;
  size_t tip = line.add(std::nullopt, 1);
  for (int i = 0; i < 50; ++i) tip = line.add(tip, 1);
  const std::string gone = manifest_key(line.points[20].address);
  ASSERT_TRUE(line.memory->delete_many({&gone, 1})[0]);
  for (const size_t from : {size_t{21}, size_t{22}, size_t{24}, size_t{26}, tip}) {
    Objects objects(line.store, 1 << 20);
    HistoryWalk walk(objects, line.points[from]);
    size_t seen = 0;
    auto point = walk.next();
    for (; point && *point; point = walk.next()) {
      EXPECT_EQ((*point)->address, line.points[from - seen].address);
      ++seen;
    }
    ASSERT_TRUE(point) << point.error().message;
    EXPECT_EQ(seen, from - 20);
    EXPECT_EQ(walk.collected(), 20u);
    EXPECT_FALSE(walk.next()->has_value());
  }
  Objects objects(line.store, 1 << 20);
  HistoryWalk walk(objects, line.points[19]);
  while (*walk.next()) continue;
  EXPECT_FALSE(walk.collected());
}

TEST(History, StrangersHaveNoCommonAncestor) {
  Line line;
  size_t left = line.add(std::nullopt, 1);
  size_t right = line.add(std::nullopt, 1);
  for (int i = 0; i < 50; ++i) left = line.add(left, 1);
  for (int i = 0; i < 20; ++i) right = line.add(right, 1);
  Objects objects(line.store, 1 << 20);
  auto common = common_ancestor(objects, line.points[left], objects, line.points[right]);
  ASSERT_TRUE(common) << common.error().message;
  EXPECT_FALSE(common->has_value());
}

TEST(History, AMissingVersionIsNamed) {
  Line line;
  size_t tip = line.add(std::nullopt, 1);
  for (int i = 0; i < 50; ++i) tip = line.add(tip, 1);
  const Address lost = line.points[0].address;
  const std::string key = manifest_key(lost);
  ASSERT_TRUE(line.memory->delete_many({&key, 1})[0]);
  Objects objects(line.store, 1 << 20);
  const auto found = ancestor_at(objects, line.points[tip], 0);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kNotFound);
  EXPECT_NE(found.error().message.find(lost.text()), std::string::npos);
  EXPECT_TRUE(ancestor_at(objects, line.points[tip], 1));
  EXPECT_EQ(ancestor_at(objects, line.points[tip], 51).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace dreamdb
