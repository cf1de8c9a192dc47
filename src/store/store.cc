// What every store can do by what it must.
#include "store/store.h"

#include <algorithm>

#include "runtime/interrupt.h"
#include "runtime/thread_pool.h"

namespace dreamdb {

std::vector<Result<Buffer>> Store::read_each(std::span<const ReadRequest> requests,
                                             const Use& use) {
  auto results = read_many(requests);
  uint64_t bytes = 0;
  for (const Result<Buffer>& result : results) bytes += result ? result->size() : 0;
  parallel_ranges(results.size(), bytes, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i)
      if (results[i] && !use(i, results[i]->span())) results[i] = Buffer();
  });
  return results;
}

Published Store::publish(std::span<const PutRequest> objects, std::string_view key,
                         const std::optional<Version>& expected, const Buffer& body) {
  Published done{put_many(objects), std::nullopt};
  const bool all_there = std::all_of(done.puts.begin(), done.puts.end(),
                                     [](const Status& put) { return put.has_value(); });
  if (!all_there) return done;
  if (const Status go_on = check_interrupt(); !go_on) {
    done.swapped = std::unexpected(go_on.error());
    return done;
  }
  const FinishScope finish;
  done.swapped = swap(key, expected, body);
  return done;
}

}  // namespace dreamdb
