// Values of a field that a search came by, for who hands them out: they need not be read again.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace dreamdb {

class SeenRows {
 public:
  // row: of as many bytes as all others.
  void add(uint64_t anchor, std::span<const std::byte> row) {
    if (places_.emplace(anchor, values_.size()).second)
      values_.insert(values_.end(), row.begin(), row.end());
  }
  void add(const SeenRows& other, size_t row_bytes) {
    for (const auto& [anchor, place] : other.places_)
      add(anchor, std::span(other.values_).subspan(place, row_bytes));
  }
  // nullptr: it was not seen. Valid until the next `add`.
  const std::byte* find(uint64_t anchor) const {
    const auto found = places_.find(anchor);
    return found == places_.end() ? nullptr : values_.data() + found->second;
  }

 private:
  std::unordered_map<uint64_t, size_t> places_;  // in values_
  std::vector<std::byte> values_;
};

}  // namespace dreamdb
