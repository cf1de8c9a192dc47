// Sizes as people write them: "20GB", "1.5 GiB", "64MB", "1000000".
//
// Thread rule: pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb {

// Bytes that `text` names: a number, then B, KB, MB, GB, TB (thousands) or KiB, MiB, GiB, TiB
// (1,024s), in any case; without a unit it is bytes. InvalidArgument: what is wrong, an example.
Result<uint64_t> parse_size(std::string_view text);

}  // namespace dreamdb
