// `--shard I --of M`: one of several workers that share a job.
#pragma once

#include <optional>

#include "cli/option.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

struct ShardArgs {
  std::optional<uint64_t> index, of;

  // nullopt: not given. InvalidArgument: one without the other, or no such shard.
  Result<std::optional<Shard>> shard() const;
};

void add_shard(Command command, ShardArgs& args);

}  // namespace dreamdb::cli
