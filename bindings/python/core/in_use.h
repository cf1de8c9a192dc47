// Refuses a second thread at an object that serves one at a time.
//
// Thread rule: made and destroyed with the GIL held; in between it may be released.
#pragma once

#include "errors.h"

namespace dreamdb::python {

class InUse {
 public:
  // `thing` completes "this ... is already at work"; raises when `flag` is set.
  InUse(bool& flag, const char* thing) : flag_(flag) {
    if (flag_) {
      raise_invalid(std::string("this ") + thing +
                    " is already at work in another thread; give each thread its own");
    }
    flag_ = true;
  }
  ~InUse() { flag_ = false; }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  bool& flag_;
};

}  // namespace dreamdb::python
