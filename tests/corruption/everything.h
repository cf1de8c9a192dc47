// All that a reader can ask of a space, so that a broken byte has every chance to be returned.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/model/model.h"

namespace dreamdb::corruption {

// What all reads of all refs gave. Equal when every value is.
struct Everything {
  model::Picture picture;            // by streams of all fields
  model::Picture versions;           // the same of every version in the history, by manifest
  std::vector<std::string> history;  // one line a version
  std::vector<std::string> answers;  // count, take, search, distinct values, statistics, diff
  bool is_history_cut = false;       // a version's parent is gone, as if it had been collected

  bool operator==(const Everything&) const = default;
};

// Opens the space anew and reads it. Internal: a value that does not belong to its record.
Result<Everything> read_everything(const std::shared_ptr<Store>& store);

}  // namespace dreamdb::corruption
