// Letting go of the GIL and taking it again, also while Python ends.
//
// Until Python 3.13 a thread that asks for the GIL of an ended interpreter is killed by unwinding,
// which C++ answers with abort(). Such a thread is put to sleep for ever instead: only daemon
// threads are left then, and the process is about to be gone.
#pragma once

#include <nanobind/nanobind.h>

namespace dreamdb::python {

// Registers with Python's atexit. Call once, when the module is made.
void watch_for_the_end();

// True when Python has begun to end: its objects may no longer be touched by other threads.
bool python_ends();

// Without the GIL while it lives.
class GilReleased {
 public:
  GilReleased();
  ~GilReleased();
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* state_;
};

// With the GIL while it lives; for threads that may or may not have it.
class GilHeld {
 public:
  GilHeld();
  ~GilHeld();
  GilHeld(const GilHeld&) = delete;
  GilHeld& operator=(const GilHeld&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace dreamdb::python
