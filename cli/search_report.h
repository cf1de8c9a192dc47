// How an answer of `search` was found: `--explain`.
#pragma once

#include <string>

#include "dreamdb/dataset.h"

namespace dreamdb::cli {

// One sentence, without a line's end.
std::string search_report_text(const SearchReport& report, size_t queries);
// {"explain": {...}}
std::string search_report_json(const SearchReport& report, size_t queries);

}  // namespace dreamdb::cli
