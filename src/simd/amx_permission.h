// Whether this process may use the tiles of AMX.
//
// Thread rule: may be called from any thread; the answer holds for all of the process.
#pragma once

namespace dreamdb::simd {

// True where the processor has AMX with int8 and bf16 and the system has granted the 8 KB of state
// that each thread then has; asks for it. Costs a few system calls; ask once.
bool has_amx();

}  // namespace dreamdb::simd
