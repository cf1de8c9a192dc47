// Block codecs: round trips at every width and length, and every refusal of S7.3.
#include "codec/pack.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "codec/bits.h"

namespace dreamdb {
namespace {

template <typename T>
Buffer buffer_of(const std::vector<T>& values) {
  return Buffer::copy_of(std::as_bytes(std::span(values)));
}

// Two little-endian words, a width and packed bytes.
Buffer block_of(std::vector<uint64_t> words, uint64_t packed_bytes) {
  std::vector<std::byte> out(words.size() * 8 + packed_bytes);
  std::memcpy(out.data(), words.data(), words.size() * 8);
  return Buffer::adopt(std::move(out));
}

// A reproducible sequence; each call gives other bits.
uint64_t next_random(uint64_t& state) {
  state += 0x9e3779b97f4a7c15u;
  uint64_t z = state;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

// Bit by bit: the truth that the fast code is compared with.
bool bit_at(std::span<const std::byte> packed, uint64_t bit) {
  return (std::to_integer<unsigned>(packed[bit / 8]) >> (bit % 8) & 1) != 0;
}

TEST(Bits, EveryWidthAndLengthAgreesWithBitByBit) {
  uint64_t state = 1;
  for (unsigned width = 0; width <= 64; ++width) {
    for (size_t count : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 200}) {
      std::vector<uint64_t> values(count);
      for (uint64_t& v : values) v = width == 0 ? 0 : next_random(state) >> (64 - width);
      // Exactly as long as needed, so that a sanitizer sees a read behind it.
      std::vector<std::byte> packed(packed_size(count, width));
      pack_bits(values, width, packed.data());
      for (size_t i = 0; i < count; ++i)
        for (unsigned b = 0; b < width; ++b)
          ASSERT_EQ(bit_at(packed, i * width + b), (values[i] >> b & 1) != 0);
      for (uint64_t bit = uint64_t{count} * width; bit < packed.size() * 8; ++bit)
        ASSERT_FALSE(bit_at(packed, bit));
      ASSERT_TRUE(padding_is_zero(packed, count, width));
      std::vector<uint64_t> back(count, 1);
      unpack_bits(packed, width, back);
      ASSERT_EQ(back, values) << width << " bits, " << count << " values";
    }
  }
}

template <typename T>
void expect_round_trip(Item item, const std::vector<T>& values, Codec codec) {
  const Buffer raw = buffer_of(values);
  const Encoded encoded = encode_block(item, raw, false);
  ASSERT_EQ(encoded.codec, codec) << values.size();
  ASSERT_LE(encoded.stored.size(), raw.size());
  const auto back = decode_block(encoded.codec, item, encoded.stored, raw.size());
  ASSERT_TRUE(back) << back.error().message;
  ASSERT_EQ(back->view(), raw.view());
}

TEST(Pack, FrameOfReferenceRoundTripsAtEveryWidth) {
  uint64_t state = 2;
  for (unsigned width = 0; width < 60; ++width) {
    for (size_t count : {64, 1023, 1024, 1025, 4096}) {
      std::vector<int64_t> signed_values(count);
      std::vector<uint32_t> unsigned_values(count);
      for (size_t i = 0; i < count; ++i) {
        const uint64_t v = width == 0 ? 0 : next_random(state) >> (64 - width);
        signed_values[i] = static_cast<int64_t>(v) - (1ll << 62);
        unsigned_values[i] = static_cast<uint32_t>(v) | 0x80000000u;
      }
      expect_round_trip(Item::kI64, signed_values, Codec::kFrameOfReference);
      if (width < 28) expect_round_trip(Item::kU32, unsigned_values, Codec::kFrameOfReference);
    }
  }
}

TEST(Pack, DeltaRoundTripsAtEveryWidth) {
  uint64_t state = 3;
  for (unsigned width = 0; width < 50; ++width) {
    for (size_t count : {64, 1025, 1026, 4096}) {
      std::vector<uint64_t> values(count);
      uint64_t anchor = next_random(state) >> 2;
      for (uint64_t& v : values) {
        v = anchor;
        anchor += 1000 + (width == 0 ? 0 : next_random(state) >> (64 - width));
      }
      expect_round_trip(Item::kU64, values, Codec::kDelta);
    }
  }
}

TEST(Pack, ExtremesRoundTrip) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  expect_round_trip(Item::kI64, std::vector<int64_t>{kMin, kMax, -1, 0}, Codec::kRaw);
  expect_round_trip(Item::kI64, std::vector<int64_t>(100, kMin), Codec::kFrameOfReference);
  expect_round_trip(Item::kI64, std::vector<int64_t>(100, kMax), Codec::kFrameOfReference);
  expect_round_trip(Item::kU32, std::vector<uint32_t>(100, ~0u), Codec::kFrameOfReference);
  expect_round_trip(Item::kU32, std::vector<uint32_t>{0, ~0u}, Codec::kRaw);
  expect_round_trip(Item::kU64, std::vector<uint64_t>{0, 1, ~0ull}, Codec::kRaw);
  expect_round_trip(Item::kU64, std::vector<uint64_t>(100, 7), Codec::kDelta);
  expect_round_trip(Item::kU64, std::vector<uint64_t>{5, 4, 3, 2, 1}, Codec::kRaw);  // descends
  expect_round_trip(Item::kU64, std::vector<uint64_t>{}, Codec::kRaw);
  expect_round_trip(Item::kI64, std::vector<int64_t>{}, Codec::kRaw);
}

RC_GTEST_PROP(Pack, IntegersRoundTrip, (const std::vector<int64_t>& values)) {
  const Buffer raw = buffer_of(values);
  const Encoded encoded = encode_block(Item::kI64, raw, false);
  RC_ASSERT(decode_block(encoded.codec, Item::kI64, encoded.stored, raw.size())->view() ==
            raw.view());
}

TEST(Pack, BytesThatAreNoWholeValuesStayRaw) {
  const Buffer raw = Buffer::copy_of(std::string(131, '\0'));
  for (const Item item : {Item::kU32, Item::kI64, Item::kU64}) {
    const Encoded encoded = encode_block(item, raw, false);
    EXPECT_EQ(encoded.codec, Codec::kRaw);
    EXPECT_EQ(encoded.stored.view(), raw.view());
  }
}

TEST(Pack, ZstdIsKeptWhereItSavesAnEighth) {
  const Buffer text = Buffer::copy_of(std::string(10'000, 'x') + "y");
  const Encoded encoded = encode_block(Item::kBytes, text, true);
  ASSERT_EQ(encoded.codec, Codec::kZstd);
  EXPECT_LT(encoded.stored.size(), 200u);
  EXPECT_EQ(decode_block(Codec::kZstd, Item::kBytes, encoded.stored, text.size())->view(),
            text.view());
  EXPECT_EQ(encode_block(Item::kBytes, text, false).codec, Codec::kRaw);
  std::string noise(10'000, 0);
  uint64_t state = 4;
  for (char& c : noise) c = static_cast<char>(next_random(state));
  const Encoded kept = encode_block(Item::kBytes, Buffer::copy_of(noise), true);
  EXPECT_EQ(kept.codec, Codec::kRaw);
  EXPECT_EQ(encode_block(Item::kBytes, Buffer(), true).codec, Codec::kRaw);
  EXPECT_EQ(encode_block(Item::kBytes, Buffer::copy_of("ab"), true).codec, Codec::kRaw);
}

TEST(Pack, RawIsTheStoredBufferItself) {
  const Buffer stored = Buffer::copy_of("12345678");
  EXPECT_EQ(decode_block(Codec::kRaw, Item::kI64, stored, 8)->data(), stored.data());
  EXPECT_EQ(decode_block(Codec::kRaw, Item::kI64, stored, 16).error().code, Code::kCorruption);
}

void expect_refused(Codec codec, Item item, const Buffer& stored, uint64_t raw_size) {
  const auto refused = decode_block(codec, item, stored, raw_size);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kCorruption);
  EXPECT_NE(refused.error().message.find("expected"), std::string::npos);
}

TEST(Pack, RefusesFramesOfAnotherSize) {
  const Buffer text = Buffer::copy_of(std::string(10'000, 'x'));
  const Buffer frame = encode_block(Item::kBytes, text, true).stored;
  expect_refused(Codec::kZstd, Item::kBytes, frame, 9'999);
  expect_refused(Codec::kZstd, Item::kBytes, frame, 10'001);
  expect_refused(Codec::kZstd, Item::kBytes, frame.slice(0, frame.size() - 1), 10'000);
  expect_refused(Codec::kZstd, Item::kBytes, Buffer::copy_of(std::string(frame.view()) + "x"),
                 10'000);
  const std::string twice = std::string(frame.view()) + std::string(frame.view());
  expect_refused(Codec::kZstd, Item::kBytes, Buffer::copy_of(twice), 20'000);
  expect_refused(Codec::kZstd, Item::kBytes, Buffer(), 0);
  // A skippable frame holds no bytes.
  expect_refused(Codec::kZstd, Item::kBytes,
                 Buffer::copy_of(std::string_view("\x50\x2a\x4d\x18\x01\0\0\0x", 9)), 0);
}

TEST(Pack, RefusesBrokenFramesOfReference) {
  const auto refused = [](std::vector<uint64_t> words, uint64_t packed, uint64_t raw) {
    expect_refused(Codec::kFrameOfReference, Item::kI64, block_of(std::move(words), packed), raw);
  };
  refused({0}, 0, 8);                                 // no header
  refused({0, 65}, 65, 64);                           // too wide
  refused({0, 1u << 8 | 8}, 8, 64);                   // a byte that is not zero behind the width
  refused({0, 8}, 7, 64);                             // a byte short
  refused({0, 8}, 9, 64);                             // a byte more
  refused({0, 8}, 8, 63);                             // not whole values
  refused({0x7fffffffffffffff, 1, 0xff}, 0, 64 * 8);  // above i64
  // 60 values of 1 bit take 8 bytes: bit 60 is unused and must be zero.
  refused({0, 1, 1ull << 60}, 0, 60 * 8);
  const Buffer fine = block_of({0, 1, 1ull << 59}, 0);
  EXPECT_TRUE(decode_block(Codec::kFrameOfReference, Item::kI64, fine, 60 * 8));
  expect_refused(Codec::kFrameOfReference, Item::kU32, block_of({~0ull, 0}, 0), 8);  // below u32
  expect_refused(Codec::kFrameOfReference, Item::kU32, block_of({1ull << 32, 0}, 0), 8);
  expect_refused(Codec::kFrameOfReference, Item::kU32, block_of({0xffffffff, 1, 1}, 0), 64 * 4);
  expect_refused(Codec::kFrameOfReference, Item::kU64, fine, 60 * 8);
  expect_refused(Codec::kFrameOfReference, Item::kBytes, fine, 60 * 8);
}

TEST(Pack, RefusesBrokenDeltas) {
  const auto refused = [](std::vector<uint64_t> words, uint64_t raw) {
    expect_refused(Codec::kDelta, Item::kU64, block_of(std::move(words), 0), raw);
  };
  refused({0, 0}, 8);                      // no header
  refused({0, 0, 0}, 0);                   // not even the first
  refused({0, 0, 0}, 12);                  // not whole values
  refused({0, 0, 65}, 16);                 // too wide
  refused({~0ull, 1, 0}, 16);              // the sum overflows
  refused({0, ~0ull, 0}, 24);              // the same in the third value
  refused({0, ~0ull, 64, 1}, 16);          // the difference overflows
  refused({0, 1, 1, 1ull << 63}, 8 * 64);  // 63 differences: bit 63 is unused
  EXPECT_TRUE(decode_block(Codec::kDelta, Item::kU64, block_of({0, 1, 1, 1ull << 62}, 0), 8 * 64));
  EXPECT_TRUE(decode_block(Codec::kDelta, Item::kU64, block_of({~0ull, 0, 0}, 0), 16));
  expect_refused(Codec::kDelta, Item::kI64, block_of({0, 1, 0}, 0), 16);
  expect_refused(static_cast<Codec>(9), Item::kU64, block_of({0, 1, 0}, 0), 16);
}

}  // namespace
}  // namespace dreamdb
