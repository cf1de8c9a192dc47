#include "object/verify.h"

#include <algorithm>
#include <mutex>
#include <string>

#include "runtime/thread_pool.h"

namespace dreamdb {

namespace {

std::span<const std::byte> block_in(const Extent& e, size_t block,
                                    std::span<const std::byte> bytes) {
  return bytes.subspan(e.run->starts[block] - e.offset(), e.run->sizes[block]);
}

Status verify_one(const MemoryTags& tags, const Extent& e, size_t block,
                  std::span<const std::byte> bytes) {
  if (!e.part) return verify_block(e.segment->segment, *e.run, block, bytes);
  if (tags.of(bytes) == e.part->tag) return {};
  return fail(Code::kCorruption, segment_key(e.segment->segment.address) + ": the bytes from " +
                                     std::to_string(e.part->offset) + " on, in block " +
                                     std::to_string(block) +
                                     ", are not those that were verified before; restore the "
                                     "object from a copy");
}

}  // namespace

void add_checks(const Extent& e, const Buffer& bytes, std::vector<Check>& checks) {
  if (e.part) {
    checks.push_back({&e, e.first_block, bytes.span()});
    return;
  }
  for (size_t block = e.first_block; block < e.first_block + e.block_count; ++block)
    checks.push_back({&e, block, block_in(e, block, bytes.span())});
}

Status verify_extent(const MemoryTags& tags, const Extent& e, std::span<const std::byte> bytes) {
  if (bytes.size() != e.size()) return {};
  if (e.part) return verify_one(tags, e, e.first_block, bytes);
  for (size_t block = e.first_block; block < e.first_block + e.block_count; ++block)
    DREAMDB_TRY(verify_one(tags, e, block, block_in(e, block, bytes)));
  return {};
}

Status verify_all(const MemoryTags& tags, std::span<const Check> checks, uint64_t total_bytes) {
  std::vector<Status> failures;
  std::mutex mutex;
  const auto verify_range = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const Check& check = checks[i];
      Status status = verify_one(tags, *check.extent, check.block, check.bytes);
      if (status) continue;
      const std::lock_guard lock(mutex);
      failures.push_back(std::move(status));
      return;
    }
  };
  const size_t units =
      static_cast<size_t>(std::min<uint64_t>(total_bytes / kVerifyUnitBytes + 1, checks.size()));
  if (units <= 1) {
    verify_range(0, checks.size());
  } else {
    shared_pool().parallel_for(units, [&](size_t unit) {
      verify_range(checks.size() * unit / units, checks.size() * (unit + 1) / units);
    });
  }
  return failures.empty() ? Status{} : std::move(failures.front());
}

}  // namespace dreamdb
