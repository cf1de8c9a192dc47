// Runs bound filter expressions over columns, a block of rows at a time.
#include <algorithm>
#include <cstring>

#include "search/filter.h"
#include "search/where_bind.h"

namespace dreamdb {
namespace {

// Masks of one level of the tree stay in the first cache.
constexpr size_t kBlockRows = 4096;

// Up to this many intervals, trying each in a loop beats a search for each row.
constexpr size_t kLoopIntervalsMax = 6;

// Bytes that a column of this type needs for `rows` rows.
size_t values_size_min(FieldType type, size_t rows) {
  switch (type) {
    case FieldType::kBool: return rows;
    case FieldType::kInt:
    case FieldType::kTimestamp:
    case FieldType::kFloat: return rows * 8;
    default: return 0;
  }
}

Result<const Column*> resolve(const BoundField& field, const Batch& batch) {
  const Column* column = batch.find(field.name);
  if (column == nullptr)
    return fail(Code::kInvalidArgument,
                "where: the batch holds no column `" + field.name + "`, which the filter reads");
  const size_t rows = batch.rows();
  const bool is_text = is_string(field.type);
  const bool text_fits =
      !is_text || rows == 0 ||
      (column->offsets.size() >= (rows + 1) * 4 &&
       reinterpret_cast<const uint32_t*>(column->offsets.data())[rows] <= column->values.size());
  if (column->type != field.type || column->values.size() < values_size_min(field.type, rows) ||
      !text_fits || (!column->valid.empty() && column->valid.size() < (rows + 7) / 8))
    return fail(Code::kInvalidArgument,
                "where: column `" + field.name + "` is " + std::string(type_name(column->type)) +
                    " or too short, expected " + std::string(type_name(field.type)) + " of " +
                    std::to_string(rows) + " rows");
  return column;
}

// out[i] = values[i] lies in an interval, xor negated.
template <typename V, typename T>
void test_intervals(const V* values, size_t count, const std::vector<Interval<T>>& intervals,
                    bool negated, uint8_t* out) {
  if (intervals.size() <= kLoopIntervalsMax) {
    std::memset(out, negated ? 1 : 0, count);
    for (const Interval<T>& interval : intervals) {
      const T low = interval.low, high = interval.high;
      for (size_t i = 0; i < count; ++i) {
        const T value = static_cast<T>(values[i]);
        // Disjoint intervals: a value flips its byte once at most.
        out[i] ^= static_cast<uint8_t>((value >= low) & (value <= high));
      }
    }
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(values[i]);
    const auto after = std::upper_bound(intervals.begin(), intervals.end(), value,
                                        [](T v, const Interval<T>& x) { return v < x.low; });
    const bool inside = after != intervals.begin() && value <= std::prev(after)->high;
    out[i] = static_cast<uint8_t>(inside != negated);
  }
}

void test_texts(const Column& column, size_t first, size_t count, const BoundNode& node,
                uint8_t* out) {
  const auto* set = std::get_if<TextSetTest>(&node.test);
  if (set != nullptr && set->size() == 1) {
    const std::string_view wanted = set->front();
    for (size_t i = 0; i < count; ++i)
      out[i] = static_cast<uint8_t>((column.text(first + i) == wanted) != node.negated);
    return;
  }
  for (size_t i = 0; i < count; ++i)
    out[i] = static_cast<uint8_t>(text_matches(node.test, column.text(first + i)) != node.negated);
}

// out[i] &= the row has a value (or has none). `first` is a multiple of 8.
void mask_valid(const Column& column, size_t first, size_t count, bool wanted, uint8_t* out) {
  const auto* bits = reinterpret_cast<const uint8_t*>(column.valid.data()) + first / 8;
  for (size_t i = 0; i < count; ++i)
    out[i] &= static_cast<uint8_t>(((bits[i / 8] >> (i % 8)) & 1) == (wanted ? 1 : 0));
}

class Evaluator {
 public:
  explicit Evaluator(std::vector<const Column*> columns) : columns_(std::move(columns)) {}

  // out[i] = row first + i matches. Recursion is as deep as the tree, which its builders limit.
  void run(const BoundNode& node, size_t first, size_t count, uint8_t* out, size_t level) {
    if (node.kind == BoundNode::Kind::kTest) return run_test(node, first, count, out);
    run(node.children[0], first, count, out, level);
    if (scratch_.size() <= level) scratch_.resize(level + 1);
    if (scratch_[level].empty()) scratch_[level].resize(kBlockRows);
    // The vector of scratches may move below; the bytes of one do not.
    uint8_t* part = scratch_[level].data();
    const bool all = node.kind == BoundNode::Kind::kAll;
    for (size_t c = 1; c < node.children.size(); ++c) {
      // Nothing left to lose, or to win.
      if (std::memchr(out, all ? 1 : 0, count) == nullptr) return;
      run(node.children[c], first, count, part, level + 1);
      if (all)
        for (size_t i = 0; i < count; ++i) out[i] &= part[i];
      else
        for (size_t i = 0; i < count; ++i) out[i] |= part[i];
    }
  }

 private:
  void run_test(const BoundNode& node, size_t first, size_t count, uint8_t* out) {
    const Column& column = *columns_[node.slot];
    if (std::holds_alternative<NullTest>(node.test)) {
      const bool wants_value = node.negated;
      std::memset(out, column.valid.empty() && !wants_value ? 0 : 1, count);
      if (!column.valid.empty()) mask_valid(column, first, count, wants_value, out);
      return;
    }
    if (const auto* ints = std::get_if<IntTest>(&node.test)) {
      if (column.type == FieldType::kBool)
        test_intervals(column.as<uint8_t>() + first, count, *ints, node.negated, out);
      else
        test_intervals(column.as<int64_t>() + first, count, *ints, node.negated, out);
    } else if (const auto* floats = std::get_if<FloatTest>(&node.test)) {
      test_intervals(column.as<double>() + first, count, *floats, node.negated, out);
    } else {
      test_texts(column, first, count, node, out);
    }
    if (!column.valid.empty()) mask_valid(column, first, count, true, out);
  }

  std::vector<const Column*> columns_;
  std::vector<std::vector<uint8_t>> scratch_;  // one for each level
};

}  // namespace

Result<std::vector<uint8_t>> Filter::evaluate(const Batch& batch) const {
  std::vector<const Column*> columns;
  for (const BoundField& field : bound_->fields) {
    DREAMDB_ASSIGN(const Column* column, resolve(field, batch));
    columns.push_back(column);
  }
  Evaluator evaluator(std::move(columns));
  std::vector<uint8_t> out(batch.rows());
  for (size_t first = 0; first < out.size(); first += kBlockRows)
    evaluator.run(bound_->root, first, std::min(kBlockRows, out.size() - first), out.data() + first,
                  0);
  return out;
}

Result<std::vector<uint8_t>> evaluate(const Where& where, const Schema& schema,
                                      const Batch& batch) {
  DREAMDB_ASSIGN(const Filter filter, Filter::bind(where, schema));
  return filter.evaluate(batch);
}

}  // namespace dreamdb
