// How much of an exhaustive test one run tries; for tests only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace dreamdb {

// Chooses among the cases of a test, asked in turn: all of them, or one in $DREAMDB_ONE_IN, evenly
// spread. The test command sets it for the sanitizers, under which a case takes ten times as long.
class OneIn {
 public:
  bool takes_next() { return next_++ % one_in_ == 0; }
  bool takes_all() const { return one_in_ == 1; }

  // So many of `cases`, at least one.
  uint64_t of(uint64_t cases) const { return (cases + one_in_ - 1) / one_in_; }

 private:
  static uint64_t asked() {
    const char* const text = std::getenv("DREAMDB_ONE_IN");
    return text == nullptr ? 1 : std::max<uint64_t>(1, std::strtoull(text, nullptr, 10));
  }

  uint64_t one_in_ = asked();
  uint64_t next_ = 0;
};

}  // namespace dreamdb
