// Work on threads of a pool, where nothing may be thrown: what was is told on the thread that
// asked.
//
// Thread rule: `run` may be called from several threads at once, `rethrow` when all have returned.
#pragma once

#include <exception>
#include <mutex>

namespace dreamdb {

class Carried {
 public:
  template <typename F>
  void run(const F& work) noexcept {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      thrown_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr thrown_;
};

}  // namespace dreamdb
