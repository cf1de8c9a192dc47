// LIKE against a matcher by plain recursion.
#include "search/like.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace dreamdb {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  return LikePattern(pattern).matches(text);
}

TEST(Like, WildcardsAndEscapes) {
  EXPECT_TRUE(matches("abc%", "abcdef"));
  EXPECT_TRUE(matches("abc%", "abc"));
  EXPECT_FALSE(matches("abc%", "ab"));
  EXPECT_TRUE(matches("%c", "abc"));
  EXPECT_TRUE(matches("a%b%c", "a__b__b_c"));
  EXPECT_FALSE(matches("a%b%c", "a__c"));
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("%%%", ""));
  EXPECT_TRUE(matches("100\\%", "100%"));
  EXPECT_FALSE(matches("100\\%", "1000"));
  EXPECT_TRUE(matches("a\\_b\\\\", "a_b\\"));
  EXPECT_FALSE(matches("_", ""));
}

TEST(Like, OneCharacterIsACodePoint) {
  EXPECT_TRUE(matches("_", "\xc3\xa9"));
  EXPECT_FALSE(matches("__", "\xc3\xa9"));
  EXPECT_FALSE(matches("%__", "\xe2\x82\xac"));
  EXPECT_TRUE(matches("%__%", "x\xe2\x82\xac"));
  EXPECT_TRUE(matches("_", "\xff"));
}

TEST(Like, KnowsItsPrefix) {
  EXPECT_TRUE(LikePattern("abc").is_exact());
  EXPECT_TRUE(LikePattern("a\\%").is_exact());
  EXPECT_TRUE(LikePattern("abc%").is_prefix());
  EXPECT_TRUE(LikePattern("abc%%").is_prefix());
  EXPECT_TRUE(LikePattern("%").is_prefix());
  EXPECT_FALSE(LikePattern("abc_").is_prefix());
  EXPECT_FALSE(LikePattern("abc%d").is_prefix());
  EXPECT_FALSE(LikePattern("abc\\%").is_prefix());
  EXPECT_EQ(LikePattern("a\\_c_e").prefix(), "a_c");
}

bool slow(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%')
    return slow(pattern.substr(1), text) || (!text.empty() && slow(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '_' || pattern[0] == text[0]) &&
         slow(pattern.substr(1), text.substr(1));
}

RC_GTEST_PROP(Like, EqualsRecursion, ()) {
  const auto pattern = *rc::gen::container<std::string>(rc::gen::element('a', 'b', '%', '_'));
  const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b'));
  const std::string short_pattern = pattern.substr(0, 10), short_text = text.substr(0, 12);
  RC_ASSERT(matches(short_pattern, short_text) == slow(short_pattern, short_text));
}

}  // namespace
}  // namespace dreamdb
