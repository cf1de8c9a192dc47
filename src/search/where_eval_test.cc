// What filters match, what they refuse and what statistics rule out, case by case.
#include <gtest/gtest.h>

#include "search/filter.h"
#include "search/where_test_data.h"

namespace dreamdb {
namespace {

using std::string_literals::operator""s;

using Ints = std::vector<std::optional<int64_t>>;
using Floats = std::vector<std::optional<double>>;
using Bools = std::vector<std::optional<uint8_t>>;
using Texts = std::vector<std::optional<std::string>>;

const Schema& schema() {
  static const Schema schema = make_schema({{"i", FieldType::kInt},
                                            {"f", FieldType::kFloat},
                                            {"b", FieldType::kBool},
                                            {"s", FieldType::kString},
                                            {"c", FieldType::kCategorical},
                                            {"t", FieldType::kTimestamp},
                                            {"img", FieldType::kBlob},
                                            {"v", FieldType::kArray}});
  return schema;
}

const Batch& batch() {
  static const Batch batch = [] {
    const auto null = std::nullopt;
    Column image;
    image.name = "img";
    image.type = FieldType::kBlob;
    image.valid = valid_bits({true, false, true, false, true});
    image.blobs.resize(5);
    return make_batch(
        5, {make_column("i", FieldType::kInt, Ints{1, 2, null, INT64_MAX, -5}),
            make_column("f", FieldType::kFloat, Floats{0.5, NAN, -0.0, null, INFINITY}),
            make_column("b", FieldType::kBool, Bools{1, 0, null, 1, 0}),
            make_column("s", FieldType::kString, Texts{"cat", "", "cattle", "\xff", null}),
            make_column("c", FieldType::kCategorical, Texts{"x", "y", "x", "z", "y"}),
            make_column("t", FieldType::kTimestamp,
                        Ints{0, 1767323045'000000000, 1767312000'000000000, null, -1}),
            image});
  }();
  return batch;
}

// One character a row: 1 for a match.
std::string matches(std::string_view text) {
  const Result<Where> where = Where::parse(text);
  EXPECT_TRUE(where) << where.error().message;
  if (!where) return "";
  const auto mask = evaluate(*where, schema(), batch());
  EXPECT_TRUE(mask) << mask.error().message;
  std::string out;
  if (mask)
    for (uint8_t m : *mask) out += static_cast<char>('0' + m);
  return out;
}

TEST(WhereEval, Numbers) {
  EXPECT_EQ(matches("i == 1"), "10000");
  EXPECT_EQ(matches("i != 1"), "01011");
  EXPECT_EQ(matches("not i != 1"), "10000");
  EXPECT_EQ(matches("i < 1.5"), "10001");
  EXPECT_EQ(matches("i == 9223372036854775808.0"), "00000");
  EXPECT_EQ(matches("i < 9223372036854775808.0"), "11011");
  EXPECT_EQ(matches("i between -5 and 1"), "10001");
  EXPECT_EQ(matches("i between 1 and -5"), "00000");
  EXPECT_EQ(matches("i not between 1 and -5"), "11011");
  EXPECT_EQ(matches("i in (1, 2.0, 2.5, 2)"), "11000");
  EXPECT_EQ(matches("i in (1, 3, 5, 7, 9, 11, 13, 15, -5)"), "10001");
  EXPECT_EQ(matches("i not in (1, 3, 5, 7, 9, 11, 13, 15, -5)"), "01010");
  EXPECT_EQ(matches("f == 0"), "00100");
  EXPECT_EQ(matches("f < 0"), "00000");
  EXPECT_EQ(matches("f != 0.5"), "01101");
  EXPECT_EQ(matches("f < 1"), "10100");
  EXPECT_EQ(matches("not f < 1"), "01001");
  EXPECT_EQ(matches("f >= 1"), "00001");
}

TEST(WhereEval, NaNIsWhatIsNeitherBelowNorAbove) {
  EXPECT_EQ(matches("not (f <= 0 or f > 0)"), "01000");
  EXPECT_EQ(matches("f <= 0 or f > 0"), "10101");
  EXPECT_EQ(matches("not (f <= 0 or f > 0) or f is null"), "01010");
}

TEST(WhereEval, BoolsTextsAndTimes) {
  EXPECT_EQ(matches("b"), "10010");
  EXPECT_EQ(matches("not b"), "01001");
  EXPECT_EQ(matches("b != true"), "01001");
  EXPECT_EQ(matches("b in (true, false)"), "11011");
  EXPECT_EQ(matches("s == 'cat'"), "10000");
  EXPECT_EQ(matches("s like 'cat%'"), "10100");
  EXPECT_EQ(matches("s not like 'cat%'"), "01010");
  EXPECT_EQ(matches("s like '%l_'"), "00100");
  EXPECT_EQ(matches("s like 'cat'"), "10000");
  EXPECT_EQ(matches("s > 'cat'"), "00110");
  EXPECT_EQ(matches("s <= 'cat'"), "11000");
  EXPECT_EQ(matches("s between 'a' and 'cau'"), "10100");
  EXPECT_EQ(matches("c in ('x', 'z')"), "10110");
  EXPECT_EQ(matches("c < 'y'"), "10100");
  EXPECT_EQ(matches("t == '2026-01-02T03:04:05Z'"), "01000");
  EXPECT_EQ(matches("t between '2026-01-02' and '2026-01-02T12:00Z'"), "01100");
  EXPECT_EQ(matches("t < 0"), "00001");
  EXPECT_EQ(matches("t <= -0.5"), "00001");
}

TEST(WhereEval, NullsAreNeitherTrueNorFalse) {
  EXPECT_EQ(matches("i is null"), "00100");
  EXPECT_EQ(matches("i is not null"), "11011");
  EXPECT_EQ(matches("c is null"), "00000");
  EXPECT_EQ(matches("c is not null"), "11111");
  EXPECT_EQ(matches("img is null"), "01010");
  EXPECT_EQ(matches("img is not null and i > 0"), "10000");
  EXPECT_EQ(matches("i > 1 or f == 0"), "01110");
  EXPECT_EQ(matches("not (i > 1 or f == 0)"), "10001");
  EXPECT_EQ(matches("not (i > 1 and b)"), "11001");
}

std::string refusal(std::string_view text) {
  const Result<Where> where = Where::parse(text);
  EXPECT_TRUE(where) << text;
  const Status status = check_where(*where, schema());
  EXPECT_FALSE(status) << text;
  if (status) return "";
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
  EXPECT_TRUE(can_match(*where, schema(), {}, 1));
  EXPECT_FALSE(evaluate(*where, schema(), batch()));
  return status.error().message;
}

TEST(WhereCheck, NamesFieldTypeAndLiteral) {
  EXPECT_EQ(
      refusal("zz == 1"),
      "where: field `zz` is not declared in the Schema; declared are: i, f, b, s, c, t, img, v");
  EXPECT_EQ(
      refusal("_anchor > 3"),
      "where: `_anchor` is a record's place, not a field; say which anchors by start and end of "
      "the read (--start and --end on the command line), the end exclusive");
  EXPECT_EQ(refusal("i == 'a'"), "where: field `i` is int, expected a number, found 'a'");
  EXPECT_EQ(refusal("f in (1, true)"), "where: field `f` is float, expected a number, found true");
  EXPECT_EQ(refusal("s == 1.5"), "where: field `s` is string, expected text in quotes, found 1.5");
  EXPECT_EQ(refusal("c between 'a' and 3"),
            "where: field `c` is categorical, expected text in quotes, found 3");
  EXPECT_EQ(refusal("b == 1"), "where: field `b` is bool, expected true or false, found 1");
  EXPECT_EQ(refusal("b < true"),
            "where: field `b` is bool, which has only == != and in, with true and false");
  EXPECT_EQ(refusal("i"), "where: field `i` is int, expected a number, found true");
  EXPECT_EQ(refusal("i like 'a'"), "where: field `i` is int, `like` is for string and categorical");
  EXPECT_EQ(refusal("t == 'noon'"),
            "where: field `t` is timestamp, and 'noon' is no ISO 8601 time: "
            "expected '2026-01-02' or '2026-01-02T03:04:05Z'");
  EXPECT_EQ(refusal("v == 1"),
            "where: field `v` is array, and only scalar fields can be filtered by "
            "value (`is null` and `is not null` work on every field)");
  EXPECT_LT(refusal("i == '" + std::string(60000, 'x') + "'").size(), 200u);
}

TEST(WhereEval, RefusesColumnsThatDoNotFit) {
  const Where where = *Where::parse("i == 1 and s == 'a' and f is null");
  const auto code = [&](const Batch& b) { return evaluate(where, schema(), b).error().code; };
  EXPECT_EQ(code(make_batch(5, {})), Code::kInvalidArgument);
  for (size_t bad = 0; bad < 4; ++bad) {
    Batch b = batch();
    if (bad == 0) b.columns[0].values = b.columns[0].values.slice(0, 32);
    if (bad == 1) b.columns[3].offsets = b.columns[3].offsets.slice(0, 20);
    if (bad == 2) b.columns[3].values = b.columns[3].values.slice(0, 3);
    if (bad == 3) b.columns[0].type = FieldType::kFloat;
    EXPECT_EQ(code(b), Code::kInvalidArgument) << bad;
  }
  EXPECT_TRUE(evaluate(where, schema(), batch()));
  EXPECT_FALSE(evaluate(Where::like("s", "\\"), schema(), batch()));
}

bool can(std::string_view text, const Stats& stats, uint64_t rows) {
  const Result<Where> where = Where::parse(text);
  EXPECT_TRUE(where) << text;
  return can_match(*where, schema(), stats, rows);
}

ColumnStats stats_of(uint64_t present, Bound min, Bound max) {
  ColumnStats stats;
  stats.present = present;
  stats.min = std::move(min);
  stats.max = std::move(max);
  return stats;
}

TEST(WherePrune, RulesOutWhatStatisticsExclude) {
  Stats stats;
  stats[FieldId{1}] = stats_of(10, int64_t{5}, int64_t{9});
  stats[FieldId{2}] = stats_of(8, 1.5, 1.5);
  stats[FieldId{3}] = stats_of(10, false, false);
  stats[FieldId{4}] = stats_of(10, "cat"s, "dog"s);
  stats[FieldId{5}] = stats_of(10, "x"s, "z"s);
  stats[FieldId{5}].distinct = {"x", "z"};
  for (const char* no : {"i < 5",
                         "i > 9",
                         "i == 4",
                         "i in (1, 10)",
                         "i is null",
                         "i not between 0 and 9",
                         "not i < 10",
                         "f == 1",
                         "f != 1.5",
                         "f > 1.5",
                         "b",
                         "b != false",
                         "s < 'cat'",
                         "s > 'dog'",
                         "s == 'cas'",
                         "s like 'dogs%'",
                         "s like 'b%'",
                         "c == 'y'",
                         "c not in ('x', 'z')",
                         "c like 'y%'",
                         "t == 1",
                         "t is not null",
                         "not t == 1",
                         "i > 5 and i > 9",
                         "i < 5 or b",
                         "not (i >= 5 or b)"})
    EXPECT_FALSE(can(no, stats, 10)) << no;
  for (const char* yes :
       {"i <= 5",           "i >= 9",       "i in (1, 7)", "i != 5",          "i is not null",
        "f is null",        "f == 1.5",     "f < 2",       "not b",           "s == 'cat'",
        "s like 'c%'",      "s like 'ca_'", "s like '%z'", "s not like 'c%'", "c == 'z'",
        "c > 'y'",          "t is null",    "img is null", "img is not null", "i > 9 or f > 1",
        "not (i > 9 and b)"})
    EXPECT_TRUE(can(yes, stats, 10)) << yes;
  EXPECT_FALSE(can("i == 5", stats, 0));
  EXPECT_FALSE(can("not (f <= 0 or f > 0)", stats, 10));
  stats[FieldId{2}].has_nan = true;
  EXPECT_TRUE(can("not (f <= 0 or f > 0)", stats, 10));
  EXPECT_TRUE(can("f != 1.5", stats, 10));
  EXPECT_FALSE(can("f > 1.5", stats, 10));
  // A bound that is missing, or of another type, rules nothing out.
  stats[FieldId{1}] = stats_of(10, {}, {});
  stats[FieldId{4}] = stats_of(10, "cat"s, {});
  stats[FieldId{3}] = stats_of(10, "a"s, "b"s);
  EXPECT_TRUE(can("i == 4", stats, 10));
  EXPECT_TRUE(can("s > 'dog'", stats, 10));
  EXPECT_FALSE(can("s < 'c'", stats, 10));
  EXPECT_TRUE(can("b", stats, 10));
}

}  // namespace
}  // namespace dreamdb
