// Telling a caller of lost rows, in pieces of bounded size.
//
// Thread rule: one call at a time.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dreamdb/upkeep.h"
#include "format/page.h"

namespace dreamdb {

// The anchors of a segment that is lost, as far as they are known.
class LostAnchors {
 public:
  // list: u64, of a segment whose anchors are no sequence; empty: unknown.
  LostAnchors(const Entry& entry, Buffer list) : entry_(entry), list_(std::move(list)) {}

  bool is_known() const { return entry_.step > 0 || !list_.empty(); }
  uint64_t size() const { return entry_.rows; }
  uint64_t operator[](uint64_t row) const {
    return entry_.step > 0 ? entry_.first + row * entry_.step
                           : reinterpret_cast<const uint64_t*>(list_.data())[row];
  }

 private:
  const Entry& entry_;
  const Buffer list_;
};

// Collects anchors and hands them on.
class LostRowsTeller {
 public:
  // `on_lost` may be empty; it outlives this.
  LostRowsTeller(const std::function<Status(const LostRows&)>& on_lost, std::string key,
                 std::string field)
      : on_lost_(on_lost), key_(std::move(key)), field_(std::move(field)) {}

  Status add(uint64_t anchor);
  Status finish();
  // Rows of which only the range is known.
  Status tell_range(uint64_t first, uint64_t last, uint64_t rows);

 private:
  const std::function<Status(const LostRows&)>& on_lost_;
  const std::string key_, field_;
  std::vector<uint64_t> anchors_;
};

}  // namespace dreamdb
