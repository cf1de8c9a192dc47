// Filter expressions in the form that is run: typed tests on fields, negation pushed down to them.
//
// With negation only at the tests, SQL's three-valued logic needs no third value: a row matches
// `and` if it matches all parts, `or` if any, and a test, plain or negated, only if it has a value.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "dreamdb/where.h"
#include "search/like.h"

namespace dreamdb {

// Values low <= v <= high; empty when low > high.
template <typename T>
struct Interval {
  T low, high;
};

// The value lies in one of the intervals: ascending, disjoint, none empty, maybe none at all.
// bool columns are 0 and 1.
using IntTest = std::vector<Interval<int64_t>>;
using FloatTest = std::vector<Interval<double>>;  // NaN lies in none

// Between two texts, each end included or not, or open.
struct TextRangeTest {
  bool has_low = false, has_high = false;
  bool low_included = false, high_included = false;
  std::string low, high;

  bool matches(std::string_view text) const {
    if (has_low) {
      const int order = text.compare(low);
      if (order < 0 || (order == 0 && !low_included)) return false;
    }
    if (has_high) {
      const int order = text.compare(high);
      if (order > 0 || (order == 0 && !high_included)) return false;
    }
    return true;
  }
};

using TextSetTest = std::vector<std::string>;  // sorted, distinct, not empty

struct NullTest {};  // the row has no value

using Test = std::variant<NullTest, IntTest, FloatTest, TextRangeTest, TextSetTest, LikePattern>;

struct BoundNode {
  enum class Kind : uint8_t { kAll, kAny, kTest };
  Kind kind = Kind::kTest;
  std::vector<BoundNode> children;  // all, any
  Test test;                        // of the value, if there is one
  bool negated = false;             // matches values that fail the test (or rows with a value)
  size_t slot = 0;                  // the field: its place in BoundWhere::fields
};

struct BoundField {
  FieldId id{0};
  std::string name;
  FieldType type = FieldType::kInt;
};

struct BoundWhere {
  BoundNode root;
  std::vector<BoundField> fields;  // each once
};

Result<BoundWhere> bind_where(const Where& where, const Schema& schema);

// Whether a text passes a test of texts, before negation.
bool text_matches(const Test& test, std::string_view text);

}  // namespace dreamdb
