#include "index/shard.h"

namespace dreamdb {

bool is_of_shard(const Address& segment, const Shard& shard) {
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof number; ++i)
    number = number << 8 | std::to_integer<uint64_t>(segment.hash[i]);
  return number % shard.of == shard.index;
}

}  // namespace dreamdb
