#include "format/stats.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

#include "base/assert.h"

namespace dreamdb {

namespace {

constexpr size_t kBoundBytesMax = 32;
constexpr size_t kDistinctMax = 8;
constexpr size_t kDistinctBytesMax = 128;

std::unexpected<Error> bad(std::string_view expected, std::string_view found) {
  std::string message = "statistics: expected ";
  message.append(expected).append(", found ").append(found);
  return fail(Code::kCorruption, std::move(message));
}

// Order of bounds of one type. -0.0 is below 0.0, so that the order of merging does not matter.
bool bound_less(const Bound& a, const Bound& b) {
  const auto* x = std::get_if<double>(&a);
  const auto* y = std::get_if<double>(&b);
  if (x != nullptr && y != nullptr && *x == *y) return std::signbit(*x) && !std::signbit(*y);
  return a < b;
}

std::string lower_bound_of(std::string_view value) {
  return std::string(value.substr(0, kBoundBytesMax));
}

// Nothing when no string of 32 bytes is above all with this prefix.
Bound upper_bound_of(std::string_view value) {
  if (value.size() <= kBoundBytesMax) return std::string(value);
  std::string prefix(value.substr(0, kBoundBytesMax));
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return {};
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// The sorted values while they stay within the limits of `extra`.
template <typename Strings>
std::optional<std::vector<std::string>> within_limits(const Strings& sorted) {
  size_t bytes = 0;
  for (const auto& value : sorted) bytes += value.size();
  if (sorted.size() > kDistinctMax || bytes > kDistinctBytesMax) return std::nullopt;
  return std::vector<std::string>(sorted.begin(), sorted.end());
}

// Calls each(row) for the rows with a value and counts them.
template <typename F>
uint64_t for_each_valid(const Column& column, size_t rows, F each) {
  uint64_t present = 0;
  for (size_t row = 0; row < rows; ++row) {
    if (!column.is_valid(row)) continue;
    ++present;
    each(row);
  }
  return present;
}

ColumnStats integer_stats(const Column& column) {
  ColumnStats stats;
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t greatest = std::numeric_limits<int64_t>::min();
  const auto* values = column.as<int64_t>();
  stats.present = for_each_valid(column, column.values.size() / 8, [&](size_t row) {
    least = std::min(least, values[row]);
    greatest = std::max(greatest, values[row]);
  });
  if (stats.present == 0) return stats;
  stats.min = least;
  stats.max = greatest;
  return stats;
}

ColumnStats float_stats(const Column& column) {
  ColumnStats stats;
  stats.is_float = true;
  const auto* values = column.as<double>();
  stats.present = for_each_valid(column, column.values.size() / 8, [&](size_t row) {
    if (std::isnan(values[row])) {
      stats.has_nan = true;
      return;
    }
    const Bound value = values[row];
    if (stats.min.index() == 0 || bound_less(value, stats.min)) stats.min = value;
    if (stats.max.index() == 0 || bound_less(stats.max, value)) stats.max = value;
  });
  return stats;
}

ColumnStats bool_stats(const Column& column) {
  ColumnStats stats;
  bool has[2] = {false, false};
  const auto* values = column.as<uint8_t>();
  stats.present = for_each_valid(column, column.values.size(),
                                 [&](size_t row) { has[values[row] != 0 ? 1 : 0] = true; });
  if (stats.present == 0) return stats;
  stats.min = !has[0];
  stats.max = has[1];
  return stats;
}

ColumnStats string_stats(const Column& column) {
  ColumnStats stats;
  std::set<std::string_view> distinct;
  std::string_view least;
  std::string_view greatest;
  bool is_first = true;
  const size_t offsets = column.offsets.size() / 4;
  stats.present = for_each_valid(column, offsets == 0 ? 0 : offsets - 1, [&](size_t row) {
    const std::string_view value = column.text(row);
    least = is_first ? value : std::min(least, value);
    greatest = is_first ? value : std::max(greatest, value);
    is_first = false;
    // One more than can be told is enough to know that they are too many.
    if (distinct.size() <= kDistinctMax) distinct.insert(value);
  });
  stats.distinct = within_limits(distinct);
  if (stats.present == 0) return stats;
  stats.min = lower_bound_of(least);
  stats.max = upper_bound_of(greatest);
  return stats;
}

// The union of what both sides say about values, as far as both say something.
void merge_extra(ColumnStats& into, const ColumnStats& other) {
  into.is_float = into.is_float || other.is_float;
  into.has_nan = into.has_nan || other.has_nan;
  if (!into.distinct || !other.distinct || into.is_float) {
    into.distinct.reset();
    return;
  }
  std::set<std::string> values(into.distinct->begin(), into.distinct->end());
  values.insert(other.distinct->begin(), other.distinct->end());
  into.distinct = within_limits(values);
}

void merge_column(ColumnStats& into, const ColumnStats& other) {
  if (other.present == 0) return;
  if (into.present == 0) {
    into = other;
    return;
  }
  into.present += other.present;
  // A bound that one side does not know, or knows of another type, is unknown.
  if (into.min.index() != other.min.index())
    into.min = {};
  else if (bound_less(other.min, into.min))
    into.min = other.min;
  if (into.max.index() != other.max.index())
    into.max = {};
  else if (bound_less(into.max, other.max))
    into.max = other.max;
  merge_extra(into, other);
}

void write_bound(const Bound& bound, CborWriter& out) {
  if (const auto* b = std::get_if<bool>(&bound)) return out.boolean(*b);
  if (const auto* i = std::get_if<int64_t>(&bound)) return out.integer(*i);
  if (const auto* d = std::get_if<double>(&bound)) return out.real(*d);
  if (const auto* s = std::get_if<std::string>(&bound))
    return out.bytes(std::as_bytes(std::span(*s)));
  out.null();
}

void write_column_stats(FieldId field, const ColumnStats& column, CborWriter& out) {
  out.uint(static_cast<uint32_t>(field));
  out.array(4);
  out.uint(column.present);
  write_bound(column.min, out);
  write_bound(column.max, out);
  if (column.is_float) {
    out.boolean(column.has_nan);
  } else if (column.distinct) {
    out.array(column.distinct->size());
    for (const std::string& value : *column.distinct) out.bytes(std::as_bytes(std::span(value)));
  } else {
    out.null();
  }
}

size_t column_bytes(FieldId field, const ColumnStats& column) {
  CborWriter out;
  write_column_stats(field, column, out);
  return out.size();
}

std::string to_string(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<Bound> parse_bound(CborReader& in) {
  DREAMDB_ASSIGN(const CborType type, in.peek());
  switch (type) {
    case CborType::kNull: DREAMDB_TRY(in.null()); return Bound();
    case CborType::kFalse:
    case CborType::kTrue: {
      DREAMDB_ASSIGN(const bool value, in.boolean());
      return Bound(value);
    }
    case CborType::kUint:
    case CborType::kNegative: {
      DREAMDB_ASSIGN(const int64_t value, in.integer());
      return Bound(value);
    }
    case CborType::kFloat: {
      DREAMDB_ASSIGN(const double value, in.real());
      if (std::isnan(value)) return bad("a bound", "NaN");
      return Bound(value);
    }
    case CborType::kBytes: {
      DREAMDB_ASSIGN(const auto value, in.bytes());
      if (value.size() > kBoundBytesMax)
        return bad("a bound of at most 32 bytes", std::to_string(value.size()));
      return Bound(to_string(value));
    }
    default: return bad("a bound", "another item");
  }
}

Status parse_distinct(CborReader& in, ColumnStats& column) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count > kDistinctMax) return bad("at most 8 distinct values", std::to_string(count));
  size_t bytes = 0;
  auto& values = column.distinct.emplace();
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const auto value, in.bytes());
    bytes += value.size();
    if (bytes > kDistinctBytesMax) return bad("distinct values of at most 128 bytes", "more");
    std::string text = to_string(value);
    if (i > 0 && values.back() >= text) return bad("distinct values in order", "others");
    values.push_back(std::move(text));
  }
  return in.end();
}

Status parse_extra(CborReader& in, ColumnStats& column) {
  DREAMDB_ASSIGN(const CborType type, in.peek());
  switch (type) {
    case CborType::kNull: return in.null();
    case CborType::kFalse:
    case CborType::kTrue: {
      column.is_float = true;
      DREAMDB_ASSIGN(column.has_nan, in.boolean());
      return {};
    }
    case CborType::kArray: return parse_distinct(in, column);
    default: return bad("null, a bool or an array as `extra`", "another item");
  }
}

// Bounds and extra must be those of one type, and the bounds in order.
Status check_column(const ColumnStats& column) {
  for (const Bound& bound : {column.min, column.max}) {
    if (bound.index() == 0) continue;
    if (std::holds_alternative<double>(bound) != column.is_float)
      return bad("bounds of the type that `extra` has", "others");
    if (column.distinct && !std::holds_alternative<std::string>(bound))
      return bad("byte strings as bounds beside distinct values", "another type");
  }
  if (column.min.index() == 0 || column.max.index() == 0) return {};
  if (column.min.index() != column.max.index()) return bad("bounds of one type", "two types");
  if (column.max < column.min) return bad("a minimum that is not above the maximum", "one that is");
  return {};
}

}  // namespace

ColumnStats compute_stats(const Column& column) {
  switch (column.type) {
    case FieldType::kBool: return bool_stats(column);
    case FieldType::kInt:
    case FieldType::kTimestamp: return integer_stats(column);
    case FieldType::kFloat: return float_stats(column);
    case FieldType::kString:
    case FieldType::kCategorical: return string_stats(column);
    default: break;
  }
  DREAMDB_ASSERT(is_scalar(column.type));
  return {};
}

const Stats& SharedStats::get() const {
  static const Stats kNone;
  return stats_ == nullptr ? kNone : *stats_;
}

void merge_stats(Stats& into, const Stats& other) {
  for (const auto& [field, column] : other) {
    const auto [at, is_new] = into.try_emplace(field, column);
    if (!is_new) merge_column(at->second, column);
  }
}

void widen_stats_to_fit(Stats& stats, size_t bytes_max) {
  constexpr size_t kColumnBytesMax = 320;  // an id, a count, two bounds, distinct values
  if (stats.size() <= bytes_max / kColumnBytesMax) return;
  CborWriter whole;
  write_stats(stats, whole);
  size_t size = whole.size();
  const auto widen = [&](auto forget) {
    for (auto it = stats.rbegin(); it != stats.rend() && size > bytes_max; ++it) {
      size -= column_bytes(it->first, it->second);
      forget(it->second);
      size += column_bytes(it->first, it->second);
    }
  };
  widen([](ColumnStats& column) { column.distinct.reset(); });
  widen([](ColumnStats& column) { column.min = column.max = {}; });
}

void write_stats(const Stats& stats, CborWriter& out) {
  out.map(stats.size());
  for (const auto& [field, column] : stats) write_column_stats(field, column, out);
}

Result<Stats> parse_stats(CborReader& in) {
  Stats stats;
  DREAMDB_ASSIGN(const uint64_t count, in.map());
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const uint64_t field, in.uint_key());
    if (field == 0 || field > UINT32_MAX)
      return bad("a field id from 1 to 2^32-1", std::to_string(field));
    ColumnStats column;
    DREAMDB_TRY(in.array(4));
    DREAMDB_ASSIGN(column.present, in.uint());
    DREAMDB_ASSIGN(column.min, parse_bound(in));
    DREAMDB_ASSIGN(column.max, parse_bound(in));
    DREAMDB_TRY(parse_extra(in, column));
    DREAMDB_TRY(check_column(column));
    DREAMDB_TRY(in.end());
    stats.emplace_hint(stats.end(), FieldId{static_cast<uint32_t>(field)}, std::move(column));
  }
  DREAMDB_TRY(in.end());
  return stats;
}

}  // namespace dreamdb
