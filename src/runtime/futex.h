// Waiting on a word of memory until it changes, also between processes that map the same file.
//
// Thread rule: every call may come from any thread.
#pragma once

#include <cstdint>

namespace dreamdb {

// Sleeps while `*word == expected`, at most `timeout_ns`; may wake early for no reason. The caller
// looks at its condition again whatever the cause.
void futex_wait(uint32_t* word, uint32_t expected, uint64_t timeout_ns);

// Wakes up to `count` sleepers of `word`, longest sleeper first; returns how many it woke.
uint32_t futex_wake(uint32_t* word, uint32_t count);

}  // namespace dreamdb
