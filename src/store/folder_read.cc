// Descriptors that stay open, and the reads of one wave.
#include "store/folder_read.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <numeric>

#include "base/allocate.h"
#include "runtime/thread_pool.h"
#include "store/key.h"

namespace dreamdb {

namespace {

constexpr size_t kOpenMax = 128;  // descriptors kept; a process may often have 1,024
// From this many bytes on, copying from the page cache outweighs waking a thread (some 50 us).
constexpr uint64_t kParallelBytes = 1 << 20;
// Ranges that one thread takes at a time, so that drawing work costs little.
constexpr size_t kRangesPerPiece = 8;

// Short ranges of one wave share blocks of this size: scattered reads then touch memory that is
// used again instead of faulting in new pages. A reply that is kept holds its block.
constexpr size_t kSharedBlockBytes = 2 << 20;
constexpr size_t kSharedRangeBytesMax = 64 * 1024;
constexpr size_t kSharedRangesMin = 8;
// Of a thread, for ranges that are used where they are read.
constexpr size_t kReusedBytesMax = 1 << 20;

// One range that is to be read: where, how many bytes there are, and where they go.
struct Range {
  size_t request = 0;
  int fd = -1;
  const std::string* path = nullptr;
  uint64_t offset = 0;
  size_t size = 0;
  std::shared_ptr<std::byte> memory = nullptr;

  Buffer reply(size_t bytes) const { return {memory, memory.get(), bytes}; }
};

// Whether ranges of one object that follow each other do so from its begin to its end.
bool is_grouped(std::span<const ReadRequest> requests) {
  for (size_t i = 1; i < requests.size(); ++i)
    if (requests[i].offset < requests[i - 1].offset && requests[i].key == requests[i - 1].key)
      return false;
  return true;
}

size_t aligned(size_t size) { return (size + 63) / 64 * 64; }

// Gives every range its memory.
void allocate(std::span<Range> ranges) {
  size_t begin = 0;
  while (begin < ranges.size()) {
    size_t end = begin;
    size_t bytes = 0;
    while (end < ranges.size() && ranges[end].size <= kSharedRangeBytesMax &&
           bytes + aligned(ranges[end].size) <= kSharedBlockBytes)
      bytes += aligned(ranges[end++].size);
    if (end - begin < kSharedRangesMin) {
      end = std::max(end, begin + 1);
      for (; begin < end; ++begin) ranges[begin].memory = allocate_bytes(ranges[begin].size);
      continue;
    }
    const std::shared_ptr<std::byte> block = allocate_bytes(bytes);
    size_t at = 0;
    for (; begin < end; ++begin) {
      ranges[begin].memory = {block, block.get() + at};
      at += aligned(ranges[begin].size);
    }
  }
}

Result<Buffer> read_range(const Range& range) {
  if (range.size == 0) return Buffer();
  DREAMDB_ASSIGN(const size_t done,
                 read_at(range.fd, range.offset, {range.memory.get(), range.size}, *range.path));
  return range.reply(done);
}

// Reads only what the page cache has; false when the disk would have to be waited for.
bool read_cached(const Range& range, Result<Buffer>& result) {
  if (range.size == 0) {
    result = Buffer();
    return true;
  }
  const iovec part{range.memory.get(), range.size};
  const ssize_t size = preadv2(range.fd, &part, 1, static_cast<off_t>(range.offset), RWF_NOWAIT);
  if (size != static_cast<ssize_t>(range.size)) return false;
  result = range.reply(range.size);
  return true;
}

// Reads the ranges of one wave, and has each used where it was read.
class Wave {
 public:
  Wave(std::span<const Range> ranges, std::vector<Result<Buffer>>& results, const Store::Use& use)
      : ranges_(ranges), results_(results), use_(use) {}

  void read() {
    uint64_t bytes = 0;
    for (const Range& range : ranges_) bytes += range.size;
    if (use_ || (ranges_.size() > 1 && bytes >= kParallelBytes)) {
      read_parallel(bytes);
    } else {
      read_small();
    }
  }

 private:
  void read_one(const Range& range) {
    results_[range.request] = use_ ? read_and_use(range) : read_range(range);
  }

  // By way of memory that this thread uses again, so that its processor has it in the cache.
  Result<Buffer> read_and_use(const Range& range) {
    if (range.size > kReusedBytesMax) {
      Range own = range;
      own.memory = allocate_bytes(range.size);
      DREAMDB_ASSIGN(Buffer bytes, read_range(own));
      return use_(range.request, bytes.span()) ? std::move(bytes) : Buffer();
    }
    thread_local std::vector<std::byte> memory;
    if (memory.size() < range.size) memory.resize(range.size);
    DREAMDB_ASSIGN(const size_t size, read_at(range.fd, range.offset,
                                              std::span(memory).first(range.size), *range.path));
    const auto bytes = std::span<const std::byte>(memory).first(size);
    return use_(range.request, bytes) ? Buffer::copy_of(bytes) : Buffer();
  }

  void read_parallel(uint64_t bytes) {
    // Long ranges are drawn one by one, short ones by the handful.
    if (ranges_.empty()) return;
    const size_t step = bytes / ranges_.size() >= kParallelBytes / 4 ? 1 : kRangesPerPiece;
    shared_pool().parallel_for((ranges_.size() + step - 1) / step, [&](size_t piece) {
      const size_t end = std::min(ranges_.size(), (piece + 1) * step);
      for (size_t i = piece * step; i < end; ++i) read_one(ranges_[i]);
    });
  }

  // What is cached is read here and now; what is not is read in parallel, for then the disk is the
  // slow part and serves several requests at once.
  void read_small() {
    std::vector<const Range*> cold;
    for (const Range& range : ranges_) {
      if (!read_cached(range, results_[range.request])) cold.push_back(&range);
    }
    if (cold.size() == 1) {
      read_one(*cold.front());
    } else if (!cold.empty()) {
      shared_pool().parallel_for(cold.size(), [&](size_t i) { read_one(*cold[i]); });
    }
  }

  const std::span<const Range> ranges_;
  std::vector<Result<Buffer>>& results_;
  const Store::Use& use_;
};

}  // namespace

std::vector<Result<Buffer>> FolderReader::read_many(std::span<const ReadRequest> requests,
                                                    const Store::Use& use) {
  std::vector<Result<Buffer>> results(requests.size());
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (!is_grouped(requests)) {
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      const int by_key = requests[a].key.compare(requests[b].key);
      return by_key != 0 ? by_key < 0 : requests[a].offset < requests[b].offset;
    });
  }
  std::vector<Opened> opened;  // kept until the last read: they own the descriptors
  std::vector<Range> ranges;
  ranges.reserve(requests.size());
  const std::string* last_key = nullptr;
  for (const size_t index : order) {
    const ReadRequest& request = requests[index];
    if (last_key == nullptr || *last_key != request.key) opened.push_back(open_object(request.key));
    last_key = &request.key;
    const Opened& object = opened.back();
    if (!object.status) {
      results[index] = std::unexpected(object.status.error());
      continue;
    }
    const uint64_t offset = std::min(request.offset, object.size_bytes);
    const uint64_t size = std::min(request.size, object.size_bytes - offset);
    if (size > kRangeSizeMax) {
      results[index] = fail(Code::kExhausted, "a range of " + std::to_string(size) + " bytes of " +
                                                  object.file->path +
                                                  " is over the limit of 4 GiB; read it in parts");
      continue;
    }
    ranges.push_back(
        {index, object.file->fd.get(), &object.file->path, offset, static_cast<size_t>(size)});
  }
  if (!use) allocate(ranges);
  Wave(ranges, results, use).read();
  return results;
}

FolderReader::Opened FolderReader::open_object(const std::string& key) {
  Opened object;
  object.status = check_key(key);
  if (!object.status) return object;
  struct stat info{};
  object.file = find_open(key);
  if (object.file && fstat(object.file->fd.get(), &info) == 0 && info.st_nlink > 0) {
    object.size_bytes = static_cast<uint64_t>(info.st_size);
    return object;
  }
  const std::string path = files_.path_of(key);
  auto fd = open_file(path, O_RDONLY);
  if (!fd && fd.error().code == Code::kExhausted) {
    close_all();
    fd = open_file(path, O_RDONLY);
  }
  if (!fd && (fd.error().code == Code::kNotFound || fd.error().code == Code::kInvalidArgument)) {
    // The second: a segment of the key is a file, so nothing is below it.
    object.status = files_.check_root();
    if (object.status) {
      object.status = fail(Code::kNotFound, "object " + key + " is not in " + files_.describe());
    }
    return object;
  }
  if (!fd) {
    object.status = std::unexpected(std::move(fd).error());
    return object;
  }
  if (fstat(fd->get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    object.status = fail(Code::kNotFound, "object " + key + " is not in " + files_.describe() +
                                              ": " + path + " is not a file");
    return object;
  }
  object.size_bytes = static_cast<uint64_t>(info.st_size);
  object.file = std::make_shared<OpenFile>(OpenFile{*std::move(fd), path});
  keep_open(key, object.file);
  return object;
}

std::shared_ptr<const FolderReader::OpenFile> FolderReader::find_open(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(key);
  if (found == open_.end()) return nullptr;
  ages_.splice(ages_.begin(), ages_, found->second.age);
  return found->second.file;
}

void FolderReader::keep_open(const std::string& key, std::shared_ptr<const OpenFile> file) {
  const std::lock_guard lock(mutex_);
  if (const auto found = open_.find(key); found != open_.end()) {
    found->second.file = std::move(file);
    return;
  }
  if (open_.size() >= kOpenMax) {
    open_.erase(ages_.back());
    ages_.pop_back();
  }
  ages_.push_front(key);
  open_.emplace(key, Slot{std::move(file), ages_.begin()});
}

void FolderReader::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(key);
  if (found == open_.end()) return;
  ages_.erase(found->second.age);
  open_.erase(found);
}

void FolderReader::close_all() {
  const std::lock_guard lock(mutex_);
  open_.clear();
  ages_.clear();
}

}  // namespace dreamdb
