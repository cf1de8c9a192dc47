#include "upkeep/shard_range.h"

#include <optional>

#include "format/shard.h"

namespace dreamdb {

Result<AnchorRange> range_of_shard(Objects& objects, const Manifest& manifest, const Shard& shard) {
  DREAMDB_TRY(check_shard(shard));
  const Root* const root = manifest.find_track(kRecordTrack);
  if (root == nullptr || shard.of == 1) return AnchorRange();
  const auto records_before = [&](uint64_t index) {
    return root->records / shard.of * index + root->records % shard.of * index / shard.of;
  };
  std::optional<uint64_t> first, end;
  if (shard.index == 0) first = 0;
  if (shard.index + 1 == shard.of) end = UINT64_MAX;
  TreeCursor cursor(*root, 0, kAnchorMax);
  for (uint64_t before = 0; !first || !end;) {
    DREAMDB_ASSIGN(const EntryPtr entry, next_entry(objects, cursor));
    if (entry == nullptr) break;
    if (!first && before >= records_before(shard.index)) first = entry->first;
    if (!end && before >= records_before(shard.index + 1)) end = entry->first;
    before += entry->records;
  }
  return AnchorRange{first.value_or(UINT64_MAX), end.value_or(UINT64_MAX)};
}

}  // namespace dreamdb
