// Reading and writing filter expressions, and what is said of wrong ones.
#include <gtest/gtest.h>

#include <cmath>

#include "dreamdb/where.h"

namespace dreamdb {
namespace {

using Op = Where::Op;

Where parsed(std::string_view text) {
  Result<Where> where = Where::parse(text);
  EXPECT_TRUE(where) << where.error().message;
  return where ? *where : Where::is_null("failed");
}

std::string error_of(std::string_view text) {
  const Result<Where> where = Where::parse(text);
  EXPECT_FALSE(where) << text;
  if (where) return "";
  EXPECT_EQ(where.error().code, Code::kInvalidArgument);
  return where.error().message;
}

void expect_text(std::string_view text, const std::string& written) {
  const Where where = parsed(text);
  EXPECT_EQ(where.to_string(), written);
  EXPECT_TRUE(parsed(written) == where) << written;
}

TEST(WhereText, ReadsTheWholeGrammar) {
  expect_text(
      "label == \"cat\" and score >= 0.5 and not (size in (1, 2, 3))"
      " or name like 'abc%' and caption is not null and t between 10 and 20",
      "label == 'cat' and score >= 0.5 and size not in (1, 2, 3)"
      " or name like 'abc%' and caption is not null and t between 10 and 20");
  expect_text("a=1 && !(b<>2||c<3)", "a == 1 and not (b != 2 or c < 3)");
  expect_text("(a > 1 OR b <= 2) AND NOT c", "(a > 1 or b <= 2) and not c == true");
  expect_text("flag", "flag == true");
  expect_text("not not flag", "flag == true");
  expect_text("x NOT IN [1, 'a', true,]", "x not in (1, 'a', true)");
  expect_text("x not between -1 and +2.5e3", "x not between -1 and 2500.0");
  expect_text("x not like '_'", "x not like '_'");
  expect_text("0.5 <= x and 'a' = y", "x >= 0.5 and y == 'a'");
  expect_text("a and (b and (c and d))", "a == true and b == true and c == true and d == true");
  expect_text("a.b_1 is null", "a.b_1 is null");
  expect_text("`in` = 1 or `odd ``name` = 2", "`in` == 1 or `odd ``name` == 2");
  expect_text("x == -9223372036854775808", "x == -9223372036854775808");
  expect_text("x == 9007199254740992.0 or x == -009007199254740994. or x == 1e18",
              "x == 9007199254740992.0 or x == -9007199254740994.0 or x == 1e+18");
  expect_text("x == 1e300 or x == -0.0 or x == .5 or x == 7.",
              "x == 1e+300 or x == -0.0 or x == 0.5 or x == 7.0");
  expect_text("x = 'it''s \\x41\\n\\'\\\\' or x like '100\\%'",
              "x == 'it\\'s A\\x0a\\'\\\\' or x like '100\\\\%'");
}

TEST(WhereText, BuildersEqualText) {
  const Where built =
      (Where::compare("a", Op::kLess, int64_t{3}) || !Where::between("b", 1.5, int64_t{2})) &&
      Where::in("c", {std::string("x"), std::string("\xff\x01")}) && !Where::is_null("d e") &&
      Where::like("f", "p%\\_");
  EXPECT_TRUE(built.status());
  EXPECT_TRUE(parsed(built.to_string()) == built) << built.to_string();
  EXPECT_EQ(built.fields(), (std::vector<std::string>{"a", "b", "c", "d e", "f"}));
  EXPECT_FALSE(parsed("a == 1") == parsed("a == 1.0"));
  EXPECT_FALSE(parsed("a == 1") == parsed("a != 1"));
  EXPECT_EQ((Where::is_null("a") && Where::is_null("a")).fields().size(), 1u);
}

TEST(WhereText, PointsAtTheError) {
  EXPECT_EQ(error_of("size == "),
            "where: expected a literal, found the end, at column 9\n"
            "  size == \n"
            "          ^");
  EXPECT_EQ(error_of("a == 1 and\n\xc3\xa9 > 1"),
            "where: unexpected character: text is written in quotes, odd field names in backticks, "
            "at column 1\n  \xc3\xa9 > 1\n  ^");
  EXPECT_EQ(error_of("`\xc3\xa9` like 3"),
            "where: expected a pattern in quotes, found 3, at column 10\n"
            "  `\xc3\xa9` like 3\n"
            "           ^");
  const std::string far = error_of("a == 1" + std::string(5000, ' ') + "or");
  EXPECT_NE(far.find("at column 5009"), std::string::npos) << far;
  EXPECT_LT(far.size(), 250u);
}

TEST(WhereText, SaysWhatWasExpected) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "expected a field"},
      {"a ==", "expected a literal"},
      {"a == b", "text is written in quotes"},
      {"a == null", "write `is null`"},
      {"a in (1, null)", "write `is null`"},
      {"a in ()", "expected a literal"},
      {"a in (1", "expected `,` or `)`"},
      {"a in 1", "a list of literals"},
      {"a is 1", "expected `null` or `not null`"},
      {"a is not", "expected `null`"},
      {"a not 1", "expected `in`, `between` or `like`"},
      {"a between 1", "expected `and`"},
      {"a 1", "expected an operator"},
      {"1", "expected an operator"},
      {"1 < 2", "expected a field"},
      {"(a", "expected `and`, `or` or `)`"},
      {"a)", "expected `and`, `or` or the end"},
      {"a == 'x", "does not end"},
      {"a == '\\q'", "unknown escape"},
      {"a == '\\x4", "two hexadecimal digits"},
      {"a like 'x\\\\'", "ends in a backslash"},
      {"`a == 1", "closing `"},
      {"`` == 1", "is empty"},
      {"a == 9223372036854775808", "does not fit in 64 bits"},
      {"a == 1e999", "out of the range"},
      {"a == 12abc", "no number"},
      {"a == 1.2.3", "no number"},
      {"a < 9007199254740992.5", "rounded to 9007199254740992: write an integer"},
      {"a == -9007199254740993.0", "rounded to -9007199254740992: write an integer"},
      {"a == 9223372036854775807.0", "rounded to 9223372036854775808: write an integer"},
      {"a == \xff", "not UTF-8"},
      {"a ; b", "unexpected character"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_NE(error_of(text).find(expected), std::string::npos) << text << ": " << error_of(text);
}

std::string repeated(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(WhereText, KeepsItsLimits) {
  EXPECT_TRUE(Where::parse(repeated("(", 64) + "a" + repeated(")", 64)));
  EXPECT_NE(error_of(repeated("(", 65) + "a" + repeated(")", 65)).find("nest deeper"),
            std::string::npos);
  EXPECT_TRUE(Where::parse(repeated("not ", 16000) + "a"));
  error_of(repeated("(", 65000));
  EXPECT_NE(error_of(repeated("a and (b or ", 40) + "c" + repeated(")", 40)).find("nests deeper"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(kWhereTextMax + 1, ' ')).find("at most 65536"), std::string::npos);
  EXPECT_TRUE(Where::parse("a in (1" + repeated(",1", 9999) + ")"));
  EXPECT_NE(error_of("a in (1" + repeated(",1", 10000) + ")").find("at most 10000"),
            std::string::npos);
  EXPECT_TRUE(Where::parse("a" + repeated(" or a", 13000)));
}

TEST(WhereText, BuildersKeepTheErrorUntilAsked) {
  const auto message = [](const Where& where) {
    const Status status = where.status();
    return status ? std::string() : status.error().message;
  };
  const Where good = Where::is_null("a");
  const Where bad = Where::compare("x", Op::kLess, std::nan(""));
  EXPECT_NE(message(bad).find("field `x`: a literal is NaN"), std::string::npos);
  EXPECT_EQ(message(good && (!bad || good)), message(bad));
  EXPECT_NE(message(Where::in("x", {})), "");
  EXPECT_NE(message(Where::like("x", "a\\")), "");
  EXPECT_NE(message(Where::is_null("")), "");
  EXPECT_NE(message(Where::is_null("\xff")), "");
  Where deep = good, wide = good;
  for (int i = 0; i < 100'000; ++i) deep = i % 2 == 0 ? deep && good : deep || good;
  EXPECT_NE(message(deep).find("nests deeper"), std::string::npos);
  for (int i = 0; i < 64; ++i) wide = wide && wide;
  EXPECT_NE(message(wide).find("more than 16384 tests"), std::string::npos);
}

}  // namespace
}  // namespace dreamdb
