// A Where bound to a schema, ready to prune by statistics and to test columns many times.
//
// Thread rule: immutable after `bind`; const calls may come from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dreamdb/where.h"
#include "format/stats.h"

namespace dreamdb {

struct BoundWhere;  // search/where_bind.h

class Filter {
 public:
  // InvalidArgument: as check_where. Cost: once per query; the calls below do no set-up again.
  static Result<Filter> bind(const Where& where, const Schema& schema);

  // False only if certainly none of `rows` rows matches, given the statistics of their scalar
  // columns; a scalar column that `stats` lacks has no value in any row.
  bool can_match(const Stats& stats, uint64_t rows) const;

  // As `evaluate` of where.h.
  Result<std::vector<uint8_t>> evaluate(const Batch& batch) const;

  // The fields whose columns `evaluate` reads, each once.
  const std::vector<FieldId>& fields() const { return fields_; }

 private:
  Filter() = default;
  std::shared_ptr<const BoundWhere> bound_;
  std::vector<FieldId> fields_;
};

// Binds and prunes once; for many entries bind a Filter. An expression that does not bind matches
// nothing for sure only by error, so it returns true and leaves the error to `evaluate`.
bool can_match(const Where& where, const Schema& schema, const Stats& stats, uint64_t rows);

}  // namespace dreamdb
