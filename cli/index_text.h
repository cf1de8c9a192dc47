// Spatial indexes as the commands show them.
#pragma once

#include <string>

#include "cli/json.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

OrderedJson index_json(const IndexInfo& info);

// "recall@10 0.91 with 3 of 448 cells, 0.95 with 6, 0.99 with 24"; empty: nothing was measured.
std::string recall_text(const IndexInfo& info);

}  // namespace dreamdb::cli
