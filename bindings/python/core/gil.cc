#include "gil.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace dreamdb::python {

namespace nb = nanobind;

namespace {

std::atomic<bool> ends{false};
std::atomic<std::thread::id> ends_on{};  // the thread that ends Python, which may go on
std::atomic<int> returning{0};           // threads that are waiting for the GIL

void begin_return() {
  ++returning;
  if (!ends || ends_on.load() == std::this_thread::get_id()) return;
  --returning;
  while (true) pause();
}

// Whoever waits for the GIL already must get it before Python refuses it.
void end() {
  ends_on = std::this_thread::get_id();
  ends = true;
  PyThreadState* state = PyEval_SaveThread();
  while (returning > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  PyEval_RestoreThread(state);
}

}  // namespace

void watch_for_the_end() { nb::module_::import_("atexit").attr("register")(nb::cpp_function(end)); }

bool python_ends() { return ends; }

GilReleased::GilReleased() : state_(PyEval_SaveThread()) {}

GilReleased::~GilReleased() {
  begin_return();
  PyEval_RestoreThread(state_);
  --returning;
}

GilHeld::GilHeld() {
  begin_return();
  state_ = PyGILState_Ensure();
  --returning;
}

GilHeld::~GilHeld() { PyGILState_Release(state_); }

}  // namespace dreamdb::python
