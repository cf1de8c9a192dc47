// Genesis and refs: round trips, and every flipped or cut byte is noticed.
#include "format/ref.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "format/envelope.h"

namespace dreamdb {
namespace {

Nonce nonce_of(uint8_t seed) {
  Nonce nonce;
  for (size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::byte>(seed + 7 * i);
  return nonce;
}

Ref make_ref(uint64_t epoch, uint64_t time_ns, bool snapshot) {
  return {.nonce = nonce_of(1),
          .manifest = Address::of({}),
          .epoch = epoch,
          .write = nonce_of(9),
          .snapshot = snapshot,
          .time_ns = time_ns,
          .passed = {}};
}

std::vector<std::byte> bytes_of(const Buffer& buffer) {
  return {buffer.span().begin(), buffer.span().end()};
}

RC_GTEST_PROP(Ref, RoundTrips, (uint64_t epoch, uint64_t time_ns, bool snapshot)) {
  const Ref ref = make_ref(epoch, time_ns, snapshot);
  const Buffer bytes = write_ref(ref);
  const auto back = parse_ref(bytes.span(), "refs/main");
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->nonce == ref.nonce && back->manifest == ref.manifest &&
            back->epoch == ref.epoch && back->write == ref.write &&
            back->snapshot == ref.snapshot && back->time_ns == ref.time_ns);
}

RC_GTEST_PROP(Genesis, RoundTrips, (int64_t origin_ns, uint64_t time_ns)) {
  const Genesis genesis{.nonce = nonce_of(3), .origin_ns = origin_ns, .time_ns = time_ns};
  const auto back = parse_genesis(write_genesis(genesis).span(), "genesis/x");
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->nonce == genesis.nonce && back->origin_ns == origin_ns &&
            back->time_ns == time_ns);
}

TEST(Ref, VersionsThatItPassedRoundTrip) {
  Ref ref = make_ref(7, 5, false);
  for (uint64_t i = 0; i < 256; ++i) {
    ref.passed.push_back({Address::of({}), i});
    EXPECT_EQ(parse_ref(write_ref(ref).span(), "refs/main")->passed, ref.passed);
  }
  ref.passed.push_back({});
  const auto refused = parse_ref(write_ref(ref).span(), "refs/main");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "`refs/main` is no valid ref: key `passed`: expected 1 to 256 versions (S4.4), found "
            "257");
}

TEST(Ref, EveryFlippedBitIsNoticed) {
  Ref ref = make_ref(300, 1'700'000'000'000'000'000, false);
  ref.passed.push_back({Address::of({}), 1'600'000'000'000'000'000});
  const auto good = bytes_of(write_ref(ref));
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      auto bytes = good;
      bytes[i] ^= static_cast<std::byte>(1 << bit);
      const auto refused = parse_ref(bytes, "refs/main");
      ASSERT_FALSE(refused) << "byte " << i << ", bit " << bit;
      EXPECT_NE(refused.error().message.find("`refs/main`"), std::string::npos);
    }
  }
}

TEST(Ref, EveryCutIsNoticed) {
  const auto good = bytes_of(write_ref(make_ref(0, 0, true)));
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_ref(std::span(good).first(size), "refs/main")) << size;
}

TEST(Ref, MessagesSayWhatWasExpected) {
  const Buffer genesis = write_genesis({});
  const auto other = parse_ref(genesis.span(), "refs/main");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message,
            "`refs/main` is no valid ref: expected kind `ref`, found `genesis`");
  CborMap newer;
  newer["kind"].text("ref");
  newer["v"].uint(7);
  newer["something"].null();
  const auto unsupported = parse_ref(newer.encode(), "refs/main");
  ASSERT_FALSE(unsupported);
  EXPECT_EQ(unsupported.error().code, Code::kUnsupported);
  EXPECT_EQ(
      unsupported.error().message,
      "ref `refs/main`: it has format version 7, this program reads up to 1; upgrade DreamDB");
}

// A map of its own with every key optional or not, and in and out of order.
Status read_two(const CborMap& map) {
  const auto bytes = map.encode();
  CborReader in(bytes);
  uint64_t a = 0;
  uint64_t ccc = 0;
  MapReader reader(in);
  reader.uint("a", a, 9);
  reader.optional("bb", [](CborReader& r) { return r.null(); });
  reader.uint("ccc", ccc);
  DREAMDB_TRY(reader.end());
  return in.finish();
}

TEST(MapReader, AsksForEveryKey) {
  CborMap full;
  full["a"].uint(9);
  full["bb"].null();
  full["ccc"].uint(1);
  EXPECT_TRUE(read_two(full));
  CborMap without;
  without["a"].uint(1);
  without["ccc"].uint(1);
  EXPECT_TRUE(read_two(without));

  const auto message = [](const CborMap& map) {
    const Status status = read_two(map);
    EXPECT_FALSE(status);
    return status ? "" : status.error().message;
  };
  CborMap missing;
  missing["a"].uint(1);
  EXPECT_EQ(message(missing), "expected key `ccc`, found none");
  CborMap unknown = without;
  unknown["b"].uint(1);
  EXPECT_EQ(message(unknown), "expected key `ccc`, found the unknown key `b`");
  CborMap trailing = without;
  trailing["dddd"].uint(1);
  EXPECT_EQ(message(trailing), "expected no more keys, found the unknown key `dddd`");
  CborMap large;
  large["a"].uint(10);
  EXPECT_EQ(message(large), "key `a`: expected at most 9, found 10");
  CborMap wrong;
  wrong["a"].text("x");
  EXPECT_EQ(message(wrong), "key `a`: at byte 3: expected an unsigned integer, found a text");
}

}  // namespace
}  // namespace dreamdb
