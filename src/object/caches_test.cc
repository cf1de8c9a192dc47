#include "object/caches.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dreamdb {
namespace {

// Whatever comes first, the whole stays within its bytes, and what comes later gets its part.
TEST(Caches, ShareTheirBytes) {
  constexpr uint64_t kBytes = 4 << 20, kEach = 10'000;
  const auto value = std::make_shared<const Buffer>(Buffer::copy_of(std::string(kEach, 'x')));
  enum Kind { kSmall, kMatrices, kRows };
  for (const std::vector<Kind>& order : {std::vector{kSmall, kMatrices, kRows},
                                         {kRows, kMatrices, kSmall},
                                         {kMatrices, kRows, kSmall},
                                         {kMatrices, kSmall, kRows}}) {
    Caches caches(kBytes);
    for (const Kind kind : order)
      for (uint64_t i = 0; i < 2 * kBytes / kEach; ++i) {
        CacheKey key;
        key.offset = i;
        if (kind == kSmall) caches.keep<Buffer>(key, value, kEach);
        if (kind == kMatrices) caches.keep_matrix(key, value);
        if (kind == kRows) caches.keep_row(1, i, value->span());
        ASSERT_LE(caches.size_bytes(), kBytes) << kind << " " << i;
      }
    EXPECT_GT(caches.size_bytes(), kBytes / 2);
    EXPECT_GT(caches.small_size_bytes(), kBytes / 16 * 5);
  }
}

}  // namespace
}  // namespace dreamdb
