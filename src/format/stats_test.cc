// Zone maps: exact for one column, and never narrower than the truth however they are merged.
#include "format/stats.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace dreamdb {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Value = std::variant<std::monostate, bool, int64_t, double, std::string>;
using Values = std::vector<Value>;

// A column with these values; monostate is null.
Column column_of(FieldType type, const Values& values) {
  Column column;
  column.type = type;
  std::string bytes;
  std::vector<uint32_t> offsets{0};
  std::vector<std::byte> valid((values.size() + 7) / 8);
  const auto append = [&](auto v) { bytes.append(reinterpret_cast<const char*>(&v), sizeof v); };
  for (size_t i = 0; i < values.size(); ++i) {
    const Value& value = values[i];
    if (value.index() != 0) valid[i / 8] |= static_cast<std::byte>(1 << (i % 8));
    if (type == FieldType::kBool)
      append(static_cast<uint8_t>(value.index() != 0 && std::get<bool>(value)));
    else if (type == FieldType::kFloat)
      append(value.index() != 0 ? std::get<double>(value) : 0.0);
    else if (type == FieldType::kInt || type == FieldType::kTimestamp)
      append(value.index() != 0 ? std::get<int64_t>(value) : int64_t{0});
    else if (value.index() != 0)
      bytes += std::get<std::string>(value);
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  column.values = Buffer::copy_of(bytes);
  column.offsets = Buffer::copy_of(std::as_bytes(std::span(offsets)));
  column.valid = Buffer::adopt(std::move(valid));
  return column;
}

ColumnStats stats_of(FieldType type, const Values& values) {
  return compute_stats(column_of(type, values));
}

bool covers(const ColumnStats& stats, const Value& value) {
  if (const auto* d = std::get_if<double>(&value); d != nullptr && std::isnan(*d))
    return stats.has_nan;
  if (const auto* s = std::get_if<std::string>(&value))
    if (stats.distinct && std::ranges::find(*stats.distinct, *s) == stats.distinct->end())
      return false;
  return (stats.min.index() == 0 || stats.min <= value) &&
         (stats.max.index() == 0 || value <= stats.max);
}

Values any_values(FieldType type) {
  const auto count = *rc::gen::inRange<size_t>(0, 20);
  Values out;
  for (size_t i = 0; i < count; ++i) {
    if (*rc::gen::inRange(0, 4) == 0) {
      out.emplace_back();
    } else if (type == FieldType::kBool) {
      out.emplace_back(*rc::gen::arbitrary<bool>());
    } else if (type == FieldType::kFloat) {
      out.emplace_back(*rc::gen::oneOf(
          rc::gen::arbitrary<double>(),
          rc::gen::element(kNan, 0.0, -0.0, std::numeric_limits<double>::infinity())));
    } else if (is_scalar(type) && type != FieldType::kString && type != FieldType::kCategorical) {
      out.emplace_back(*rc::gen::arbitrary<int64_t>());
    } else {
      const auto size = *rc::gen::element<size_t>(0, 1, 2, 31, 32, 33, 50);
      std::string text(size, *rc::gen::element('a', 'b', '\xff'));
      if (size > 0) text.back() = *rc::gen::element('x', 'y', '\xff');
      out.emplace_back(std::move(text));
    }
  }
  return out;
}

FieldType any_scalar_type() {
  return *rc::gen::element(FieldType::kBool, FieldType::kInt, FieldType::kFloat, FieldType::kString,
                           FieldType::kCategorical, FieldType::kTimestamp);
}

TEST(Stats, OfNothing) {
  EXPECT_EQ(stats_of(FieldType::kInt, {}), ColumnStats{});
  EXPECT_EQ(stats_of(FieldType::kInt, {Value{}, Value{}}), ColumnStats{});
  EXPECT_EQ(stats_of(FieldType::kBool, {Value{}}), ColumnStats{});
  const ColumnStats text = stats_of(FieldType::kString, {Value{}});
  EXPECT_EQ(text.present, 0u);
  EXPECT_EQ(text.min.index(), 0u);
  EXPECT_EQ(text.distinct, std::vector<std::string>{});
  EXPECT_TRUE(stats_of(FieldType::kFloat, {}).is_float);
}

TEST(Stats, NullsDoNotCount) {
  const ColumnStats stats = stats_of(FieldType::kInt, {Value{}, int64_t{5}, Value{}, int64_t{-2}});
  EXPECT_EQ(stats.present, 2u);
  EXPECT_EQ(stats.min, Bound(int64_t{-2}));
  EXPECT_EQ(stats.max, Bound(int64_t{5}));
}

TEST(Stats, NanAndZeros) {
  const ColumnStats nan = stats_of(FieldType::kFloat, {kNan, kNan});
  EXPECT_EQ(nan.present, 2u);
  EXPECT_TRUE(nan.has_nan);
  EXPECT_EQ(nan.min.index(), 0u);
  const ColumnStats some = stats_of(FieldType::kFloat, {kNan, 2.0, -1.0});
  EXPECT_EQ(some.min, Bound(-1.0));
  EXPECT_EQ(some.max, Bound(2.0));
  // Both orders give the same bytes.
  for (const Values& values : {Values{0.0, -0.0}, Values{-0.0, 0.0}}) {
    const ColumnStats zeros = stats_of(FieldType::kFloat, values);
    EXPECT_TRUE(std::signbit(std::get<double>(zeros.min)));
    EXPECT_FALSE(std::signbit(std::get<double>(zeros.max)));
  }
}

TEST(Stats, ColumnWithoutBitmapHasAllValues) {
  Column column = column_of(FieldType::kBool, {true, true});
  column.valid = Buffer();
  const ColumnStats stats = compute_stats(column);
  EXPECT_EQ(stats.present, 2u);
  EXPECT_EQ(stats.min, Bound(true));
  EXPECT_EQ(stats.max, Bound(true));
}

TEST(Stats, AColumnThatOneSideLacksStays) {
  Stats left{{FieldId{1}, stats_of(FieldType::kInt, {int64_t{1}})}};
  const Stats right{{FieldId{2}, stats_of(FieldType::kBool, {true})}};
  merge_stats(left, right);
  EXPECT_EQ(left.size(), 2u);
  EXPECT_EQ(left.at(FieldId{1}).present, 1u);
  EXPECT_EQ(left.at(FieldId{2}).max, Bound(true));
}

RC_GTEST_PROP(Stats, CoverAllValues, ()) {
  const FieldType type = any_scalar_type();
  const Values values = any_values(type);
  const ColumnStats stats = stats_of(type, values);
  uint64_t present = 0;
  for (const Value& value : values) {
    if (value.index() == 0) continue;
    ++present;
    RC_ASSERT(covers(stats, value));
  }
  RC_ASSERT(stats.present == present);
}

RC_GTEST_PROP(Stats, MergedCoverTheUnionInAnyOrder, ()) {
  const FieldType type = any_scalar_type();
  const Values parts[3] = {any_values(type), any_values(type), any_values(type)};
  Stats stats[3];
  for (int i = 0; i < 3; ++i) stats[i] = {{FieldId{1}, stats_of(type, parts[i])}};
  Stats forward = stats[0];
  merge_stats(forward, stats[1]);
  merge_stats(forward, stats[2]);
  Stats backward = stats[2];
  merge_stats(backward, stats[1]);
  merge_stats(backward, stats[0]);
  Stats right = stats[1];
  merge_stats(right, stats[2]);
  Stats grouped = stats[0];
  merge_stats(grouped, right);
  RC_ASSERT(forward == backward);
  RC_ASSERT(forward == grouped);
  uint64_t present = 0;
  for (const Values& values : parts)
    for (const Value& value : values) {
      if (value.index() == 0) continue;
      ++present;
      RC_ASSERT(covers(forward.at(FieldId{1}), value));
    }
  RC_ASSERT(forward.at(FieldId{1}).present == present);
}

RC_GTEST_PROP(Stats, RoundTripAndFit, ()) {
  Stats stats;
  const auto columns = *rc::gen::inRange(0, 60);
  for (int i = 0; i < columns; ++i) {
    const FieldType type = any_scalar_type();
    stats[FieldId{static_cast<uint32_t>(i * 37 + 1)}] = stats_of(type, any_values(type));
  }
  CborWriter out;
  write_stats(stats, out);
  CborReader in(out.span());
  const auto back = parse_stats(in);
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == stats);

  const auto bytes_max = *rc::gen::inRange<size_t>(20, 4000);
  Stats fitted = stats;
  widen_stats_to_fit(fitted, bytes_max);
  CborWriter smaller;
  write_stats(fitted, smaller);
  RC_ASSERT(fitted.size() == stats.size());
  bool is_bare = true;
  for (const auto& [field, column] : fitted) {
    const ColumnStats& exact = stats.at(field);
    RC_ASSERT(column.present == exact.present);
    RC_ASSERT(column.min.index() == 0 || column.min == exact.min);
    RC_ASSERT(!column.distinct || column.distinct == exact.distinct);
    is_bare = is_bare && column.min.index() == 0 && column.max.index() == 0 && !column.distinct;
  }
  RC_ASSERT(smaller.size() <= bytes_max || is_bare);
  CborReader again(smaller.span());
  RC_ASSERT(parse_stats(again).has_value());
}

TEST(Stats, RefusesContradictions) {
  const auto refused = [](auto write) {
    CborWriter out;
    out.map(1);
    write(out);
    CborReader in(out.span());
    const auto parsed = parse_stats(in);
    return !parsed && parsed.error().code == Code::kCorruption;
  };
  EXPECT_TRUE(refused([](CborWriter& w) {  // field id 0
    w.uint(0), w.array(4), w.uint(1), w.null(), w.null(), w.null();
  }));
  EXPECT_TRUE(refused([](CborWriter& w) {  // field id of 33 bits
    w.uint(1ull << 32), w.array(4), w.uint(1), w.null(), w.null(), w.null();
  }));
  EXPECT_TRUE(refused([](CborWriter& w) {  // minimum above maximum
    w.uint(1), w.array(4), w.uint(1), w.integer(2), w.integer(1), w.null();
  }));
  EXPECT_TRUE(refused([](CborWriter& w) {  // words beside numbers
    w.uint(1), w.array(4), w.uint(1), w.integer(1), w.integer(1), w.array(0);
  }));
}

}  // namespace
}  // namespace dreamdb
