// Decides from statistics whether rows that match can be there at all.
//
// Each answer is "maybe" unless the statistics rule a match out; they may be wider than the truth,
// never narrower (spec S6.5), and a bound that is missing says nothing.
#include <algorithm>

#include "search/filter.h"
#include "search/where_bind.h"

namespace dreamdb {
namespace {

template <typename T>
struct Range {
  bool known = false;
  T min{}, max{};
};

Range<int64_t> int_range(const ColumnStats& stats) {
  const auto *low = std::get_if<int64_t>(&stats.min), *high = std::get_if<int64_t>(&stats.max);
  if (low != nullptr && high != nullptr) return {true, *low, *high};
  const auto *no = std::get_if<bool>(&stats.min), *yes = std::get_if<bool>(&stats.max);
  if (no != nullptr && yes != nullptr) return {true, *no ? 1 : 0, *yes ? 1 : 0};
  return {};
}

Range<double> float_range(const ColumnStats& stats) {
  const auto *low = std::get_if<double>(&stats.min), *high = std::get_if<double>(&stats.max);
  if (low != nullptr && high != nullptr) return {true, *low, *high};
  return {};
}

template <typename T>
bool may_match(const std::vector<Interval<T>>& intervals, const Range<T>& range, bool negated,
               bool has_nan) {
  // NaN lies in no interval.
  if (intervals.empty()) return negated;
  if (negated && has_nan) return true;
  if (!range.known) return true;
  // The one interval that could hold `min`, or the first behind it.
  const auto at = std::lower_bound(intervals.begin(), intervals.end(), range.min,
                                   [](const Interval<T>& x, T v) { return x.high < v; });
  if (!negated) return at != intervals.end() && at->low <= range.max;
  // All values pass the test only if one interval holds them all.
  return at == intervals.end() || at->low > range.min || at->high < range.max;
}

// Bounds of texts: min <= each value <= max, where known.
struct TextBounds {
  const std::string* min;
  const std::string* max;
};

bool may_match_range(const TextRangeTest& test, const TextBounds& bounds, bool negated) {
  if (!negated) {
    const bool above = bounds.max != nullptr && test.has_low &&
                       (*bounds.max < test.low || (*bounds.max == test.low && !test.low_included));
    const bool below =
        bounds.min != nullptr && test.has_high &&
        (*bounds.min > test.high || (*bounds.min == test.high && !test.high_included));
    return !above && !below;
  }
  // Ruled out if both ends lie inside: then all between them do.
  const bool low_inside =
      !test.has_low || (bounds.min != nullptr &&
                        (*bounds.min > test.low || (*bounds.min == test.low && test.low_included)));
  const bool high_inside =
      !test.has_high ||
      (bounds.max != nullptr &&
       (*bounds.max < test.high || (*bounds.max == test.high && test.high_included)));
  return !(low_inside && high_inside);
}

bool may_match_set(const TextSetTest& set, const TextBounds& bounds, bool negated) {
  if (!negated) {
    const auto at =
        bounds.min == nullptr ? set.begin() : std::lower_bound(set.begin(), set.end(), *bounds.min);
    return at != set.end() && (bounds.max == nullptr || *at <= *bounds.max);
  }
  const bool single = bounds.min != nullptr && bounds.max != nullptr && *bounds.min == *bounds.max;
  return !(single && std::binary_search(set.begin(), set.end(), *bounds.min));
}

bool may_match_like(const LikePattern& pattern, const TextBounds& bounds, bool negated) {
  const std::string& prefix = pattern.prefix();
  if (!negated) {
    // Texts with the prefix stand together: all below `min`, or all above `max`?
    const bool below =
        bounds.min != nullptr && *bounds.min > prefix && !bounds.min->starts_with(prefix);
    const bool above = bounds.max != nullptr && *bounds.max < prefix;
    return !below && !above;
  }
  const bool all_match = pattern.is_prefix() && bounds.min != nullptr && bounds.max != nullptr &&
                         bounds.min->starts_with(prefix) && bounds.max->starts_with(prefix);
  return !all_match;
}

bool may_match_text(const BoundNode& node, const ColumnStats& stats) {
  if (stats.distinct)
    return std::any_of(stats.distinct->begin(), stats.distinct->end(), [&](const std::string& x) {
      return text_matches(node.test, x) != node.negated;
    });
  const TextBounds bounds{std::get_if<std::string>(&stats.min),
                          std::get_if<std::string>(&stats.max)};
  if (const auto* range = std::get_if<TextRangeTest>(&node.test))
    return may_match_range(*range, bounds, node.negated);
  if (const auto* set = std::get_if<TextSetTest>(&node.test))
    return may_match_set(*set, bounds, node.negated);
  return may_match_like(std::get<LikePattern>(node.test), bounds, node.negated);
}

bool may_match_test(const BoundNode& node, const BoundField& field, const Stats& stats,
                    uint64_t rows) {
  // Statistics are of scalars; of other fields nothing is known here.
  if (!is_scalar(field.type)) return true;
  const auto found = stats.find(field.id);
  const uint64_t present = found == stats.end() ? 0 : found->second.present;
  if (std::holds_alternative<NullTest>(node.test))
    return node.negated ? present > 0 : present < rows;
  if (present == 0) return false;
  const ColumnStats& column = found->second;
  if (const auto* ints = std::get_if<IntTest>(&node.test))
    return may_match(*ints, int_range(column), node.negated, false);
  if (const auto* floats = std::get_if<FloatTest>(&node.test))
    return may_match(*floats, float_range(column), node.negated, column.has_nan);
  return may_match_text(node, column);
}

bool may_match_node(const BoundNode& node, const BoundWhere& where, const Stats& stats,
                    uint64_t rows) {
  const auto part = [&](const BoundNode& child) {
    return may_match_node(child, where, stats, rows);
  };
  switch (node.kind) {
    case BoundNode::Kind::kAll:
      return std::all_of(node.children.begin(), node.children.end(), part);
    case BoundNode::Kind::kAny:
      return std::any_of(node.children.begin(), node.children.end(), part);
    case BoundNode::Kind::kTest: break;
  }
  return may_match_test(node, where.fields[node.slot], stats, rows);
}

}  // namespace

bool Filter::can_match(const Stats& stats, uint64_t rows) const {
  return rows > 0 && may_match_node(bound_->root, *bound_, stats, rows);
}

bool can_match(const Where& where, const Schema& schema, const Stats& stats, uint64_t rows) {
  const Result<Filter> filter = Filter::bind(where, schema);
  return !filter || filter->can_match(stats, rows);
}

}  // namespace dreamdb
