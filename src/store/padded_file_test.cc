// Padded files: the golden bytes, sizes that do not come again, and every flipped or cut byte
// found.
#include "store/padded_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "store/dialect.h"
#include "store/digest.h"

namespace dreamdb {
namespace {

std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

nlohmann::json vectors() {
  std::ifstream in(std::string(DREAMDB_SPEC_DIR) + "/vectors/padded_file.json");
  EXPECT_TRUE(in);
  return nlohmann::json::parse(in);
}

TEST(PaddedFile, GoldenBytes) {
  const nlohmann::json golden = vectors();
  for (const auto& one : golden["accept"]) {
    const Buffer body = Buffer::copy_of(bytes_of_hex(one["body"].get<std::string>()));
    const Buffer file = padded_file(body, one["replaced_bytes"].get<uint64_t>());
    EXPECT_EQ(file.size(), one["bytes"].get<uint64_t>()) << one["name"];
    EXPECT_EQ(hex_text(file.span().first(kPaddedHeaderSize)), one["head"].get<std::string>())
        << one["name"];
    const auto again = parse_padded_file(file, "f");
    ASSERT_TRUE(again) << one["name"];
    EXPECT_EQ(again->view(), body.view());
  }
  EXPECT_GE(golden["accept"].size(), 5u);
  for (const auto& one : golden["refuse"]) {
    const auto parsed =
        parse_padded_file(Buffer::copy_of(bytes_of_hex(one["hex"].get<std::string>())), "the/file");
    ASSERT_FALSE(parsed) << one["name"];
    EXPECT_EQ(parsed.error().code, Code::kCorruption);
    EXPECT_TRUE(parsed.error().message.starts_with("the/file: ")) << parsed.error().message;
  }
}

TEST(PaddedFile, TwoThousandFilesOfAKeyHaveSizesOfTheirOwn) {
  uint64_t size = 0;
  std::set<uint64_t> last;
  std::vector<uint64_t> order;
  for (size_t i = 0; i < 10'000; ++i) {
    // Bodies that grow and shrink by a byte, and now and then a deletion.
    const Buffer body = i % 50 == 49 ? Buffer::copy_of(deletion_mark())
                                     : Buffer::copy_of(std::string(300 + i * 7919 % 5000, 'x'));
    size = padded_file(body, size).size();
    ASSERT_LE(size, body.size() + kPaddedExtraMax);
    EXPECT_EQ(may_hold_mark(size), i % 50 == 49);
    ASSERT_TRUE(last.insert(size % 4096).second) << i;
    order.push_back(size % 4096);
    if (order.size() >= 2048) last.erase(order[order.size() - 2048]);
  }
}

TEST(PaddedFile, FindsEveryFlippedBitAndEveryCut) {
  const std::string body = "some body";
  const Buffer good = padded_file(Buffer::copy_of(body), 0);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad(good.view());
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    const auto parsed = parse_padded_file(Buffer::copy_of(bad), "f");
    ASSERT_FALSE(parsed) << bit;
    EXPECT_EQ(parsed.error().code, Code::kCorruption) << bit;
  }
  // What is cut in the zeros is whole.
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_EQ(parse_padded_file(good.slice(0, size), "f").has_value(),
              size >= kPaddedHeaderSize + body.size())
        << size;
}

}  // namespace
}  // namespace dreamdb
