// What every store can do by what it must.
#include "store/store.h"

#include <algorithm>

namespace dreamdb {

Published Store::publish(std::span<const PutRequest> objects, std::string_view key,
                         const std::optional<Version>& expected, const Buffer& body) {
  Published done{put_many(objects), std::nullopt};
  const bool all_there = std::all_of(done.puts.begin(), done.puts.end(),
                                     [](const Status& put) { return put.has_value(); });
  if (all_there) done.swapped = swap(key, expected, body);
  return done;
}

}  // namespace dreamdb
