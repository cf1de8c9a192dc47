// Scalar segments: every type, null pattern and encoding comes back (spec 7.3).
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "format/segment_testing.h"

namespace dreamdb {
namespace {

using namespace segment_testing;

constexpr FieldId kFirst{1};
constexpr FieldType kScalarTypes[] = {FieldType::kBool,        FieldType::kInt,
                                      FieldType::kFloat,       FieldType::kString,
                                      FieldType::kCategorical, FieldType::kTimestamp};

// A value of a type from a seed; few distinct ones when `narrow`.
std::string value_of(FieldType type, uint64_t seed, bool narrow) {
  const uint64_t x = narrow ? seed % 11 : seed * 0x9e3779b97f4a7c15;
  switch (type) {
    case FieldType::kBool: return std::string(1, static_cast<char>(x >> 7 & 1));
    case FieldType::kFloat: return bytes_of(narrow ? static_cast<double>(x) : std::ldexp(x, -63));
    case FieldType::kString:
    case FieldType::kCategorical:
      return narrow ? std::string(x, 'w') : "value " + std::to_string(x);
    default: return bytes_of(static_cast<int64_t>(x));
  }
}

enum class Nulls { kNone, kAllButOne, kEveryThird, kFirstBlock };

Cells cells_of(FieldType type, size_t rows, bool narrow, Nulls nulls) {
  Cells cells;
  for (size_t i = 0; i < rows; ++i) {
    const bool null = (nulls == Nulls::kAllButOne && i != rows / 2) ||
                      (nulls == Nulls::kEveryThird && i % 3 == 0 && rows > 1) ||
                      (nulls == Nulls::kFirstBlock && i < 4096 && rows > 4096);
    cells.push_back(null ? std::nullopt : std::optional(value_of(type, i * i + 1, narrow)));
  }
  return cells;
}

Whole whole_of(FieldType type, const Cells& cells) {
  Whole whole(build_columns(steady(cells.size()), {column_of(type, cells)}));
  EXPECT_EQ(whole.cells(kFirst), cells) << type_name(type) << " x " << cells.size();
  return whole;
}

TEST(ScalarSegment, EveryTypeRowsAndNullPatternComesBack) {
  for (const FieldType type : kScalarTypes)
    for (const size_t rows : {1, 2, 7, 8, 9, 4095, 4096, 4097, 10'000})
      for (const bool narrow : {false, true})
        for (const Nulls nulls :
             {Nulls::kNone, Nulls::kAllButOne, Nulls::kEveryThird, Nulls::kFirstBlock})
          whole_of(type, cells_of(type, rows, narrow, nulls));
}

TEST(ScalarSegment, ATargetOfRowsComesBack) {
  for (const FieldType type : kScalarTypes)
    for (const bool narrow : {false, true})
      whole_of(type, cells_of(type, kScalarRowsMax, narrow, Nulls::kEveryThird));
}

TEST(ScalarSegment, ManyColumnsStandTogether) {
  std::vector<Column> columns;
  std::vector<Cells> cells;
  for (const FieldType type : kScalarTypes)
    for (const Nulls nulls : {Nulls::kNone, Nulls::kEveryThird}) {
      cells.push_back(cells_of(type, 5000, true, nulls));
      columns.push_back(column_of(type, cells.back()));
    }
  const Whole whole(build_columns(jittered(5000), columns));
  EXPECT_EQ(whole.anchors(), jittered(5000));
  ASSERT_EQ(whole.segment.columns.size(), columns.size());
  for (uint32_t i = 0; i < columns.size(); ++i) {
    EXPECT_EQ(whole.cells(FieldId{i + 1}), cells[i]);
    EXPECT_EQ(whole.segment.columns[i].type, columns[i].type);
    EXPECT_EQ(whole.segment.stats.at(FieldId{i + 1}), compute_stats(columns[i]));
  }
  EXPECT_EQ(whole.segment.find_column(FieldId{99}), nullptr);
  EXPECT_EQ(whole.segment.find_column(kRecordTrack), nullptr);
}

TEST(ScalarSegment, ColumnsWithoutValuesAreLeftOut) {
  const std::vector<Column> columns = {column_of(FieldType::kInt, Cells(10)),
                                       column_of(FieldType::kString, Cells(10))};
  const Whole whole(build_columns(steady(10), columns));
  EXPECT_TRUE(whole.segment.columns.empty());
  EXPECT_TRUE(whole.segment.stats.empty());
  EXPECT_EQ(whole.built.object.size(), 64 + whole.footer().size() + 16);
}

TEST(ScalarSegment, AFullBitmapIsLeftOut) {
  Column column = column_of(FieldType::kInt, cells_of(FieldType::kInt, 12, true, Nulls::kNone));
  column.valid = Buffer::copy_of(std::string("\xff\xff"));  // bits behind the last row are set
  const Whole whole(build_columns(steady(12), {column}));
  EXPECT_FALSE(whole.segment.columns[0].valid.has_value());
}

// What stands in a row without a value, and behind the last bit, never reaches the object.
TEST(ScalarSegment, RowsWithoutValuesAreBlanked) {
  for (const FieldType type : kScalarTypes) {
    Cells cells = cells_of(type, 5000, false, Nulls::kNone);
    Column dirty = column_of(type, cells);
    std::vector<std::byte> valid(625, std::byte{0xfb});
    dirty.valid = buffer_of(valid);
    for (size_t i = 2; i < cells.size(); i += 8) cells[i].reset();
    const Whole whole(build_columns(steady(5000), {dirty}));
    EXPECT_EQ(whole.cells(kFirst), cells) << type_name(type);
    const Whole clean(build_columns(steady(5000), {column_of(type, cells)}));
    EXPECT_EQ(whole.built.entry.child, clean.built.entry.child) << type_name(type);
  }
}

const Run& data_of(const Whole& whole) { return whole.segment.columns.at(0).data; }

TEST(ScalarSegment, WideNumbersStayRawAndContiguous) {
  for (const FieldType type : {FieldType::kInt, FieldType::kTimestamp, FieldType::kFloat}) {
    const Cells cells = cells_of(type, 10'000, false, Nulls::kNone);
    const Whole whole = whole_of(type, cells);
    const auto& data = data_of(whole);
    EXPECT_TRUE(data.codecs.empty()) << type_name(type);
    EXPECT_EQ(data.end() - data.at, 80'000u);
    std::string all;
    for (const auto& cell : cells) all += *cell;
    EXPECT_EQ(whole.built.object.slice(data.at, 80'000).view(), all);
  }
}

TEST(ScalarSegment, NarrowNumbersArePacked) {
  const Whole ints =
      whole_of(FieldType::kInt, cells_of(FieldType::kInt, 10'000, true, Nulls::kNone));
  EXPECT_EQ(data_of(ints).codec(0), Codec::kFrameOfReference);
  EXPECT_LE(data_of(ints).end() - data_of(ints).at, 10'000u);
  const Cells same(10'000, bytes_of(0.5));
  const Whole floats = whole_of(FieldType::kFloat, same);
  EXPECT_EQ(data_of(floats).codec(0), Codec::kZstd);
}

TEST(ScalarSegment, ExtremeNumbersComeBack) {
  const Cells ints = {bytes_of(INT64_MIN), bytes_of(INT64_MAX), std::nullopt,
                      bytes_of(int64_t{-1})};
  whole_of(FieldType::kInt, ints);
  whole_of(FieldType::kTimestamp, ints);
  const double inf = std::numeric_limits<double>::infinity();
  whole_of(FieldType::kFloat, {bytes_of(inf), bytes_of(-inf), bytes_of(-0.0),
                               bytes_of(std::nan("7")), bytes_of(5e-324), std::nullopt});
}

TEST(ScalarSegment, RepeatedWordsMakeADictionary) {
  Cells cells;
  for (size_t i = 0; i < 9000; ++i)
    cells.push_back(i % 10 == 0 ? std::nullopt : std::optional("word " + std::to_string(i % 7)));
  const Whole whole = whole_of(FieldType::kCategorical, cells);
  const ScalarColumn& column = whole.segment.columns[0];
  ASSERT_TRUE(column.dict.has_value());
  EXPECT_EQ(column.dict->items, 7u);
  EXPECT_LT(column.valid->at, column.dict->at);
  EXPECT_LT(column.dict->at, column.data.at);
}

TEST(ScalarSegment, UniqueStringsStayPlain) {
  const Whole whole =
      whole_of(FieldType::kString, cells_of(FieldType::kString, 20'000, false, Nulls::kNone));
  EXPECT_FALSE(whole.segment.columns[0].dict.has_value());
  EXPECT_EQ(data_of(whole).codec(0), Codec::kZstd);
}

TEST(ScalarSegment, MoreWordsThanTheCapStayPlain) {
  Cells cells;
  for (size_t i = 0; i < 300'000; ++i)  // early rows repeat, so the probe does not decide
    cells.push_back("a rather long common prefix " + std::to_string(i < 20'000 ? i % 5 : i / 3));
  const Whole whole = whole_of(FieldType::kString, cells);
  EXPECT_FALSE(whole.segment.columns[0].dict.has_value());
}

TEST(ScalarSegment, StringsAtTheLimits) {
  whole_of(FieldType::kString,
           {"", std::string(1 << 20, 'x'), "\xf0\x9f\x90\xb6", std::nullopt, ""});
  const Cells high = {"\xc3\xbf", "a", "\x7f", "\xc3\xbf", "a", "\x7f", "a", "a", "a", "a"};
  whole_of(FieldType::kCategorical, high);
}

TEST(ScalarSegment, WrongInputIsRefused) {
  const auto refused = [](const Result<BuiltSegment>& result) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::kInvalidArgument) << result.error().message;
  };
  const auto build = [](const Column& column) { return build_columns(steady(3), {column}); };
  Column ints = column_of(FieldType::kInt, Cells(3, bytes_of(int64_t{1})));
  Column words = column_of(FieldType::kString, {"a", "b", "c"});

  Column bad = ints;
  bad.values = Buffer::copy_of("short");
  refused(build(bad));
  bad = ints;
  bad.type = FieldType::kImage;
  refused(build(bad));
  bad = words;
  bad.offsets = buffer_of(std::vector<uint32_t>{0, 1, 2});
  refused(build(bad));
  bad.offsets = buffer_of(std::vector<uint32_t>{0, 2, 1, 3});
  refused(build(bad));
  bad.offsets = buffer_of(std::vector<uint32_t>{0, 1, 2, 4});
  refused(build(bad));
  refused(build(column_of(FieldType::kString, {"a", "\xff", "c"})));
  refused(build(column_of(FieldType::kString, {"a", std::string((1 << 20) + 1, 'a'), "c"})));
  refused(build_columns(steady(4097), {[] {
                          Column column =
                              column_of(FieldType::kBool, Cells(4097, std::string(1, '\0')));
                          column.valid = Buffer::copy_of("too short");
                          return column;
                        }()}));
  refused(build(column_of(FieldType::kBool, Cells(3, std::string(1, '\2')))));
  const ScalarInput twice[] = {{FieldId{4}, &ints}, {FieldId{4}, &ints}};
  refused(build_scalar_segment(test_nonce(), steady(3), twice));
  const ScalarInput zero[] = {{kRecordTrack, &ints}};
  refused(build_scalar_segment(test_nonce(), steady(3), zero));
}

RC_GTEST_PROP(ScalarSegment, AnyStringsComeBack, (const std::vector<std::vector<uint8_t>>& drawn)) {
  RC_PRE(!drawn.empty());
  Cells cells;
  for (const auto& letters : drawn) {
    if (letters.size() % 5 == 4) {
      cells.emplace_back();
      continue;
    }
    std::string text;
    for (const uint8_t letter : letters) text += static_cast<char>('a' + letter % 4);
    cells.emplace_back(text);
  }
  const Whole whole = whole_of(FieldType::kString, cells);
  RC_ASSERT(whole.cells(kFirst) == cells);
}

RC_GTEST_PROP(ScalarSegment, AnyIntegersComeBack,
              (const std::vector<int64_t>& some, uint8_t shift)) {
  RC_PRE(!some.empty());
  Cells cells;
  for (const int64_t value : some) cells.push_back(bytes_of(value << (shift % 64)));
  cells[some.size() / 2].reset();
  RC_ASSERT(whole_of(FieldType::kTimestamp, cells).cells(kFirst) == cells);
}

}  // namespace
}  // namespace dreamdb
