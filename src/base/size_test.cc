#include "dreamdb/size.h"

#include <gtest/gtest.h>

#include <string>

namespace dreamdb {
namespace {

TEST(ParseSize, NumbersWithUnits) {
  EXPECT_EQ(parse_size("20GB").value(), 20'000'000'000u);
  EXPECT_EQ(parse_size("1.5 GiB").value(), 3u << 29);
  EXPECT_EQ(parse_size("64mb").value(), 64'000'000u);
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("123456789b").value(), 123'456'789u);
  EXPECT_EQ(parse_size("2TiB").value(), 2ull << 40);
}

TEST(ParseSize, ErrorsNameTheTextAndAnExample) {
  for (const char* text : {"", "GB", "-1GB", "20 G", "20GBs", "1e3MB", "nan", "inf", "+5MB", " 5MB",
                           "99999999999TB", "5\n", ".5GB"}) {
    const auto size = parse_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_EQ(size.error().code, Code::kInvalidArgument);
    EXPECT_NE(size.error().message.find("for example 20GB"), std::string::npos) << text;
    EXPECT_EQ(size.error().message.find('\n'), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace dreamdb
