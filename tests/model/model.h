// What a dataset of the tests ought to hold, so that whatever a store did can be judged.
//
// Each record follows from its anchor and one number, its salt, which is itself a field: any two
// fields of a record that do not belong together, and any wrong byte, are seen without a second
// copy of the data. The schema has every type of field.
//
// Thread rule: values and pure functions.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dataset/dataset_impl.h"
#include "dreamdb/dataset.h"

namespace dreamdb::model {

// Records at anchors that the dataset assigned have salts from here on, and values that follow
// from the salt alone.
inline constexpr uint64_t kAssignedSalt = uint64_t{1} << 32;
// A field that `add_field` brings; its value is kExtraFactor * anchor.
inline constexpr std::string_view kExtraField = "extra";
inline constexpr int64_t kExtraFactor = 3;

struct Row {
  uint64_t anchor = 0;
  uint64_t salt = 0;
};

// Every type of field, required and optional; field "salt" is an int.
const Schema& full_schema();
// Three of them, in two tracks: for tests of many datasets.
const Schema& small_schema();
Field extra_field();

// Rows with a value in every field of the schema, one of those above, but those that are absent by
// the model.
NewRows rows_of(std::span<const Row> rows, const Schema& schema = full_schema());
// Rows without anchors, their salts first_salt, first_salt + 1, ...
NewRows unanchored_rows(size_t count, uint64_t first_salt, const Schema& schema = full_schema());
// Values of the extra field.
NewRows extra_rows(std::span<const uint64_t> anchors);
// Anchors first, first + step, ... with one salt.
std::vector<Row> row_range(uint64_t first, size_t count, uint64_t salt, uint64_t step = 1);

// What one version holds.
struct State {
  std::map<uint64_t, uint64_t> salts;  // by anchor: records at given anchors
  std::multiset<uint64_t> assigned;    // salts of records at assigned anchors
  std::set<uint64_t> extras;           // anchors with a value in the extra field
  bool has_extra = false;
  std::map<std::string, std::string> meta;

  void set(std::span<const Row> rows);
  size_t records() const { return salts.size() + assigned.size(); }
  bool operator==(const State&) const = default;
  std::string summary() const;
};

// Checks one record of a batch with all fields of the schema, one of those above, against the
// model: what is wrong, or nothing.
std::optional<std::string> judge_record(const Batch& batch, size_t row,
                                        const Schema& schema = full_schema());

// Streams all fields of a version. Internal: a value that does not belong to its record, a record
// out of order, or a count that is not true; other errors are those of the reads.
Result<State> read_state(const Dataset& dataset);

// All refs of a space and what each holds.
using Picture = std::map<std::string, State>;
Result<Picture> read_picture(const std::shared_ptr<Store>& store);
std::string summary(const Picture& picture);

// A space on `store` with a cache of its own, whose writers wait in no time for a store that does
// not answer (runtime/quick_runtime.h).
std::shared_ptr<Space> space_on(std::shared_ptr<Store> store, uint64_t cache_bytes = 8u << 20);

}  // namespace dreamdb::model
