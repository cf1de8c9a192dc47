// The sum of the records of a version, by which two sets of records are compared (spec 13).
//
// Thread rule: values; const calls may come from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/address.h"
#include "dreamdb/batch.h"
#include "dreamdb/schema.h"

namespace dreamdb {

inline constexpr size_t kRecordSumLanes = 1024;

class RecordSum {
 public:
  uint64_t records() const { return records_; }
  // Adds one record by its bytes (spec 13.2).
  void add_record(std::span<const std::byte> record);
  // Adds the records of another sum; none of them may be in this one.
  void add(const RecordSum& other);

  // 64 hexadecimal digits.
  std::string fingerprint() const;
  // The sum itself as 4,112 hexadecimal digits.
  std::string text() const;
  // InvalidArgument: it is no such text.
  static Result<RecordSum> parse(std::string_view text);

  bool operator==(const RecordSum&) const = default;

 private:
  std::vector<std::byte> bytes() const;

  uint64_t records_ = 0;
  std::array<uint16_t, kRecordSumLanes> lanes_{};
};

// Adds rows of a batch to a sum.
class RowSummer {
 public:
  // fields: those of the batches' columns, in their order.
  explicit RowSummer(std::span<const Field* const> fields);

  // The rows [begin, end) of the batch.
  void add(const Batch& batch, size_t begin, size_t end, RecordSum& sum) const;

 private:
  struct KeyedColumn {
    Hash key;  // of the field
    size_t column;
  };
  std::vector<KeyedColumn> columns_;  // ascending by key
};

}  // namespace dreamdb
