#include "runtime/ticker.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/alone.h"
#include "runtime/fork.h"

namespace dreamdb {

namespace {

constexpr std::chrono::seconds kPeriod{1};

struct Job {
  std::mutex running;  // held during a call
  std::function<void()> tick;
  bool is_over = false;  // guarded by `running`
};

// The jobs of one process and their thread, which lives as long as the process.
class Ticker {
 public:
  Ticker() {
    std::thread([this] { loop(); }).detach();
  }

  void add(std::shared_ptr<Job> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    // While it counts a second down it need not be told.
    if (idle_) wake_.notify_one();
  }

  void remove(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex_);
    std::erase(jobs_, job);
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    while (true) {
      idle_ = true;
      wake_.wait(lock, [this] { return !jobs_.empty(); });
      idle_ = false;
      wake_.wait_for(lock, kPeriod, [] { return false; });
      const std::vector<std::shared_ptr<Job>> jobs = jobs_;
      lock.unlock();
      for (const std::shared_ptr<Job>& job : jobs) {
        const std::lock_guard running(job->running);
        if (!job->is_over) job->tick();
      }
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool idle_ = false;
  std::vector<std::shared_ptr<Job>> jobs_;
};

struct TickerOfProcess {
  ForkSafeMutex mutex;
  uint64_t generation = 0;
  Ticker* ticker = nullptr;
};

// Never destroyed: its thread goes on until the process ends. A child leaves its parent's behind.
Ticker& ticker() {
  static auto* const of_process = new TickerOfProcess;
  const std::lock_guard lock(of_process->mutex);
  if (of_process->ticker == nullptr || of_process->generation != fork_generation()) {
    of_process->ticker = new Ticker;
    of_process->generation = fork_generation();
  }
  return *of_process->ticker;
}

class TickingJob final : public Ticking {
 public:
  explicit TickingJob(std::shared_ptr<Job> job)
      : job_(std::move(job)), ticker_(ticker()), generation_(fork_generation()) {
    ticker_.add(job_);
  }
  ~TickingJob() override {
    if (generation_ != fork_generation()) return;  // the parent's, whose locks may be held for ever
    ticker_.remove(job_);
    const std::lock_guard running(job_->running);
    job_->is_over = true;
  }

 private:
  const std::shared_ptr<Job> job_;
  Ticker& ticker_;
  const uint64_t generation_;
};

}  // namespace

std::unique_ptr<Ticking> start_ticking(std::function<void()> tick) {
  if (AloneScope* const alone = AloneScope::innermost()) return alone->start(std::move(tick));
  auto job = std::make_shared<Job>();
  job->tick = std::move(tick);
  return std::make_unique<TickingJob>(std::move(job));
}

}  // namespace dreamdb
