// A dataset's versions as its documentation tells them: README, include/dreamdb, spec 5 and 6.
//
// A version is a value and a verb a function of versions: what it gives is the next version, or the
// code of its refusal. Beside what it holds, a version knows which writes its history has seen:
// that is what decides when versions are merged (spec 6.5).
//
// Thread rule: values and pure functions.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <set>
#include <span>
#include <string>

#include "tests/model/model.h"

namespace dreamdb::model {

// Numbers that the tests give to calls that write, each its own.
using Writes = std::set<uint64_t>;

struct ModelVersion {
  State state;
  std::map<uint64_t, Writes> given;    // by anchor: who wrote the salt that is there
  std::map<uint64_t, Writes> names;    // by salt of a record at an assigned anchor
  std::map<std::string, Writes> keys;  // of the user map: who set or removed it last
  std::set<uint64_t> deleted;          // anchors, for ever
  Writes seen;                         // that its values came from
  Writes heard;                        // of the user map, also of what was restored away

  bool operator==(const ModelVersion&) const = default;
};

using Outcome = std::expected<ModelVersion, Code>;

// Rows at given anchors. Conflict: another value is there and `mode` refuses, or the anchor is
// deleted and `mode` does not skip.
Outcome append(ModelVersion version, std::span<const Row> rows, OnConflict mode, uint64_t write);
// Records with the salts first_salt, first_salt + 1, ...
Outcome append_assigned(ModelVersion version, size_t count, uint64_t first_salt, uint64_t write);
// AlreadyExists.
Outcome add_extra(ModelVersion version);
// InvalidArgument: no such field, or no such record.
Outcome fill_extra(ModelVersion version, std::span<const uint64_t> anchors);
Outcome set_meta(ModelVersion version, const std::string& key, const std::string& value,
                 uint64_t write);
Outcome remove_meta(ModelVersion version, const std::string& key, uint64_t write);
// The records at `anchors` are gone for ever; those that are not there are passed over.
Outcome remove_records(ModelVersion version, std::span<const uint64_t> anchors);
// What `older`, a version below it, holds; its deletions too. Only of the user map it is known that
// what came since is not wanted: a merge brings back what another branch still has of the rest.
ModelVersion restore(const ModelVersion& version, ModelVersion older, uint64_t write);
// Conflict: both sides wrote other values and neither had seen the other's.
Outcome merge(const ModelVersion& target, const ModelVersion& source);
// The same where no version is left that both have in common: then nothing tells which keys of the
// user map one side has removed. Conflict: also a key that both have differently.
Outcome merge_apart(const ModelVersion& target, const ModelVersion& source);

// The same where a value that several wrote gives way to who knew one of them: a merge that finds
// it unchanged since what both have in common need not refuse.
Outcome merge_leniently(const ModelVersion& target, const ModelVersion& source);

}  // namespace dreamdb::model
