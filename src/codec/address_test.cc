// Addresses against published vectors of BLAKE3 and RFC 4648, and round trips.
#include "codec/address.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "codec/utf8.h"

namespace dreamdb {
namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte b : bytes) {
    out += "0123456789abcdef"[std::to_integer<int>(b) >> 4];
    out += "0123456789abcdef"[std::to_integer<int>(b) & 15];
  }
  return out;
}

// Input of the published vectors: 0, 1, ..., 250, 0, 1, ...
std::vector<std::byte> vector_input(size_t size) {
  std::vector<std::byte> out(size);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i % 251);
  return out;
}

Address address_of(const std::vector<uint8_t>& bytes) {
  return Address::of(std::as_bytes(std::span(bytes)));
}

TEST(Blake3, MatchesPublishedVectors) {
  EXPECT_EQ(hex(blake3(vector_input(0))),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  EXPECT_EQ(hex(blake3(vector_input(1))),
            "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213");
  EXPECT_EQ(hex(blake3(vector_input(1024))),
            "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
}

TEST(Blake3, PiecesHashLikeTheWhole) {
  const auto whole = vector_input(100'000);
  const std::span<const std::byte> all(whole);
  const std::array<std::span<const std::byte>, 4> pieces{
      all.first(1), all.subspan(1, 0), all.subspan(1, 40'000), all.subspan(40'001)};
  EXPECT_EQ(blake3(whole), blake3(pieces));
}

TEST(Address, TextIs53Characters) {
  const Address zero{};
  EXPECT_EQ(zero.text(), "dy" + std::string(51, 'a'));
  Address ones;
  ones.hash.fill(std::byte{0xff});
  EXPECT_EQ(ones.text(), "d3" + std::string(50, '7') + "6");
}

RC_GTEST_PROP(Address, TextAndBytesRoundTrip, (const std::vector<uint8_t>& bytes)) {
  const Address address = address_of(bytes);
  const std::string text = address.text();
  RC_ASSERT(text.size() == 53u);
  RC_ASSERT(*Address::parse(text) == address);
  RC_ASSERT(*Address::from_bytes(address.bytes()) == address);
}

RC_GTEST_PROP(Address, AnyOtherCharacterChangesOrRefuses, ()) {
  const Address address = address_of(*rc::gen::arbitrary<std::vector<uint8_t>>());
  std::string text = address.text();
  const auto i = *rc::gen::inRange<size_t>(0, text.size());
  const char c = *rc::gen::arbitrary<char>();
  RC_PRE(c != text[i]);
  text[i] = c;
  const auto parsed = Address::parse(text);
  if (parsed)
    RC_ASSERT(parsed->text() == text);
  else
    RC_ASSERT(parsed.error().code == Code::kInvalidArgument);
}

TEST(Address, RefusesOtherTexts) {
  const std::string good = address_of({}).text();
  EXPECT_FALSE(Address::parse(""));
  EXPECT_FALSE(Address::parse(good.substr(1)));
  EXPECT_FALSE(Address::parse(good + "a"));
  std::string upper = good;
  upper[0] = 'D';
  EXPECT_FALSE(Address::parse(upper));
  std::string padding = good;
  padding.back() = static_cast<char>(padding.back() + 1);  // its last bit is 0 in an address
  const auto refused = Address::parse(padding);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("padding bit"), std::string::npos);
  EXPECT_FALSE(Address::parse("a" + good.substr(1)));  // another first byte
}

TEST(Address, RefusesOtherBytes) {
  auto bytes = address_of({}).bytes();
  EXPECT_FALSE(Address::from_bytes(std::span(bytes).first(32)));
  bytes[0] = std::byte{0x12};
  const auto refused = Address::from_bytes(bytes);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kCorruption);
}

TEST(Utf8, TellsValidFromInvalid) {
  for (const std::string_view good : {"", "abc", "12345678\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf",
                                      "\xf0\x9f\x90\xb1", "\xf4\x8f\xbf\xbf", "\xee\x80\x80"})
    EXPECT_TRUE(is_utf8(good)) << hex(std::as_bytes(std::span(good)));
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "12345678\xa9",
        "1234567\xc3"})
    EXPECT_FALSE(is_utf8(bad)) << hex(std::as_bytes(std::span(bad)));
}

TEST(Utf8, FindsControlCharacters) {
  EXPECT_FALSE(has_control_character("caf\xc3\xa9 \xc2\xa0 x"));
  EXPECT_TRUE(has_control_character(std::string_view("a\0b", 3)));
  EXPECT_TRUE(has_control_character("a\x1f"));
  EXPECT_TRUE(has_control_character("\x7f"));
  EXPECT_TRUE(has_control_character("\n"));
}

}  // namespace
}  // namespace dreamdb
