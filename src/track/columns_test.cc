// Cutting, joining and picking rows of every type of column, against lists of values.
#include "track/columns.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <optional>
#include <string>

#include "track/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

RC_GTEST_PROP(Columns, SlicesJoinsAndPicksRows, ()) {
  const auto type = *rc::gen::elementOf(column_types());
  const Field field = field_of(type, FieldId{1});
  const auto values = *rc::gen::resize(
      60, rc::gen::container<Texts>(rc::gen::map(rc::gen::inRange<int>(-2, 6), [](int n) {
        return n < 0 ? std::nullopt : std::optional(n);
      })));
  const Texts none;
  const size_t rows = values.size();
  const Column column = column_of(field, values);
  RC_ASSERT(texts_of(column, rows) == texts_of(field, values));
  RC_ASSERT(valid_count(column, rows) ==
            static_cast<size_t>(std::count_if(values.begin(), values.end(),
                                              [](const auto& v) { return v.has_value(); })));

  // A slice of a slice: nulls begin at odd bits, offsets not at 0.
  const auto begin = *rc::gen::inRange<size_t>(0, rows + 1);
  const auto count = *rc::gen::inRange<size_t>(0, rows - begin + 1);
  const auto inner = *rc::gen::inRange<size_t>(0, count + 1);
  const Column slice = slice_column(column, begin, count);
  const Column second = slice_column(slice, inner, count - inner);
  RC_ASSERT(texts_of(slice, count) == cut(texts_of(field, values), begin, count));
  RC_ASSERT(texts_of(second, count - inner) ==
            cut(texts_of(field, values), begin + inner, count - inner));

  const auto indexes = rows == 0 ? std::vector<uint32_t>()
                                 : *rc::gen::container<std::vector<uint32_t>>(
                                       rc::gen::inRange<uint32_t>(0, static_cast<uint32_t>(rows)));
  Strings picked;
  for (const uint32_t i : indexes) picked.push_back(texts_of(field, values)[i]);
  RC_ASSERT(texts_of(pick_rows(column, indexes), indexes.size()) == picked);

  // Joined again, with an empty batch and an overlap.
  const auto batch_of = [](const Column& c, size_t n) {
    return Batch{Buffer::copy_of(std::string(n * 8, 'a')), {c}};
  };
  const std::vector<Batch> pieces = {batch_of(second, count - inner),
                                     batch_of(column_of(field, none), 0), batch_of(column, rows),
                                     batch_of(slice, count)};
  const Batch joined = concat_batches(pieces);
  Strings expected;
  for (const Batch& piece : pieces)
    for (const auto& text : texts_of(piece.columns[0], piece.rows())) expected.push_back(text);
  RC_ASSERT(joined.rows() == expected.size());
  RC_ASSERT(texts_of(joined.columns[0], joined.rows()) == expected);
  RC_ASSERT(joined.columns[0].shape == field.shape);

  for (size_t a = 0; a < std::min<size_t>(rows, 8); ++a)
    for (size_t b = 0; b < count; ++b)
      if (values[a] && slice.is_valid(b)) {
        RC_ASSERT(equal_values(column, a, slice, b) ==
                  (texts_of(field, values)[a] == texts_of(slice, count)[b]));
      }
}

TEST(Columns, EmptyColumnsHaveNoValues) {
  for (const FieldType type : column_types())
    for (const size_t rows : {0, 1, 9}) {
      const Column column = empty_column(field_of(type, FieldId{1}), rows);
      EXPECT_EQ(valid_count(column, rows), 0u);
      EXPECT_EQ(texts_of(column, rows), Strings(rows));
    }
}

RC_GTEST_PROP(Columns, BitmapsSetRanges, (const std::vector<std::pair<uint8_t, uint8_t>>& ranges)) {
  const auto rows = *rc::gen::inRange<size_t>(1, 300);
  Bitmap bitmap(rows);
  std::vector<bool> expected(rows);
  for (const auto& [a, b] : ranges) {
    const size_t begin = std::min<size_t>(std::min(a, b), rows);
    const size_t end = std::min<size_t>(std::max(a, b), rows);
    bitmap.set_range(begin, end);
    std::fill(expected.begin() + static_cast<ptrdiff_t>(begin),
              expected.begin() + static_cast<ptrdiff_t>(end), true);
  }
  for (size_t i = 0; i < rows; ++i) RC_ASSERT(bitmap.get(i) == expected[i]);
  const auto set = static_cast<size_t>(std::count(expected.begin(), expected.end(), true));
  RC_ASSERT(bitmap.count() == set);
  RC_ASSERT(std::move(bitmap).finish().empty() == (set == rows));
}

}  // namespace
}  // namespace dreamdb
