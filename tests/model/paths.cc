#include "tests/model/paths.h"

#include <algorithm>
#include <vector>

namespace dreamdb::model {

namespace {

constexpr uint64_t kSaltsTried = 4;
constexpr size_t kAllRows = 10'000;

std::map<uint64_t, uint64_t> salt_counts(const State& state) {
  std::map<uint64_t, uint64_t> counts;
  for (const auto& [anchor, salt] : state.salts) ++counts[salt];
  for (const uint64_t salt : state.assigned) ++counts[salt];
  return counts;
}

Result<std::string> compare_counts(const Dataset& dataset, const State& state) {
  const auto counts = salt_counts(state);
  for (uint64_t salt = 0; salt < kSaltsTried; ++salt) {
    DREAMDB_ASSIGN(const Where where, Where::parse("salt == " + std::to_string(salt)));
    DREAMDB_ASSIGN(const uint64_t count, dataset.count(where));
    const auto expected = counts.find(salt);
    if (count != (expected == counts.end() ? 0 : expected->second))
      return "count of salt " + std::to_string(salt) + " is " + std::to_string(count);
  }
  DREAMDB_ASSIGN(const auto values, dataset.distinct_values("salt"));
  std::map<uint64_t, uint64_t> found;
  for (const auto& [value, count] : values)
    found[static_cast<uint64_t>(std::get<int64_t>(value))] = count;
  return found == counts ? "" : "distinct values of salt are others";
}

// Anchors of records that were given theirs.
std::vector<uint64_t> given_anchors(const Batch& batch) {
  std::vector<uint64_t> out;
  const Column* const salts = batch.find("salt");
  for (size_t row = 0; row < batch.rows(); ++row)
    if (static_cast<uint64_t>(salts->as<int64_t>()[row]) < kAssignedSalt)
      out.push_back(batch.anchors()[row]);
  std::ranges::sort(out);
  return out;
}

std::vector<uint64_t> anchors_of(const State& state) {
  std::vector<uint64_t> out;
  for (const auto& [anchor, salt] : state.salts) out.push_back(anchor);
  return out;
}

Result<std::string> compare_taken(const Dataset& dataset, const State& state) {
  std::vector<uint64_t> wanted = anchors_of(state);
  const uint64_t end = wanted.empty() ? 0 : wanted.back() + 2;
  // Those between, too, which are not there or are gone.
  wanted.clear();
  for (uint64_t anchor = 0; anchor < std::min<uint64_t>(end, kAllRows); ++anchor)
    wanted.push_back(anchor);
  for (const auto& [anchor, salt] : state.salts)
    if (anchor >= kAllRows) wanted.push_back(anchor);
  DREAMDB_ASSIGN(const Batch batch, dataset.take(wanted, std::nullopt, true));
  return given_anchors(batch) == anchors_of(state) ? "" : "take finds other records";
}

Result<std::string> compare_found(const Dataset& dataset, const State& state, bool exact) {
  SearchOptions options;
  options.top_k = kAllRows;
  options.exact = exact;
  const std::vector<float> query = {1, -2, 3, 4};
  DREAMDB_ASSIGN(const SearchAnswer answer, dataset.search("emb", query, 1, options));
  const Batch& rows = answer.hits[0].rows;
  if (rows.rows() == state.records() && given_anchors(rows) == anchors_of(state)) return "";
  std::string found;
  for (const uint64_t anchor : given_anchors(rows)) found += " " + std::to_string(anchor);
  return std::string(exact ? "the exact search" : "search") + " finds " +
         std::to_string(rows.rows()) + " of " + std::to_string(state.records()) +
         " records, given anchors" + found + "; " + state.summary();
}

}  // namespace

Result<std::string> compare_paths(const Dataset& dataset, const State& state) {
  for (const auto& compare : {compare_counts, compare_taken}) {
    DREAMDB_ASSIGN(std::string wrong, compare(dataset, state));
    if (!wrong.empty()) return wrong;
  }
  DREAMDB_ASSIGN(std::string wrong, compare_found(dataset, state, true));
  if (!wrong.empty()) return wrong;
  return compare_found(dataset, state, false);
}

}  // namespace dreamdb::model
