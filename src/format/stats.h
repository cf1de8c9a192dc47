// Zone maps: statistics of scalar columns that prune filters (spec chapter 6.3).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "codec/cbor.h"
#include "dreamdb/batch.h"
#include "dreamdb/schema.h"

namespace dreamdb {

// bool: bool; int and timestamp: int64_t; float: double; strings: bytes (a bound, see 6.3).
// Nothing: there is no value, or no bound is known.
using Bound = std::variant<std::monostate, bool, int64_t, double, std::string>;

struct ColumnStats {
  uint64_t present = 0;
  Bound min;
  Bound max;
  bool has_nan = false;                              // float
  std::optional<std::vector<std::string>> distinct;  // strings: all values, sorted
  bool is_float = false;                             // how `extra` is written

  bool operator==(const ColumnStats&) const = default;
};

using Stats = std::map<FieldId, ColumnStats>;

// Statistics of an entry: copies share them, so that copying a page's entries is cheap.
class SharedStats {
 public:
  SharedStats() = default;
  SharedStats(Stats stats)  // NOLINT(google-explicit-constructor): stands for the map
      : stats_(stats.empty() ? nullptr : std::make_shared<const Stats>(std::move(stats))) {}

  operator const Stats&() const { return get(); }  // NOLINT(google-explicit-constructor)
  const Stats& get() const;

  Stats::const_iterator begin() const { return get().begin(); }
  Stats::const_iterator end() const { return get().end(); }
  Stats::const_iterator find(FieldId field) const { return get().find(field); }
  const ColumnStats& at(FieldId field) const { return get().at(field); }
  size_t size() const { return get().size(); }
  bool empty() const { return stats_ == nullptr; }

  // Before many are copied one after the other: each lies somewhere else.
  void prefetch() const { __builtin_prefetch(stats_.get(), 1); }

  bool operator==(const SharedStats& other) const {
    return stats_ == other.stats_ || get() == other.get();
  }

 private:
  std::shared_ptr<const Stats> stats_;  // nullptr: none
};

// Statistics may be wider than the truth: those of one entry are widened until they take no more
// bytes than this, so that every page has room for several entries. 1,024 columns of which only
// `present` is told take at most 15 KiB.
inline constexpr size_t kStatsBytesMax = 16 * 1024;

// Of a scalar column.
ColumnStats compute_stats(const Column& column);
// Widens `into` by `other`; a column that one side lacks counts as present 0.
void merge_stats(Stats& into, const Stats& other);
// Forgets distinct values, then bounds, of the last fields first, until `stats` takes at most
// `bytes_max` bytes or has nothing left to forget.
void widen_stats_to_fit(Stats& stats, size_t bytes_max = kStatsBytesMax);

void write_stats(const Stats& stats, CborWriter& out);
Result<Stats> parse_stats(CborReader& in);

}  // namespace dreamdb
