// Whether all other threads of this process are asleep: what a simulated clock waits for.
//
// A clock that stands for a slow store may go on only when nobody is left who could still ask for
// something at the present moment. The kernel knows who sleeps: a thread that was woken counts as
// runnable from the moment of the wake-up, before it has run at all, so no hand-over is missed.
// A thread that waits for a processor, for a disk or for a page is at work.
//
// Thread rule: any thread. For tests and benchmarks: Linux only (/proc).
#pragma once

namespace dreamdb {

// True when at one moment during the call every thread of the process but the calling one slept,
// waiting for another thread or for a time. False when one was at work, or when it cannot be
// told. Costs about 10 us a thread.
bool other_threads_sleep();

}  // namespace dreamdb
