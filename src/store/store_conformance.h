// What every store must do, as one test suite: instantiate it with a factory for each store and for
// each stack of decorators.
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance, testing::Values(StoreCase{"memory", make}),
//                            store_case_name);
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "store/store.h"

namespace dreamdb {

struct StoreCase {
  std::string name;
  // Makes an empty store. What it needs to live (a folder) it keeps alive itself.
  std::function<std::shared_ptr<Store>()> make;
  size_t key_size_max = 1024;  // less where a prefix takes part of a server's limit
  // False: what would lie below an object is refused, not absent. No key of a space does.
  bool knows_below_objects = true;
};

inline std::string store_case_name(const testing::TestParamInfo<StoreCase>& info) {
  return info.param.name;
}

class StoreConformance : public testing::TestWithParam<StoreCase> {
 protected:
  void SetUp() override { store_ = GetParam().make(); }

  Status put(const std::string& key, std::string_view text) {
    const PutRequest request{key, Buffer::copy_of(text)};
    return store_->put_many(std::span(&request, 1)).front();
  }

  Result<Buffer> get(const std::string& key, uint64_t offset = 0,
                     uint64_t size = std::numeric_limits<uint64_t>::max()) {
    const ReadRequest request{key, offset, size};
    return store_->read_many(std::span(&request, 1)).front();
  }

  std::string text_of(const std::string& key) {
    const auto body = get(key);
    return body ? std::string(body->view()) : "error: " + body.error().message;
  }

  // All keys, page by page.
  std::vector<std::string> keys(std::string_view prefix, size_t limit) {
    std::vector<std::string> all;
    std::string last;
    while (true) {
      const auto page = store_->list(prefix, last, limit);
      EXPECT_TRUE(page.has_value()) << page.error().message;
      if (!page) return all;
      EXPECT_LE(page->objects.size(), limit);
      for (const ListedObject& object : page->objects) all.push_back(object.key);
      if (!page->more) return all;
      EXPECT_FALSE(page->objects.empty());
      if (page->objects.empty()) return all;
      last = all.back();
    }
  }

  std::shared_ptr<Store> store_;
};

template <typename T>
Code code_of(const Result<T>& result) {
  return result ? Code{} : result.error().code;
}

TEST_P(StoreConformance, GivesBackWhatWasPut) {
  std::string binary;
  for (int i = 0; i < 1024; ++i) binary.push_back(static_cast<char>(i));
  ASSERT_TRUE(put("segments/a", binary));
  ASSERT_TRUE(put("segments/empty", ""));
  EXPECT_EQ(text_of("segments/a"), binary);
  const auto empty = get("segments/empty");
  ASSERT_TRUE(empty.has_value());
  EXPECT_TRUE(empty->empty());
}

TEST_P(StoreConformance, LargeBodies) {
  std::string large(8 << 20, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761u >> 13);
  ASSERT_TRUE(put("segments/large", large));
  EXPECT_TRUE(text_of("segments/large") == large);
  large.resize(1 << 20);  // what no mutable key exceeds (S1.3)
  const auto version = store_->swap("refs/large", std::nullopt, Buffer::copy_of(large));
  ASSERT_TRUE(version.has_value()) << version.error().message;
  const auto loaded = store_->load("refs/large");
  ASSERT_TRUE(loaded.has_value());
  EXPECT_TRUE(loaded->body.view() == large);
}

TEST_P(StoreConformance, RangesAreCutAtTheEnd) {
  ASSERT_TRUE(put("a/b", "0123456789"));
  EXPECT_EQ(get("a/b", 2, 3)->view(), "234");
  EXPECT_EQ(get("a/b", 8, 100)->view(), "89");
  EXPECT_EQ(get("a/b", 9)->view(), "9");
  EXPECT_EQ(get("a/b", 3, 0)->size(), 0u);
  for (const uint64_t offset : {uint64_t{10}, uint64_t{11}, uint64_t{1} << 40, ~uint64_t{0}}) {
    const auto beyond = get("a/b", offset, 5);
    ASSERT_TRUE(beyond.has_value()) << offset;
    EXPECT_TRUE(beyond->empty()) << offset;
  }
}

TEST_P(StoreConformance, AWaveKeepsTheOrderOfItsRequests) {
  std::vector<PutRequest> puts;
  for (int i = 0; i < 50; ++i) {
    puts.push_back({"w/k" + std::to_string(i), Buffer::copy_of("body " + std::to_string(i))});
  }
  for (const Status& status : store_->put_many(puts)) ASSERT_TRUE(status.has_value());
  std::vector<ReadRequest> reads;
  for (int i = 0; i < 400; ++i) {
    const int which = i * 37 % 60;  // 50 to 59 do not exist
    reads.push_back({"w/k" + std::to_string(which), static_cast<uint64_t>(i % 3), 100});
  }
  const auto results = store_->read_many(reads);
  ASSERT_EQ(results.size(), reads.size());
  for (int i = 0; i < 400; ++i) {
    const int which = i * 37 % 60;
    const auto& result = results[static_cast<size_t>(i)];
    if (which >= 50) {
      EXPECT_EQ(code_of(result), Code::kNotFound);
    } else {
      ASSERT_TRUE(result.has_value());
      EXPECT_EQ(result->view(), ("body " + std::to_string(which)).substr(i % 3));
    }
  }
  EXPECT_TRUE(store_->read_many({}).empty());
  EXPECT_TRUE(store_->put_many({}).empty());
  EXPECT_TRUE(store_->delete_many({}).empty());
}

TEST_P(StoreConformance, EachRangeIsUsedOnceAndKeptIfWanted) {
  std::string body(1 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i ^ (i >> 8));
  ASSERT_TRUE(put("each/a", body));
  ASSERT_TRUE(put("each/b", body));
  for (const size_t count : {size_t{0}, size_t{3}, size_t{300}}) {
    std::vector<ReadRequest> reads;
    for (size_t i = 0; i < count; ++i)
      reads.push_back({i % 7 == 5   ? "each/none"
                       : i % 2 == 0 ? "each/a"
                                    : "each/b",
                       i * 7919 % (body.size() + 100), 16384});
    std::vector<std::string> seen(count);
    std::vector<int> calls(count);
    const auto results = store_->read_each(reads, [&](size_t i, std::span<const std::byte> bytes) {
      seen[i].assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      ++calls[i];
      return i % 3 == 0;
    });
    ASSERT_EQ(results.size(), count);
    for (size_t i = 0; i < count; ++i) {
      if (i % 7 == 5) {
        EXPECT_EQ(code_of(results[i]), Code::kNotFound);
        EXPECT_EQ(calls[i], 0);
        continue;
      }
      ASSERT_TRUE(results[i].has_value()) << results[i].error().message;
      const uint64_t offset = std::min<uint64_t>(reads[i].offset, body.size());
      EXPECT_EQ(calls[i], 1);
      EXPECT_TRUE(seen[i] == body.substr(offset, 16384));
      EXPECT_TRUE(results[i]->view() == (i % 3 == 0 ? std::string_view(seen[i]) : ""));
    }
  }
}

TEST_P(StoreConformance, LargeWavesOfRanges) {
  std::string body(1 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i ^ (i >> 8));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(put("big/" + std::to_string(i), body));
  std::vector<ReadRequest> reads;
  for (size_t i = 0; i < 500; ++i) {
    reads.push_back({"big/" + std::to_string(i % 4), i * 7919 % body.size(), 16384});
  }
  const auto results = store_->read_many(reads);
  for (size_t i = 0; i < reads.size(); ++i) {
    ASSERT_TRUE(results[i].has_value());
    ASSERT_TRUE(results[i]->view() == std::string_view(body).substr(reads[i].offset, 16384)) << i;
  }
}

TEST_P(StoreConformance, AbsentKeysAreNotFound) {
  EXPECT_EQ(code_of(get("nothing/here")), Code::kNotFound);
  EXPECT_EQ(code_of(store_->load("refs/none")), Code::kNotFound);
  ASSERT_TRUE(put("a/b", "x"));
  EXPECT_EQ(code_of(get("a")), Code::kNotFound);
  const Code below = code_of(get("a/b/c"));
  EXPECT_EQ(below, GetParam().knows_below_objects ? Code::kNotFound : Code::kDenied);
  EXPECT_NE(get("nothing/here").error().message.find("nothing/here"), std::string::npos);
}

TEST_P(StoreConformance, PuttingAgainIsOk) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put("segments/same", "the same bytes"));
  EXPECT_EQ(text_of("segments/same"), "the same bytes");
  const PutRequest twice[] = {{"segments/twin", Buffer::copy_of("twin")},
                              {"segments/twin", Buffer::copy_of("twin")}};
  for (const Status& status : store_->put_many(twice)) EXPECT_TRUE(status.has_value());
  EXPECT_EQ(text_of("segments/twin"), "twin");
}

TEST_P(StoreConformance, SwapComparesBeforeItSets) {
  const std::string key = "refs/main";
  const auto first = store_->swap(key, std::nullopt, Buffer::copy_of("one"));
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_EQ(code_of(store_->swap(key, std::nullopt, Buffer::copy_of("no"))), Code::kConflict);
  auto loaded = store_->load(key);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->body.view(), "one");
  EXPECT_EQ(loaded->version, *first);
  const auto second = store_->swap(key, loaded->version, Buffer::copy_of("two"));
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(*second, *first);
  EXPECT_EQ(code_of(store_->swap(key, *first, Buffer::copy_of("no"))), Code::kConflict);
  EXPECT_EQ(code_of(store_->swap(key, Version{"nonsense"}, Buffer::copy_of("no"))),
            Code::kConflict);
  EXPECT_EQ(code_of(store_->swap("refs/absent", *second, Buffer::copy_of("no"))), Code::kConflict);
  EXPECT_EQ(store_->load(key)->body.view(), "two");
  const auto empty = store_->swap(key, *second, Buffer());
  ASSERT_TRUE(empty.has_value());
  EXPECT_EQ(store_->load(key)->body.size(), 0u);
}

TEST_P(StoreConformance, MutableKeysCanBeDeletedAndComeBack) {
  const std::string key = "refs/gone";
  const auto first = store_->swap(key, std::nullopt, Buffer::copy_of("one"));
  ASSERT_TRUE(first.has_value());
  const auto second = store_->swap(key, *first, Buffer::copy_of("two"));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(code_of(store_->swap_delete(key, *first)), Code::kConflict);
  ASSERT_TRUE(store_->swap_delete(key, *second));
  EXPECT_EQ(code_of(store_->load(key)), Code::kNotFound);
  EXPECT_EQ(code_of(store_->swap_delete(key, *second)), Code::kConflict);
  EXPECT_EQ(code_of(store_->swap(key, *second, Buffer::copy_of("no"))), Code::kConflict);
  EXPECT_TRUE(keys("", 10).empty());
  const auto again = store_->swap(key, std::nullopt, Buffer::copy_of("three"));
  ASSERT_TRUE(again.has_value());
  EXPECT_NE(*again, *first);  // an old version never comes back to life
  EXPECT_EQ(code_of(store_->swap(key, *first, Buffer::copy_of("no"))), Code::kConflict);
  EXPECT_EQ(store_->load(key)->body.view(), "three");
}

TEST_P(StoreConformance, MutableKeysMayNest) {
  for (const char* key : {"refs/a", "refs/a/b", "refs/a/b/c", "refs/main", "refs/main@v1"}) {
    ASSERT_TRUE(store_->swap(key, std::nullopt, Buffer::copy_of(key)).has_value()) << key;
  }
  EXPECT_EQ(store_->load("refs/a")->body.view(), "refs/a");
  EXPECT_EQ(store_->load("refs/a/b")->body.view(), "refs/a/b");
  ASSERT_TRUE(store_->swap_delete("refs/a/b", store_->load("refs/a/b")->version));
  EXPECT_EQ(keys("refs/", 2),
            (std::vector<std::string>{"refs/a", "refs/a/b/c", "refs/main", "refs/main@v1"}));
}

TEST_P(StoreConformance, DeleteRemovesObjectsAndAbsentIsOk) {
  for (const char* key : {"d/1", "d/2", "d/3"}) ASSERT_TRUE(put(key, "x"));
  EXPECT_EQ(text_of("d/2"), "x");
  const std::string gone[] = {"d/2", "d/none", "none/at/all", "d/3", "d/1/below", "d"};
  for (const Status& status : store_->delete_many(gone)) EXPECT_TRUE(status.has_value());
  EXPECT_EQ(code_of(get("d/2")), Code::kNotFound);
  EXPECT_EQ(keys("", 10), (std::vector<std::string>{"d/1"}));
  ASSERT_TRUE(put("d/2", "again"));
  EXPECT_EQ(text_of("d/2"), "again");
}

TEST_P(StoreConformance, ListsInByteOrderPageByPage) {
  // '-' sorts before '/', '0' after it: folders must sort with their slash.
  std::set<std::string> expected = {"a/x", "a-b/x",   "a0/x",  "a/y/z", "a/y-z",
                                    "b",   "A/upper", "a/y/a", "a.b/c", "zz/1"};
  for (const std::string& key : expected) ASSERT_TRUE(put(key, key));
  for (const char* key : {"a/ref", "a/y/ref", "refs/main", "a-b"}) {
    ASSERT_TRUE(store_->swap(key, std::nullopt, Buffer::copy_of("12345")).has_value());
    expected.insert(key);
  }
  const std::vector<std::string> all(expected.begin(), expected.end());
  for (const size_t limit : {1u, 2u, 3u, 7u, 100u}) EXPECT_EQ(keys("", limit), all) << limit;
  EXPECT_EQ(keys("a/", 2),
            (std::vector<std::string>{"a/ref", "a/x", "a/y-z", "a/y/a", "a/y/ref", "a/y/z"}));
  EXPECT_EQ(keys("a/y", 2), (std::vector<std::string>{"a/y-z", "a/y/a", "a/y/ref", "a/y/z"}));
  EXPECT_EQ(keys("nope", 2), std::vector<std::string>());
  EXPECT_EQ(keys("../", 2), std::vector<std::string>());
  const auto page = store_->list("a/", "a/x", 1);
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].key, "a/y-z");
  EXPECT_EQ(page->objects[0].size_bytes, 5u);
  EXPECT_GT(page->objects[0].time_ns, 1'600'000'000'000'000'000u);
  EXPECT_TRUE(page->more);
  EXPECT_GE(store_->list("refs/", "", 5)->objects[0].size_bytes, 5u);
  EXPECT_EQ(code_of(store_->list("", "", 0)), Code::kInvalidArgument);
}

TEST_P(StoreConformance, BadKeysAreRefused) {
  const std::string bad[] = {"",
                             "/",
                             "a//b",
                             "/a",
                             "a/",
                             "..",
                             "a/../b",
                             "../a",
                             ".",
                             "a/./b",
                             ".tmp/x",
                             ".swap/refs/main",
                             "a/.hid",
                             "a b",
                             "a\nb",
                             "a~b",
                             "a\\b",
                             std::string("a\0b", 3),
                             "\xc3\xa4",
                             "a:b",
                             "a/*",
                             "refs/main.ref",
                             "a.ref/b",
                             ".ref",
                             std::string(256, 'x'),
                             std::string(1025, 'x')};
  for (const std::string& key : bad) {
    EXPECT_EQ(code_of(put(key, "x")), Code::kInvalidArgument) << key;
    EXPECT_EQ(code_of(get(key)), Code::kInvalidArgument) << key;
    EXPECT_EQ(code_of(store_->load(key)), Code::kInvalidArgument) << key;
    EXPECT_EQ(code_of(store_->swap(key, std::nullopt, Buffer())), Code::kInvalidArgument) << key;
    EXPECT_EQ(code_of(store_->swap_delete(key, {"1"})), Code::kInvalidArgument) << key;
    EXPECT_EQ(code_of(store_->delete_many(std::span(&key, 1)).front()), Code::kInvalidArgument);
    EXPECT_EQ(store_->wait_turn(key, 0), nullptr) << key;
  }
  EXPECT_TRUE(keys("", 10).empty());
  std::string longest = "k";
  while (longest.size() < GetParam().key_size_max) longest += longest.size() % 200 == 0 ? '/' : 'k';
  if (longest.back() == '/') longest.back() = 'k';
  EXPECT_TRUE(put(longest, "long"));
  EXPECT_EQ(text_of(longest), "long");
  EXPECT_EQ(keys("", 1), std::vector<std::string>{longest});
}

TEST_P(StoreConformance, APublicationIsWholeOrNothing) {
  const PutRequest good[] = {{"segments/a", Buffer::copy_of("a")},
                             {"pages/b", Buffer::copy_of("b")}};
  const Published first = store_->publish(good, "refs/m", std::nullopt, Buffer::copy_of("1"));
  ASSERT_TRUE(first.swapped && *first.swapped);
  EXPECT_EQ(first.puts.size(), 2u);
  EXPECT_EQ(text_of("segments/a"), "a");
  EXPECT_EQ(store_->load("refs/m")->version, **first.swapped);
  // Who expects another version has put its objects in vain.
  const PutRequest more[] = {{"segments/c", Buffer::copy_of("c")}};
  const Published late = store_->publish(more, "refs/m", std::nullopt, Buffer::copy_of("2"));
  EXPECT_TRUE(late.puts[0]);
  ASSERT_TRUE(late.swapped);
  EXPECT_EQ(late.swapped->error().code, Code::kConflict);
  EXPECT_EQ(text_of("segments/c"), "c");
  // Nothing is swapped when an object cannot be put.
  const PutRequest bad[] = {{"segments/d", Buffer::copy_of("d")}, {"../e", Buffer::copy_of("e")}};
  const Published none = store_->publish(bad, "refs/m", **first.swapped, Buffer::copy_of("3"));
  EXPECT_EQ(none.puts[1].error().code, Code::kInvalidArgument);
  EXPECT_FALSE(none.swapped);
  const Published unnamed = store_->publish(more, "../refs", std::nullopt, Buffer::copy_of("4"));
  ASSERT_TRUE(unnamed.swapped);
  EXPECT_EQ(unnamed.swapped->error().code, Code::kInvalidArgument);
  EXPECT_EQ(store_->load("refs/m")->body.view(), "1");
}

TEST_P(StoreConformance, ConcurrentSwapsLoseNothing) {
  constexpr int kThreads = 16;
  constexpr int kIncrements = 25;
  const std::string key = "refs/counter";
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int done = 0; done < kIncrements;) {
        const auto turn = store_->wait_turn(key, 50);
        const auto loaded = store_->load(key);
        const int value = loaded ? std::stoi(std::string(loaded->body.view())) : 0;
        const auto swapped =
            store_->swap(key, loaded ? std::optional(loaded->version) : std::nullopt,
                         Buffer::copy_of(std::to_string(value + 1)));
        if (swapped) {
          ++done;
        } else {
          ASSERT_EQ(swapped.error().code, Code::kConflict) << swapped.error().message;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->load(key)->body.view(), std::to_string(kThreads * kIncrements));
}

TEST_P(StoreConformance, ConcurrentPutsReadsAndLists) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string key = "c/" + std::to_string(i);  // all threads put the same objects
        ASSERT_TRUE(put(key, "body of " + key));
        ASSERT_EQ(text_of(key), "body of " + key);
        const std::string own = "own/" + std::to_string(t) + "/" + std::to_string(i);
        ASSERT_TRUE(put(own, own));
        ASSERT_TRUE(store_->list("c/", "", 5).has_value());
        ASSERT_TRUE(store_->delete_many(std::span(&own, 1)).front().has_value());
        ASSERT_EQ(code_of(get(own)), Code::kNotFound);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(keys("", 7).size(), 20u);
}

}  // namespace dreamdb
