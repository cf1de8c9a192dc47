#include "upkeep/sum_records.h"

#include <algorithm>
#include <vector>

#include "runtime/thread_pool.h"
#include "stream/row_stream.h"
#include "upkeep/shard_range.h"

namespace dreamdb {

namespace {

constexpr size_t kUnitRows = 32;  // work for one thread: about 50 us and more

void add_batch(const RowSummer& summer, const Batch& batch, RecordSum& sum) {
  std::vector<RecordSum> parts((batch.rows() + kUnitRows - 1) / kUnitRows);
  shared_pool().parallel_for(parts.size(), [&](size_t unit) {
    const size_t begin = unit * kUnitRows;
    summer.add(batch, begin, std::min(begin + kUnitRows, batch.rows()), parts[unit]);
  });
  for (const RecordSum& part : parts) sum.add(part);
}

}  // namespace

Result<RecordSum> sum_records(std::shared_ptr<Objects> objects, const ManifestPtr& manifest,
                              const Shard& shard,
                              const std::function<bool(uint64_t done)>& progress) {
  RecordSum sum;
  DREAMDB_ASSIGN(const AnchorRange range, range_of_shard(*objects, *manifest, shard));
  if (range.first >= range.end) return sum;
  RowStreamOptions options;
  for (const Field& field : manifest->schema.fields()) options.fields.push_back(&field);
  options.first = range.first;
  options.last = range.end - 1;
  const RowSummer summer(options.fields);
  RowStream rows(std::move(objects), manifest, std::move(options));
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, rows.next());
    if (!batch) return sum;
    add_batch(summer, *batch, sum);
    if (progress && !progress(sum.records()))
      return fail(Code::kCancelled, "the fingerprint is not made: its caller ended it");
  }
}

}  // namespace dreamdb
