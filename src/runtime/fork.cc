// The hooks that lock every ForkSafeMutex around fork() and count generations.
#include "runtime/fork.h"

#include <pthread.h>

#include <atomic>

#include "base/assert.h"

namespace dreamdb {

namespace {

std::atomic<uint64_t> generation{0};

// Guards the list of all ForkSafeMutex; fork() holds it while it holds them.
std::mutex& list_mutex() {
  static std::mutex* const mutex = new std::mutex;
  return *mutex;
}

ForkSafeMutex* list_head = nullptr;

}  // namespace

struct ForkHooks {
  static void prepare() {
    list_mutex().lock();
    for (ForkSafeMutex* m = list_head; m != nullptr; m = m->next_) m->mutex_.lock();
  }

  static void parent() {
    for (ForkSafeMutex* m = list_head; m != nullptr; m = m->next_) m->mutex_.unlock();
    list_mutex().unlock();
  }

  static void child() {
    generation.fetch_add(1, std::memory_order_relaxed);
    parent();  // the child's only thread is the one that locked them
  }

  static void add(ForkSafeMutex* m) {
    const std::lock_guard lock(list_mutex());
    m->next_ = list_head;
    if (list_head != nullptr) list_head->previous_ = m;
    list_head = m;
  }

  static void remove(ForkSafeMutex* m) {
    const std::lock_guard lock(list_mutex());
    if (m->previous_ != nullptr) m->previous_->next_ = m->next_;
    if (m->next_ != nullptr) m->next_->previous_ = m->previous_;
    if (list_head == m) list_head = m->next_;
  }

  static void install() {
    static const int result = pthread_atfork(prepare, parent, child);
    DREAMDB_ASSERT(result == 0);
  }
};

uint64_t fork_generation() {
  ForkHooks::install();
  return generation.load(std::memory_order_relaxed);
}

ForkSafeMutex::ForkSafeMutex() {
  ForkHooks::install();
  ForkHooks::add(this);
}

ForkSafeMutex::~ForkSafeMutex() { ForkHooks::remove(this); }

}  // namespace dreamdb
