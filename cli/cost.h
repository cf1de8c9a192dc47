// `--cost`: what a command asked of the stores it opened, for people or as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/prices.h"
#include "dreamdb/dataset.h"

namespace dreamdb::cli {

// `parts` together.
StoreStats sum_of(const std::vector<StoreStats>& parts);

// One line, and one more each for what was sent, for the disk cache and for money, as far as there
// is such a thing. `prices_file`: where the prices are from.
std::string cost_text(const StoreStats& stats, const std::optional<Prices>& prices,
                      const std::string& prices_file);
// {"cost": {...}} and a line's end.
std::string cost_json(const StoreStats& stats, const std::optional<Prices>& prices);

}  // namespace dreamdb::cli
