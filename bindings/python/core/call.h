// Calls into DreamDB: the GIL is released meanwhile, and Ctrl-C ends them.
#pragma once

#include <utility>

#include "dreamdb/interrupt.h"
#include "errors.h"
#include "gil.h"

namespace dreamdb::python {

// True when a signal handler of Python has raised (KeyboardInterrupt); the exception is then
// pending on this thread. Looks at most every few milliseconds. Call without the GIL.
bool signal_raised();

// Runs `call` without the GIL and unwraps what it returns.
template <typename Call>
auto without_gil(Call&& call) {
  auto result = [&] {
    const GilReleased released;
    InterruptScope scope(signal_raised);
    return std::forward<Call>(call)();
  }();
  return unwrap(std::move(result));
}

}  // namespace dreamdb::python
