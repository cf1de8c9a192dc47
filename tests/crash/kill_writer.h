// The process that is killed: appends batches to a folder and tells which were acknowledged.
#pragma once

#include <cstdint>
#include <string>

#include "tests/model/model.h"

namespace dreamdb::kill_writer {

// One acknowledged batch.
struct Note {
  uint64_t batch = 0;
};

// A batch has a number and from 1 to 9 rows; their salts are kSaltsPerBatch * batch + i.
inline constexpr uint64_t kSaltsPerBatch = 16;
constexpr uint64_t batch_rows(uint64_t batch) { return 1 + batch * 7 % 9; }
constexpr uint64_t batch_of(uint64_t salt) { return salt / kSaltsPerBatch; }
// Batches with given anchors lie between one another.
constexpr uint64_t anchor_of(uint64_t salt) { return salt * 1'000'003 % 99'999'989; }

// Appends batches of run number `run` to the dataset "main", which is made if it is not there,
// until somebody kills this process, and writes a Note of each to standard output once it is
// acknowledged.
int write_until_killed(const std::string& folder, uint64_t run);

// Appends five records of salt 1 from anchor 100 on; 0, or 1 and the error on standard output.
// key: of idempotency; empty: none.
int append_once(const std::string& folder, const std::string& key);

}  // namespace dreamdb::kill_writer
