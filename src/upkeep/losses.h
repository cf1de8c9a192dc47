// Pages and segments of a version that cannot be used.
//
// Thread rule: a value.
#pragma once

#include <unordered_set>

#include "codec/address.h"

namespace dreamdb {

class Losses {
 public:
  void add(const Address& object) { objects_.insert(object); }
  bool has(const Address& object) const { return objects_.contains(object); }
  bool empty() const { return objects_.empty(); }

 private:
  std::unordered_set<Address> objects_;
};

}  // namespace dreamdb
