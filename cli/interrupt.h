// Ctrl-C (SIGINT) and SIGTERM as a question that long writes ask between batches.
//
// Thread rule: every call may come from any thread.
#pragma once

namespace dreamdb::cli {

// From now on the first signal only sets a flag; the second ends the program at once.
void catch_interrupts();

bool interrupted();

}  // namespace dreamdb::cli
