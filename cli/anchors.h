// Anchors as arguments, or one a line on standard input.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dreamdb/result.h"

namespace dreamdb::cli {

// Calls `use` for each anchor of `given`; if that is "-" alone, of standard input, a line each.
// InvalidArgument: a word that is no anchor. Others: what `use` returns.
Status each_anchor(const std::vector<std::string>& given,
                   const std::function<Status(uint64_t)>& use);

}  // namespace dreamdb::cli
