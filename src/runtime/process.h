// Who this process is among others: for labels, and to tell whether the maker of something is dead.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <cstdint>
#include <string>

namespace dreamdb {

// Name of this machine as it calls itself, at most 64 characters; "unknown" when it has none.
std::string host_name();

uint32_t process_id();

// Eight hexadecimal digits that stand for all processes whose ids mean something to this one: this
// start of the machine and this name space of process ids (a container has its own). All zero where
// the system does not tell, which is then nobody's.
std::string process_scope();

// Whether a process of this scope runs (also one that this user may not touch).
bool process_is_alive(uint32_t id);

}  // namespace dreamdb
