// The signal handlers.
#include "cli/interrupt.h"

#include <csignal>

namespace dreamdb::cli {

namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

void on_interrupt(int) { interrupt_seen = 1; }

}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  // RESETHAND: a second Ctrl-C does what it always does. No RESTART: a read that
  // waits for a pipe ends, and the flag is looked at.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return interrupt_seen != 0; }

}  // namespace dreamdb::cli
