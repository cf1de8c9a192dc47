#include "format/shard.h"

namespace dreamdb {

Status check_shard(const Shard& shard) {
  if (shard.index < shard.of) return {};
  return fail(
      Code::kInvalidArgument,
      "shard is " + std::to_string(shard.index) + " of " + std::to_string(shard.of) +
          (shard.of == 0 ? "; there is one shard at least"
                         : "; shards are numbered from 0 to " + std::to_string(shard.of - 1)));
}

bool is_of_shard(const Address& object, const Shard& shard) {
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof number; ++i)
    number = number << 8 | std::to_integer<uint64_t>(object.hash[i]);
  return number % shard.of == shard.index;
}

}  // namespace dreamdb
