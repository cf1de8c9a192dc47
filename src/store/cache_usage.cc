#include "store/cache_usage.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <functional>
#include <optional>
#include <string_view>

#include "store/cache_folder.h"
#include "store/folder_files.h"
#include "store/posix_file.h"

namespace dreamdb {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kLockWaitNs = kSecondNs;
constexpr uint64_t kLockPauseNs = 1'000'000;
constexpr uint64_t kCountAgeNs = 24 * 3600 * kSecondNs;
constexpr uint64_t kStatBlockBytes = 512;  // unit of st_blocks
constexpr size_t kRecordBytesMax = 256;
constexpr int kShrinkRounds = 3;  // files may be used between the two passes
constexpr size_t kClassBits = 6;
constexpr size_t kClasses = 64ull << kClassBits;

struct Record {
  uint64_t bytes = 0;
  uint64_t count_time_ns = 0;
  std::string boot;
};

// Empty where the system does not say: then numbers outlive a start of the machine.
std::string boot_id() {
  const auto fd = open_file("/proc/sys/kernel/random/boot_id", O_RDONLY);
  std::string text(36, '\0');
  if (!fd || !read_at(fd->get(), 0, std::as_writable_bytes(std::span(text)), "boot_id")) return "";
  return text;
}

std::string write_record(const Record& record) {
  return std::to_string(record.bytes) + " " + std::to_string(record.count_time_ns) + " " +
         record.boot + "\n";
}

std::optional<Record> parse_record(std::string_view text) {
  Record record;
  const char* const end = text.data() + text.size();
  const auto bytes = std::from_chars(text.data(), text.data() + text.size(), record.bytes);
  if (bytes.ec != std::errc() || bytes.ptr == end || *bytes.ptr != ' ') return std::nullopt;
  const auto time = std::from_chars(bytes.ptr + 1, end, record.count_time_ns);
  if (time.ec != std::errc() || time.ptr == end || *time.ptr != ' ') return std::nullopt;
  const std::string_view rest(time.ptr + 1, end);
  const size_t line = rest.find('\n');
  if (line == std::string_view::npos) return std::nullopt;
  record.boot = rest.substr(0, line);
  return record;
}

struct FileUse {
  uint64_t bytes;
  uint64_t time_ns;
};

void visit_files(const std::string& root,
                 const std::function<void(const std::string& path, FileUse use)>& visit) {
  for (size_t i = 0; i < kCacheFolders; ++i) {
    const std::string folder = cache_folder_path(root, i);
    (void)visit_directory(folder, [&](std::string_view name, EntryKind kind) {
      if (kind == EntryKind::kDirectory) return;
      const std::string path = folder + "/" + std::string(name);
      struct stat info{};
      if (lstat(path.c_str(), &info) != 0) return;  // another process removed it
      const uint64_t time_ns = modified_ns(info);
      visit(path, {static_cast<uint64_t>(info.st_blocks) * kStatBlockBytes, time_ns});
    });
  }
}

// Ascending with age; a class spans 1/64 of the age.
size_t class_of(uint64_t age_ns) {
  const auto width = static_cast<size_t>(std::bit_width(age_ns));
  const size_t shift = width > kClassBits + 1 ? width - kClassBits - 1 : 0;
  return std::min(kClasses - 1, (shift << kClassBits) + static_cast<size_t>(age_ns >> shift));
}

}  // namespace

uint64_t CacheUsage::count() const {
  uint64_t bytes = 0;
  visit_files(root_, [&](const std::string&, FileUse use) { bytes += use.bytes; });
  return bytes;
}

uint64_t CacheUsage::shrink(uint64_t enough_bytes, uint64_t target_bytes) const {
  uint64_t total = 0;
  for (int round = 0; round < kShrinkRounds; ++round) {
    const uint64_t now_ns = runtime_->now_ns();
    const auto age_class = [&](FileUse use) {
      return class_of(now_ns > use.time_ns ? now_ns - use.time_ns : 0);
    };
    std::vector<uint64_t> bytes_by_class(kClasses);
    total = 0;
    visit_files(root_, [&](const std::string&, FileUse use) {
      bytes_by_class[age_class(use)] += use.bytes;
      total += use.bytes;
    });
    if (total <= (round == 0 ? enough_bytes : target_bytes)) return total;
    uint64_t older = 0;  // bytes in classes beyond `last`
    size_t last = kClasses - 1;
    while (last > 0 && total - older - bytes_by_class[last] > target_bytes)
      older += bytes_by_class[last--];
    // Of the youngest class that must shrink only as much as is needed goes.
    uint64_t from_last = total - older > target_bytes ? total - older - target_bytes : 0;
    visit_files(root_, [&](const std::string& path, FileUse use) {
      const size_t age = age_class(use);
      if (age < last || (age == last && from_last == 0)) return;
      if (unlink(path.c_str()) != 0 && errno != ENOENT) return;
      total -= std::min(total, use.bytes);
      if (age == last) from_last -= std::min(from_last, use.bytes);
    });
    if (total <= target_bytes) return total;
  }
  return total;
}

Status CacheUsage::take(uint64_t bytes) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW;
  auto opened = open_file(path(), kFlags, 0600);
  if (!opened && opened.error().code == Code::kNotFound) {  // somebody has removed the cache
    DREAMDB_TRY(make_cache_root(root_));
    opened = open_file(path(), kFlags, 0600);
  }
  DREAMDB_ASSIGN(const UniqueFd fd, std::move(opened));
  const uint64_t begin_ns = runtime_->monotonic_ns();
  while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return posix_error(errno, "lock", path());
    if (runtime_->monotonic_ns() - begin_ns > kLockWaitNs)
      return fail(Code::kUnavailable,
                  "another process has held " + path() + " for a second; is it stopped?");
    runtime_->sleep_ns(kLockPauseNs);
  }
  std::string text(kRecordBytesMax, '\0');
  DREAMDB_ASSIGN(const size_t size,
                 read_at(fd.get(), 0, std::as_writable_bytes(std::span(text)), path()));
  const auto known = parse_record(std::string_view(text).substr(0, size));
  const uint64_t now_ns = runtime_->now_ns();
  Record record{0, now_ns, boot_id()};
  const bool is_fresh = known && known->boot == record.boot && known->count_time_ns <= now_ns &&
                        now_ns - known->count_time_ns < kCountAgeNs;
  if (is_fresh) record = *known;
  if (!is_fresh || record.bytes + bytes > limit_bytes_) {
    const uint64_t low = limit_bytes_ - limit_bytes_ / 10;
    record = {is_fresh ? 0 : count(), now_ns, record.boot};
    if (is_fresh || record.bytes + bytes > limit_bytes_)
      record.bytes =
          shrink(limit_bytes_ - std::min(limit_bytes_, bytes), low > bytes ? low - bytes : 0);
  }
  const bool is_room = record.bytes + bytes <= limit_bytes_;
  if (is_room) record.bytes += bytes;
  // Shorter than the record before: what is left of that stands after the line's end.
  const std::string line = write_record(record);
  if (pwrite(fd.get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
    return posix_error(errno, "write", path());
  if (is_room) return {};
  return fail(Code::kExhausted, "the cache " + root_ + " has no room for " + std::to_string(bytes) +
                                    " bytes: " + std::to_string(record.bytes) + " of at most " +
                                    std::to_string(limit_bytes_) + " are in use");
}

}  // namespace dreamdb
