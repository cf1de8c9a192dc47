// The lock files in use by this process, and the waiting.
#include "store/folder_turn.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/fork.h"
#include "runtime/futex.h"
#include "store/posix_file.h"

namespace dreamdb {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kPollNs = 20 * kNsPerMs;  // how long a lost wake can go unnoticed
// After a hand-over the one who gave the lock stands back so long, or a writer in a loop would
// always be faster than the one it just woke.
constexpr uint64_t kStandBackNs = 5 * kNsPerMs;
constexpr uint64_t kStandBackStepNs = 100'000;
constexpr uint32_t kAll = std::numeric_limits<int>::max();  // sleepers
constexpr size_t kLocksMax = 256;                           // open lock files of this process
constexpr size_t kWordSize = sizeof(uint32_t);
constexpr size_t kNoteSizeOffset = kWordSize;  // a u32
constexpr size_t kNoteOffset = 16;

// One lock file. A process opens each at most once: closing any descriptor of a file gives up all
// record locks of the process on it.
class LockFile {
 public:
  LockFile(UniqueFd fd, uint32_t* word, Runtime& runtime)
      : fd_(std::move(fd)), word_(word), runtime_(runtime) {}
  ~LockFile() { munmap(word_, kWordSize); }
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  // The number of the tenure that begins; 0 when the time is over.
  uint64_t wait(uint64_t timeout_ns, const std::function<bool()>& is_done) {
    const uint64_t start_ns = runtime_.monotonic_ns();
    if (handed_over_.exchange(false)) stand_back();
    while (true) {
      const uint32_t seen = read_word();
      if (is_done && is_done()) return 0;
      if (const uint64_t tenure = try_lock(); tenure != 0) return tenure;
      const uint64_t waited_ns = runtime_.monotonic_ns() - start_ns;
      if (waited_ns >= timeout_ns) break;
      futex_wait(word_, seen, std::min(kPollNs, timeout_ns - waited_ns));
    }
    futex_wake(word_, 1);  // the wake that came too late for us is another's
    return 0;
  }

  // Ends the tenure that the calling thread took, if it is under way.
  bool give_back_own(std::span<const std::byte> note) {
    const uint64_t tenure = tenure_.load(std::memory_order_acquire);
    const bool is_own =
        tenure != 0 && taker_.load(std::memory_order_relaxed) == std::this_thread::get_id();
    if (!is_own || note.size() > kTurnNoteMax) return false;
    write_note(note);
    if (!is_kept_.load(std::memory_order_relaxed)) give_back(tenure);
    return true;
  }

  void keep(uint64_t tenure) {
    if (tenure_.load(std::memory_order_acquire) == tenure)
      is_kept_.store(true, std::memory_order_relaxed);
  }

  void wake_if_kept(uint64_t tenure) {
    if (tenure_.load(std::memory_order_acquire) == tenure && is_kept_) change_word_and_wake(kAll);
  }

  // Of the owner before this one; call while holding the lock.
  Buffer note() const {
    uint32_t size = 0;
    const auto head = read_at(fd_.get(), kNoteSizeOffset,
                              std::as_writable_bytes(std::span(&size, 1)), "the lock file");
    if (!head || *head < sizeof size || size > kTurnNoteMax) return {};
    MutableBuffer bytes(size);
    const auto read = read_at(fd_.get(), kNoteOffset, bytes.span(), "the lock file");
    if (!read || *read < size) return {};
    return std::move(bytes).freeze();
  }

  // Ends this tenure, if it has not ended yet.
  void give_back(uint64_t tenure) {
    if (tenure == 0 || !tenure_.compare_exchange_strong(tenure, 0)) return;
    const bool was_kept = is_kept_.exchange(false, std::memory_order_relaxed);
    set_record_lock(F_UNLCK);
    held_.store(false, std::memory_order_release);
    const bool woke = change_word_and_wake(was_kept ? kAll : 1);
    if (woke && !was_kept) handed_over_.store(true);
  }

 private:
  // Written through the descriptor: a full disk is then an error, not a signal. Any new value will
  // do; a waiter that read the old one does not fall asleep. Whether somebody slept.
  bool change_word_and_wake(uint32_t count) {
    const auto word = static_cast<uint32_t>(runtime_.monotonic_ns());
    [[maybe_unused]] const ssize_t size = pwrite(fd_.get(), &word, kWordSize, 0);
    return futex_wake(word_, count) > 0;
  }

  // A note that is not written whole does no harm: its reader checks it.
  void write_note(std::span<const std::byte> note) {
    constexpr size_t kHead = kNoteOffset - kNoteSizeOffset;
    std::vector<std::byte> bytes(kHead + note.size());
    const auto size = static_cast<uint32_t>(note.size());
    std::memcpy(bytes.data(), &size, sizeof size);
    std::copy(note.begin(), note.end(), bytes.begin() + kHead);
    [[maybe_unused]] const ssize_t written =
        pwrite(fd_.get(), bytes.data(), bytes.size(), kNoteSizeOffset);
  }

  uint32_t read_word() const { return std::atomic_ref(*word_).load(std::memory_order_acquire); }

  // Until the one who was woken has taken the lock, at most kStandBackNs.
  void stand_back() {
    const uint64_t start_ns = runtime_.monotonic_ns();
    while (!is_locked_by_other() && runtime_.monotonic_ns() - start_ns < kStandBackNs)
      futex_wait(word_, read_word(), kStandBackStepNs);
  }

  bool is_locked_by_other() const {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return held_.load(std::memory_order_acquire) ||
           (fcntl(fd_.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK);
  }

  uint64_t try_lock() {
    if (held_.exchange(true, std::memory_order_acquire)) return 0;  // by another thread
    if (set_record_lock(F_WRLCK)) {
      const uint64_t tenure = ++tenures_;
      taker_.store(std::this_thread::get_id(), std::memory_order_relaxed);
      tenure_.store(tenure, std::memory_order_release);
      return tenure;
    }
    held_.store(false, std::memory_order_release);
    return 0;
  }

  bool set_record_lock(short type) {
    struct flock lock{};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return fcntl(fd_.get(), F_SETLK, &lock) == 0;
  }

  const UniqueFd fd_;
  uint32_t* const word_;
  Runtime& runtime_;
  std::atomic<bool> held_{false};
  uint64_t tenures_ = 0;             // so far; changed while held_
  std::atomic<uint64_t> tenure_{0};  // under way; 0: none, or it is just ending
  std::atomic<std::thread::id> taker_{};
  std::atomic<bool> handed_over_{false};
  std::atomic<bool> is_kept_{false};  // of the tenure under way
};

std::string path_of_lock(const std::string& directory) { return directory + "/~lock"; }

using FileId = std::pair<dev_t, ino_t>;

struct LockFiles {
  ForkSafeMutex mutex;
  uint64_t generation = 0;
  std::map<FileId, std::shared_ptr<LockFile>> by_id;
};

LockFiles& lock_files() {
  static auto* const files = new LockFiles;
  return *files;
}

std::shared_ptr<LockFile> open_lock_file(const std::string& path, Runtime& runtime) {
  auto opened = open_file(path, O_RDWR | O_CREAT);
  if (!opened) return nullptr;
  struct stat info{};
  if (fstat(opened->get(), &info) != 0) return nullptr;
  if (static_cast<size_t>(info.st_size) < kWordSize) {
    const uint32_t zero = 0;
    if (pwrite(opened->get(), &zero, kWordSize, 0) != kWordSize) return nullptr;
  }
  void* const word = mmap(nullptr, kWordSize, PROT_READ, MAP_SHARED, opened->get(), 0);
  if (word == MAP_FAILED) return nullptr;
  return std::make_shared<LockFile>(*std::move(opened), static_cast<uint32_t*>(word), runtime);
}

// The lock file at `path` if this process has it open; `files.mutex` is held.
std::shared_ptr<LockFile> find_open(LockFiles& files, const std::string& path) {
  if (files.generation != fork_generation()) {
    // A child: what its parent held is not held by it. Closing here cannot free the parent's.
    files.by_id.clear();
    files.generation = fork_generation();
  }
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return nullptr;
  const auto found = files.by_id.find({info.st_dev, info.st_ino});
  return found == files.by_id.end() ? nullptr : found->second;
}

std::shared_ptr<LockFile> find_lock_file(const std::string& path, Runtime& runtime) {
  LockFiles& files = lock_files();
  const std::lock_guard lock(files.mutex);
  if (auto found = find_open(files, path)) return found;
  if (files.by_id.size() >= kLocksMax) {
    std::erase_if(files.by_id, [](const auto& entry) { return entry.second.use_count() == 1; });
    if (files.by_id.size() >= kLocksMax) return nullptr;
  }
  auto file = open_lock_file(path, runtime);
  struct stat info{};
  if (!file || stat(path.c_str(), &info) != 0) return nullptr;
  return files.by_id.try_emplace({info.st_dev, info.st_ino}, std::move(file)).first->second;
}

class TurnOnFile final : public FolderTurn {
 public:
  TurnOnFile(std::shared_ptr<LockFile> file, uint64_t tenure)
      : file_(std::move(file)), tenure_(tenure), generation_(fork_generation()) {}
  ~TurnOnFile() override {
    if (generation_ == fork_generation()) file_->give_back(tenure_);  // a child's holds nothing
  }

  Buffer note() const override { return file_->note(); }
  void keep() override { file_->keep(tenure_); }
  void wake_if_kept() override { file_->wake_if_kept(tenure_); }

 private:
  const std::shared_ptr<LockFile> file_;
  const uint64_t tenure_;
  const uint64_t generation_;
};

}  // namespace

std::unique_ptr<FolderTurn> wait_folder_turn(const std::string& directory, uint32_t timeout_ms,
                                             Runtime& runtime,
                                             const std::function<bool()>& is_done) {
  auto file = find_lock_file(path_of_lock(directory), runtime);
  if (!file) return nullptr;
  const uint64_t tenure = file->wait(timeout_ms * kNsPerMs, is_done);
  if (tenure == 0) return nullptr;
  return std::make_unique<TurnOnFile>(std::move(file), tenure);
}

bool end_folder_turn(const std::string& directory, std::span<const std::byte> note) {
  LockFiles& files = lock_files();
  std::shared_ptr<LockFile> file;
  {
    const std::lock_guard lock(files.mutex);
    file = find_open(files, path_of_lock(directory));
  }
  return file && file->give_back_own(note);
}

}  // namespace dreamdb
