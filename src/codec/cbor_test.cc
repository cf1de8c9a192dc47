// Deterministic CBOR: the examples of RFC 8949, every refusal of spec 3, and round trips.
#include "codec/cbor.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <set>

namespace dreamdb {
namespace {

std::vector<std::byte> unhex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::byte> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  return out;
}

template <typename F>
std::vector<std::byte> written(F write) {
  CborWriter out;
  write(out);
  return std::move(out).take();
}

// Whether the bytes are one item in the deterministic encoding.
Status check(std::span<const std::byte> bytes) {
  CborReader in(bytes);
  DREAMDB_TRY(in.skip());
  return in.finish();
}

TEST(CborWriter, WritesTheExamplesOfTheRfc) {
  const auto u = [](uint64_t v) { return written([&](CborWriter& w) { w.uint(v); }); };
  EXPECT_EQ(u(0), unhex("00"));
  EXPECT_EQ(u(23), unhex("17"));
  EXPECT_EQ(u(24), unhex("1818"));
  EXPECT_EQ(u(255), unhex("18ff"));
  EXPECT_EQ(u(256), unhex("190100"));
  EXPECT_EQ(u(65'536), unhex("1a00010000"));
  EXPECT_EQ(u(1'000'000'000'000), unhex("1b000000e8d4a51000"));
  EXPECT_EQ(u(~0ull), unhex("1bffffffffffffffff"));
  const auto i = [](int64_t v) { return written([&](CborWriter& w) { w.integer(v); }); };
  EXPECT_EQ(i(-1), unhex("20"));
  EXPECT_EQ(i(-100), unhex("3863"));
  EXPECT_EQ(i(-1000), unhex("3903e7"));
  EXPECT_EQ(i(std::numeric_limits<int64_t>::min()), unhex("3b7fffffffffffffff"));
  const auto f = [](double v) { return written([&](CborWriter& w) { w.real(v); }); };
  EXPECT_EQ(f(0.0), unhex("f90000"));
  EXPECT_EQ(f(-0.0), unhex("f98000"));
  EXPECT_EQ(f(1.1), unhex("fb3ff199999999999a"));
  EXPECT_EQ(f(65504), unhex("f97bff"));
  EXPECT_EQ(f(65536), unhex("fa47800000"));
  EXPECT_EQ(f(100000), unhex("fa47c35000"));
  EXPECT_EQ(f(3.4028234663852886e+38), unhex("fa7f7fffff"));
  EXPECT_EQ(f(1.0e+300), unhex("fb7e37e43c8800759c"));
  EXPECT_EQ(f(5.960464477539063e-8), unhex("f90001"));
  EXPECT_EQ(f(0.00006103515625), unhex("f90400"));
  EXPECT_EQ(f(-4.1), unhex("fbc010666666666666"));
  EXPECT_EQ(f(std::numeric_limits<double>::infinity()), unhex("f97c00"));
  EXPECT_EQ(f(-std::numeric_limits<double>::infinity()), unhex("f9fc00"));
  EXPECT_EQ(f(std::numeric_limits<double>::quiet_NaN()), unhex("f97e00"));
  EXPECT_EQ(f(std::numeric_limits<float>::denorm_min()), unhex("fa00000001"));
  EXPECT_EQ(f(std::numeric_limits<double>::denorm_min()), unhex("fb0000000000000001"));
}

TEST(CborMap, SortsKeysByEncodedBytes) {
  CborMap map;
  map["kind"].text("x");
  map["b"].uint(1);
  map["aa"].uint(2);
  map["a"].null();
  EXPECT_EQ(map.encode(), unhex("a46161f661620162616102646b696e646178"));
}

TEST(CborReader, EveryHalfIsItsOwnShortestForm) {
  for (uint32_t bits = 0; bits < 65'536; ++bits) {
    const bool is_nan = (bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0;
    const std::vector<std::byte> bytes{std::byte{0xf9}, static_cast<std::byte>(bits >> 8),
                                       static_cast<std::byte>(bits & 255)};
    CborReader in(bytes);
    const auto value = in.real();
    ASSERT_EQ(value.has_value(), !is_nan || bits == 0x7e00) << bits;
    if (!value) continue;
    ASSERT_EQ(written([&](CborWriter& w) { w.real(*value); }), bytes) << bits;
  }
}

RC_GTEST_PROP(CborReader, FloatsRoundTripByBits, (uint64_t bits)) {
  // Doubles, floats and halves come up equally often.
  const int kind = *rc::gen::inRange(0, 3);
  double value = std::bit_cast<double>(bits);
  if (kind > 0) value = std::bit_cast<float>(static_cast<uint32_t>(bits));
  if (kind > 1) value = std::ldexp(static_cast<double>(static_cast<int16_t>(bits) >> 5), -12);
  const auto bytes = written([&](CborWriter& w) { w.real(value); });
  CborReader in(bytes);
  const double back = *in.real();
  if (std::isnan(value))
    RC_ASSERT(std::isnan(back));
  else
    RC_ASSERT(std::bit_cast<uint64_t>(back) == std::bit_cast<uint64_t>(value));
}

RC_GTEST_PROP(CborReader, IntegersRoundTrip, (int64_t any)) {
  const int64_t value = any >> *rc::gen::inRange(0, 64);
  const auto bytes = written([&](CborWriter& w) { w.integer(value); });
  CborReader in(bytes);
  RC_ASSERT(*in.integer() == value);
  RC_ASSERT(in.finish().has_value());
}

TEST(CborReader, RefusesWhatIsNotDeterministic) {
  for (const std::string_view hex : {
           "",                    // nothing
           "1817",                // 23 in two bytes
           "1900ff",              // 255 in three
           "1a0000ffff",          // 65535 in five
           "1b00000000ffffffff",  // 2^32 - 1 in nine
           "3817",                // -24 in two
           "1c",                  // reserved length
           "1f",                  // indefinite
           "5f",                  // indefinite byte string
           "9fff",                // indefinite array
           "bfff",                // indefinite map
           "ff",                  // break
           "5803616263",          // length 3 in two bytes
           "43616263"
           "00",                  // a byte follows
           "0000",                // an item follows
           "436162",              // cut
           "19",                  // cut in the head
           "1901",                // cut in the head
           "5affffffff",          // 4 GiB declared
           "5bffffffffffffffff",  // 2^64 - 1 declared
           "9bffffffffffffffff",  // an array of 2^64 - 1
           "bbffffffffffffffff",  // a map of 2^64 - 1
           "bb8000000000000000",  // a map whose count of items overflows
           "9a20000000",          // 34 GB of items asked for by five bytes
           "820001"
           "00",                // more than the array
           "8200",              // fewer
           "a1",                // a map cut
           "a16161",            // a key without value
           "a2616101616102",    // the same key twice
           "a2616201616102",    // descending keys
           "a262616101616202",  // the longer key first
           "a2616101"
           "0102",                // an unsigned key behind a text
           "a1f601",              // null as key
           "a1410001",            // bytes as key
           "a12001",              // a negative key
           "61ff",                // not UTF-8
           "62c080",              // overlong
           "63eda080",            // a surrogate
           "c000",                // a tag
           "f7",                  // undefined
           "e0",                  // simple(0)
           "f3",                  // simple(19)
           "f818",                // simple(24)
           "f8ff",                // simple(255)
           "f814",                // false in two bytes
           "f97e01",              // another NaN
           "f97c01",              // a signalling NaN
           "f9fe00",              // a negative NaN
           "fa7fc00000",          // NaN in f32
           "fb7ff8000000000000",  // NaN in f64
           "fa3f800000",          // 1.0 in f32
           "fb3ff0000000000000",  // 1.0 in f64
           "fb40f86a0000000000",  // 100000.0 in f64
           "fa7f800000",          // infinity in f32
           "fa00000000",          // 0.0 in f32
           "fa33800000",          // 2^-24 in f32
       }) {
    const auto refused = check(unhex(hex));
    ASSERT_FALSE(refused) << hex;
    EXPECT_EQ(refused.error().code, Code::kCorruption) << hex;
    EXPECT_NE(refused.error().message.find("expected"), std::string::npos) << hex;
    EXPECT_NE(refused.error().message.find("found"), std::string::npos) << hex;
  }
}

TEST(CborReader, AcceptsMixedKeysInOrder) {
  EXPECT_TRUE(
      check(unhex("a4"
                  "00f6"
                  "1818f6"
                  "6161f6"
                  "626161f6")));
}

TEST(CborReader, NestingStopsAt16) {
  std::vector<std::byte> arrays(16, std::byte{0x81});
  arrays.push_back(std::byte{0});
  EXPECT_TRUE(check(arrays));
  arrays.insert(arrays.begin(), std::byte{0x81});
  const auto refused = check(arrays);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("16"), std::string::npos);
  // A million open brackets neither recurse nor allocate.
  EXPECT_FALSE(check(std::vector<std::byte>(1'000'000, std::byte{0x81})));
}

TEST(CborReader, ReadsAMapKeyByKey) {
  const auto bytes = unhex("a3616101616283010203616345aabbccddee");
  CborReader in(bytes);
  EXPECT_EQ(*in.map(), 3u);
  EXPECT_EQ(*in.key(), "a");
  EXPECT_EQ(*in.uint(), 1u);
  EXPECT_EQ(*in.key(), "b");
  const auto raw = in.raw_item();
  ASSERT_TRUE(raw);
  EXPECT_TRUE(std::ranges::equal(*raw, unhex("83010203")));
  EXPECT_FALSE(CborReader(in).end());  // a pair is left
  EXPECT_EQ(*in.key(), "c");
  EXPECT_EQ(CborReader(in).bytes(4).error().code, Code::kCorruption);
  EXPECT_EQ(in.bytes(5)->size(), 5u);
  EXPECT_FALSE(CborReader(in).key());
  EXPECT_TRUE(in.end());
  EXPECT_TRUE(in.finish());
}

TEST(CborReader, TakesAKnownItemWholeOrNotAtAll) {
  const auto bytes = unhex("8382010203190100");
  CborReader in(bytes);
  EXPECT_FALSE(CborReader(bytes).known_item({}));
  EXPECT_EQ(*in.array(), 3u);
  EXPECT_EQ(in.rest().size(), 7u);
  EXPECT_FALSE(in.known_item(unhex("820103")));
  EXPECT_TRUE(in.known_item(unhex("820102")));
  EXPECT_EQ(*in.uint(), 3u);
  EXPECT_FALSE(in.known_item(unhex("19010000")));  // longer than what is left
  EXPECT_TRUE(in.known_item(unhex("190100")));
  EXPECT_FALSE(in.known_item(unhex("00")));  // the array is at its end
  EXPECT_TRUE(in.end());
  EXPECT_TRUE(in.finish());
}

TEST(CborReader, WrongTypesNameBoth) {
  const auto bytes = unhex("6161");
  EXPECT_EQ(CborReader(bytes).uint().error().message,
            "at byte 0: expected an unsigned integer, found a text");
  EXPECT_EQ(CborReader(bytes).map().error().message, "at byte 0: expected a map, found a text");
  EXPECT_EQ(CborReader({}).text().error().message,
            "at byte 0: expected a text, found the end of the bytes");
  EXPECT_FALSE(CborReader(bytes).integer());
  EXPECT_FALSE(CborReader(bytes).bytes());
  EXPECT_FALSE(CborReader(bytes).boolean());
  EXPECT_FALSE(CborReader(bytes).null());
  EXPECT_FALSE(CborReader(bytes).real());
  EXPECT_FALSE(CborReader(bytes).array());
  EXPECT_FALSE(CborReader(unhex("3b8000000000000000")).integer());  // below i64
  EXPECT_FALSE(CborReader(unhex("1b8000000000000000")).integer());  // above i64
}

// Writes a random item; returns nothing, so that the reader alone decides what it was.
void write_random(CborWriter& out, int depth) {
  switch (*rc::gen::inRange(0, depth > 4 ? 6 : 8)) {
    case 0: out.uint(*rc::gen::arbitrary<uint64_t>() >> *rc::gen::inRange(0, 64)); break;
    case 1: out.integer(*rc::gen::arbitrary<int64_t>()); break;
    case 2: out.text(std::string(*rc::gen::inRange<size_t>(0, 70), static_cast<char>(0x41))); break;
    case 3: out.bytes(std::vector<std::byte>(*rc::gen::inRange<size_t>(0, 300))); break;
    case 4: out.boolean(*rc::gen::arbitrary<bool>()); break;
    case 5: out.real(*rc::gen::arbitrary<double>()); break;
    case 6: {
      const int count = *rc::gen::inRange(0, 5);
      out.array(static_cast<uint64_t>(count));
      for (int i = 0; i < count; ++i) write_random(out, depth + 1);
      break;
    }
    default: {
      CborMap map;
      const auto keys = *rc::gen::container<std::set<uint8_t>>(rc::gen::arbitrary<uint8_t>());
      for (const uint8_t k : keys)
        write_random(map[std::string(k % 7, 'x') + std::to_string(k)], depth + 1);
      map.write(out);
    }
  }
}

RC_GTEST_PROP(CborReader, AcceptsAllThatIsWrittenAndNoPrefix, ()) {
  CborWriter out;
  write_random(out, 0);
  const auto bytes = std::move(out).take();
  RC_ASSERT(check(bytes).has_value());
  const auto cut = *rc::gen::inRange<size_t>(0, bytes.size());
  RC_ASSERT(!check(std::span(bytes).first(cut)).has_value());
}

}  // namespace
}  // namespace dreamdb
