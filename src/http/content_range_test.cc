#include "http/content_range.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

TEST(ContentRange, OnlyWhatHoldsTogether) {
  const auto range = parse_content_range("bytes 2-9/10");
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->first, 2u);
  EXPECT_EQ(range->last, 9u);
  EXPECT_EQ(range->total, 10u);
  for (const char* bad :
       {"", "bytes", "bytes 2-9/*", "bytes 9-2/10", "bytes 2-10/10", "bytes */10", "items 2-9/10",
        "bytes 2-9/10 ", "bytes -2-9/10", "bytes 2-9/99999999999999999999"}) {
    EXPECT_FALSE(parse_content_range(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_unsatisfied_range("bytes */10"), 10u);
  EXPECT_FALSE(parse_unsatisfied_range("bytes 2-9/10").has_value());
}

}  // namespace
}  // namespace dreamdb
