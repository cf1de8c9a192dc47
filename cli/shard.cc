#include "cli/shard.h"

namespace dreamdb::cli {

Result<std::optional<Shard>> ShardArgs::shard() const {
  if (!index && !of) return std::optional<Shard>();
  if (!index || !of)
    return fail(Code::kInvalidArgument,
                "a worker's share is --shard I --of M, I from 0 to M - 1: give both");
  if (*index >= *of)
    return fail(Code::kInvalidArgument,
                "--shard " + std::to_string(*index) + " --of " + std::to_string(*of) + ": of " +
                    std::to_string(*of) + " shards the last is number " + std::to_string(*of - 1));
  return std::optional(Shard{*index, *of});
}

void add_shard(Command command, ShardArgs& args) {
  command.add_whole_number("--shard", args.index, "a worker's share, from 0 on");
  command.add_whole_number("--of", args.of, "of how many workers").above_zero();
}

}  // namespace dreamdb::cli
