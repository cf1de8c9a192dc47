#include "base/text.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

TEST(Text, LettersOfAsciiAloneAreMadeSmall) {
  EXPECT_EQ(lower_ascii("If-Match: \"AZ[@`{\""), "if-match: \"az[@`{\"");
  EXPECT_EQ(lower_ascii("\xc3\x84rger"), "\xc3\x84rger");
  EXPECT_EQ(lower_ascii(""), "");
}

TEST(Text, BlanksGoFromBothEndsOnly) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \r\n\t"), "");
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed("/ a/", "/"), " a");
}

}  // namespace
}  // namespace dreamdb
