// Version files: the golden bytes, and every flipped, cut or exchanged byte found.
#include "store/version_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace dreamdb {
namespace {

std::vector<std::byte> file_of(const VersionHeader& header, std::string_view body) {
  const auto body_bytes = std::as_bytes(std::span(body.data(), body.size()));
  const auto head = write_version_header(header, body_bytes);
  std::vector<std::byte> file(head.size() + body.size());
  std::copy(head.begin(), head.end(), file.begin());
  std::copy(body_bytes.begin(), body_bytes.end(), file.begin() + kVersionHeaderSize);
  return file;
}

VersionHeader sample() {
  VersionHeader header;
  header.sequence = 258;
  for (size_t i = 0; i < 16; ++i) {
    header.id[i] = std::byte(i + 1);
    header.replaced[i] = std::byte(0xf0 + i);
  }
  return header;
}

TEST(VersionFile, GoldenBytes) {
  // The example of spec/09-folder-store.md.
  const auto file = file_of(sample(), "hello");
  std::string hex;
  for (const std::byte byte : file) {
    static constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[std::to_integer<unsigned>(byte) >> 4];
    hex += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  EXPECT_EQ(hex,
            "445245414d535750"
            "01000000"
            "00000000"
            "0201000000000000"
            "0102030405060708090a0b0c0d0e0f10"
            "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
            "0500000000000000"
            "49a0a4d9c4fa2b1a"
            "68656c6c6f");
}

TEST(VersionFile, ReadsWhatItWrote) {
  VersionHeader header = sample();
  header.deleted = true;
  const auto parsed = parse_version_file(file_of(header, "body"), 258, "f");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->sequence, 258u);
  EXPECT_EQ(parsed->id, header.id);
  EXPECT_EQ(parsed->replaced, header.replaced);
  EXPECT_TRUE(parsed->deleted);
  EXPECT_EQ(parsed->body_size, 4u);
}

TEST(VersionFile, FindsEveryFlippedBitAndEveryCut) {
  const auto good = file_of(sample(), "some body");
  ASSERT_TRUE(parse_version_file(good, 258, "f").has_value());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto parsed = parse_version_file(bad, 258, "the/file");
    ASSERT_FALSE(parsed.has_value()) << bit;
    EXPECT_EQ(parsed.error().code, Code::kCorruption) << bit;
    EXPECT_TRUE(parsed.error().message.starts_with("the/file: ")) << parsed.error().message;
  }
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_version_file(std::span(good).first(size), 258, "f").has_value()) << size;
  }
  EXPECT_EQ(parse_version_file(good, 259, "f").error().code, Code::kCorruption);
}

TEST(VersionFile, ANewerFormatIsUnsupportedNotCorrupt) {
  auto file = file_of(sample(), "");
  file[8] = std::byte{2};
  uint64_t state = 0xcbf29ce484222325u;  // the checksum again, as a newer program would write it
  for (size_t i = 0; i < 64; ++i) {
    state = (state ^ std::to_integer<uint64_t>(file[i])) * 0x100000001b3u;
  }
  std::memcpy(&file[64], &state, 8);
  EXPECT_EQ(parse_version_file(file, 258, "f").error().code, Code::kUnsupported);
}

TEST(VersionFile, ReadsTheTokensItWrites) {
  const VersionHeader header = sample();
  const std::string token = version_token(header.sequence, header.id);
  const auto name = parse_version_token(token);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->sequence, header.sequence);
  EXPECT_EQ(name->id, header.id);
  std::string capital = token, odd = token;
  capital.back() = 'A';
  odd.back() = 'g';
  for (const std::string& bad :
       {std::string(), std::string("-"), "0" + token, token + "0", token.substr(0, 20), capital,
        odd, "-" + token, " " + token, version_token(0, header.id)}) {
    EXPECT_FALSE(parse_version_token(bad)) << bad;
  }
}

TEST(VersionFile, NamesSortLikeNumbers) {
  EXPECT_EQ(version_file_name(1), "~00000000000000000001");
  EXPECT_LT(version_file_name(9), version_file_name(10));
  EXPECT_EQ(parse_version_file_name("~00000000000000000042"), 42u);
  EXPECT_EQ(parse_version_file_name(version_file_name(~uint64_t{0})), ~uint64_t{0});
  for (const char* bad :
       {"", "~", "~0", "~lock", "00000000000000000001", "~00000000000000000000",
        "~0000000000000000001x", "~99999999999999999999", "~-0000000000000000001"}) {
    EXPECT_FALSE(parse_version_file_name(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace dreamdb
