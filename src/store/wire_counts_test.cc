#include "store/wire_counts.h"

#include <gtest/gtest.h>

#include "store/remote_testing.h"

namespace dreamdb {
namespace {

HttpAttempt attempt(std::string method, std::string url, std::vector<std::string> headers = {}) {
  return {std::move(method), std::move(url), std::move(headers), {}};
}

TEST(WireKind, IsWhatServersChargeFor) {
  EXPECT_EQ(wire_kind_of(attempt("GET", "http://h/b/k")), WireKind::kGet);
  EXPECT_EQ(wire_kind_of(attempt("HEAD", "http://h/b/k")), WireKind::kGet);
  EXPECT_EQ(wire_kind_of(attempt("GET", "http://h/b?list-type=2&prefix=x")), WireKind::kList);
  EXPECT_EQ(wire_kind_of(attempt("PROPFIND", "http://h/b/")), WireKind::kList);
  EXPECT_EQ(wire_kind_of(attempt("PUT", "http://h/b/k", {"Content-MD5: x"})), WireKind::kPut);
  EXPECT_EQ(wire_kind_of(attempt("PUT", "http://h/b/k", {"If-None-Match: *"})), WireKind::kSwap);
  EXPECT_EQ(wire_kind_of(attempt("PUT", "http://h/b/k", {"if-match: \"1\""})), WireKind::kSwap);
  EXPECT_EQ(wire_kind_of(attempt("POST", "http://h/b/k?uploads")), WireKind::kPut);
  EXPECT_EQ(wire_kind_of(attempt("POST", "http://h/b?delete")), WireKind::kDelete);
  EXPECT_EQ(wire_kind_of(attempt("DELETE", "http://h/b/delete?x")), WireKind::kDelete);
}

TEST(WireCounts, NeighboursAreOneRequestAndAllKindsAreCounted) {
  const auto made = remote({});
  Store& store = *made.store;
  const PutRequest put{"a/b", Buffer::copy_of(std::string(50'000, 'x'))};
  ASSERT_TRUE(store.put_many({&put, 1})[0]);
  const std::vector<ReadRequest> reads = {{"a/b", 0, 100}, {"a/b", 200, 100}, {"a/b", 900, 5}};
  for (const auto& reply : store.read_many(reads)) ASSERT_TRUE(reply);
  const WireCounts read = store.wire();
  EXPECT_TRUE(read.is_remote);
  EXPECT_EQ(read.gets, 1u);
  EXPECT_EQ(read.puts, 1u);
  ASSERT_TRUE(store.list("", "", 10));
  EXPECT_EQ(store.wire().lists, 1u);
  ASSERT_TRUE(store.swap("refs/m", std::nullopt, Buffer::copy_of("1")));
  EXPECT_GE(store.wire().swaps, 1u);
  const uint64_t deletes = store.wire().deletes;  // the race on shared writing cleans up
  const std::string key = "a/b";
  ASSERT_TRUE(store.delete_many({&key, 1})[0]);
  EXPECT_EQ(store.wire().deletes, deletes + 1);
}

}  // namespace
}  // namespace dreamdb
