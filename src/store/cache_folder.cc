#include "store/cache_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <numeric>

#include "runtime/thread_pool.h"
#include "store/digest.h"
#include "store/folder_files.h"
#include "store/key.h"
#include "store/posix_file.h"

namespace dreamdb {

namespace {

constexpr std::string_view kRootName = "/dreamdb-cache-1";  // the digit: of the layout
constexpr size_t kEntryBytes = 16;
constexpr size_t kTableBytes = kRegionGrains * kEntryBytes;
constexpr size_t kNameDigits = 32;
constexpr uint64_t kSecondNs = 1'000'000'000;
// Order of use is known this finely: a read costs a write to the file's inode no more often.
constexpr uint64_t kTouchNs = 10 * kSecondNs;

using Entry = std::array<std::byte, kEntryBytes>;

Entry entry_of(const Hash& name, uint64_t grain, std::span<const std::byte> bytes) {
  // The grain is hashed by itself, so that hashing works on whole chunks of BLAKE3.
  const Hash content = blake3(bytes);
  std::array<std::byte, 8> index;
  for (size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::byte>(grain >> 8 * i);
  const std::span<const std::byte> pieces[] = {name, index, content};
  const Hash hash = blake3(pieces);
  Entry entry;
  entry[0] = static_cast<std::byte>(bytes.size());
  entry[1] = static_cast<std::byte>(bytes.size() >> 8);
  std::copy_n(hash.begin(), kEntryBytes - 2, entry.begin() + 2);
  return entry;
}

int32_t size_in(std::span<const std::byte> entry) {
  const auto is_zero = [](std::byte b) { return b == std::byte{0}; };
  if (std::all_of(entry.begin(), entry.end(), is_zero)) return kNotThere;
  const int32_t size = std::to_integer<int32_t>(entry[0]) | std::to_integer<int32_t>(entry[1]) << 8;
  return size <= static_cast<int32_t>(kGrainBytes) ? size : 0;  // 0 does not match its hash
}

Status make_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return posix_error(errno, "make the cache folder", path);
}

Status write_at(int fd, uint64_t offset, std::span<const std::byte> bytes,
                const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t size = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(size));
      offset += static_cast<uint64_t>(size);
    } else if (errno != EINTR) {
      return posix_error(errno, "write to the cache", path);
    }
  }
  return {};
}

void set_use_time(int fd, uint64_t now_ns) {
  timespec now{};
  now.tv_sec = static_cast<time_t>(now_ns / kSecondNs);
  now.tv_nsec = static_cast<long>(now_ns % kSecondNs);
  const timespec times[2] = {now, now};
  (void)futimens(fd, times);  // of another user's file: it counts as not used
}

uint64_t grain_offset(uint64_t grain) { return kTableBytes + grain * kGrainBytes; }

}  // namespace

std::string cache_folder_path(const std::string& root, size_t index) {
  char digits[4];
  std::snprintf(digits, sizeof digits, "/%02zx", index % kCacheFolders);
  return root + digits;
}

Status make_cache_root(const std::string& root) {
  for (size_t end = 0; end != std::string::npos;) {
    end = root.find('/', end + 1);
    const std::string part = root.substr(0, end);
    struct stat info{};
    if (stat(part.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
    DREAMDB_TRY(make_folder(part));
  }
  struct stat info{};
  if (stat(root.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return posix_error(ENOTDIR, "make the cache folder", root);
}

Result<CacheFolder> CacheFolder::open(const std::string& folder, Runtime& runtime) {
  CacheFolder made(folder + std::string(kRootName), runtime);
  DREAMDB_TRY(make_cache_root(made.root_));
  return made;
}

Hash CacheFolder::name_of(std::string_view store, std::string_view key) {
  const std::string text = std::string(store).append("\n").append(key);
  return blake3(std::as_bytes(std::span(text)));
}

std::string CacheFolder::path_of(const Hash& name, uint64_t region) const {
  char digits[20];
  std::snprintf(digits, sizeof digits, "-%llx", static_cast<unsigned long long>(region));
  const std::string text = hex_text(std::span(name).first(kNameDigits / 2));
  return root_ + "/" + text.substr(0, 2) + "/" + text.substr(2) + digits;
}

CachedGrains CacheFolder::load(const Hash& name, uint64_t first, uint64_t count) const {
  // The tables first: they say how much there is to read.
  CachedGrains found;
  std::vector<std::byte> entries;
  const uint64_t end = count == kToTheEnd ? kToTheEnd : first + count;
  bool is_complete = false;
  for (uint64_t at = first; at < end && !is_complete;) {
    const uint64_t in_region = at % kRegionGrains;
    const uint64_t part = std::min(kRegionGrains - in_region, end - at);
    const std::string path = path_of(name, at / kRegionGrains);
    const size_t begin = entries.size();
    entries.resize(begin + part * kEntryBytes);
    const auto table = std::span(entries).subspan(begin);
    const auto fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const auto size = fd ? read_at(fd->get(), in_region * kEntryBytes, table, path)
                         : Result<size_t>(fail(Code::kNotFound, ""));
    // Of an object whose size nobody knows, what follows a missing file is asked for.
    if (!size && count == kToTheEnd) break;
    if (!size || *size < table.size())
      std::fill(table.begin() + static_cast<ptrdiff_t>(size.value_or(0)), table.end(),
                std::byte{0});
    for (uint64_t i = 0; i < part && !is_complete; ++i) {
      found.sizes.push_back(size_in(table.subspan(i * kEntryBytes, kEntryBytes)));
      is_complete =
          found.sizes.back() >= 0 && found.sizes.back() < static_cast<int32_t>(kGrainBytes);
    }
    at += part;
  }
  while (!found.sizes.empty() && found.sizes.back() == kNotThere) found.sizes.pop_back();
  if (found.sizes.empty()) return found;

  MutableBuffer bytes((found.sizes.size() - 1) * kGrainBytes +
                      static_cast<size_t>(found.sizes.back()));
  const uint64_t first_region = first / kRegionGrains;
  const uint64_t last_region = (first + found.sizes.size() - 1) / kRegionGrains;
  std::atomic<uint64_t> damaged{0};
  shared_pool().parallel_for(last_region - first_region + 1, [&](size_t index) {
    const uint64_t region = first_region + index;
    const uint64_t begin = std::max(first, region * kRegionGrains);
    const uint64_t stop = std::min(first + found.sizes.size(), (region + 1) * kRegionGrains);
    const uint64_t from = begin - first;
    const auto sizes = std::span(found.sizes).subspan(from, stop - begin);
    const auto out = bytes.span().subspan(std::min(from * kGrainBytes, bytes.size()));
    damaged += read_region(name, region, begin % kRegionGrains,
                           std::span(entries).subspan(from * kEntryBytes), sizes, out);
  });
  found.damaged = damaged;
  while (!found.sizes.empty() && found.sizes.back() == kNotThere) found.sizes.pop_back();
  found.bytes = std::move(bytes).freeze();
  return found;
}

uint64_t CacheFolder::read_region(const Hash& name, uint64_t region, uint64_t first,
                                  std::span<const std::byte> entries, std::span<int32_t> sizes,
                                  std::span<std::byte> out) const {
  if (std::all_of(sizes.begin(), sizes.end(), [](int32_t size) { return size == kNotThere; }))
    return 0;
  const std::string path = path_of(name, region);
  const auto fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const auto nothing = [&] {
    std::fill(sizes.begin(), sizes.end(), kNotThere);
    return uint64_t{0};
  };
  struct stat info{};
  if (!fd || fstat(fd->get(), &info) != 0) return nothing();  // another process made room
  uint64_t damaged = 0;
  for (size_t begin = 0; begin < sizes.size();) {
    size_t end = begin;
    uint64_t size_bytes = 0;
    for (; end < sizes.size() && sizes[end] != kNotThere; ++end)
      size_bytes = (end - begin) * kGrainBytes + static_cast<uint64_t>(sizes[end]);
    const auto run = out.subspan(std::min(begin * kGrainBytes, out.size())).first(size_bytes);
    const auto got = read_at(fd->get(), grain_offset(first + begin), run, path);
    if (!got) return nothing();
    for (size_t i = begin; i < end; ++i) {
      const uint64_t at = (i - begin) * kGrainBytes;
      const auto size = static_cast<uint64_t>(sizes[i]);
      const uint64_t index = region * kRegionGrains + first + i;
      const bool good =
          at + size <= *got && std::ranges::equal(entry_of(name, index, run.subspan(at, size)),
                                                  entries.subspan(i * kEntryBytes, kEntryBytes));
      if (good) continue;
      sizes[i] = kNotThere;
      ++damaged;
    }
    begin = std::max(end, begin + 1);
  }
  const uint64_t used_ns = modified_ns(info);
  const uint64_t now_ns = runtime_->now_ns();
  if (damaged > 0)
    (void)unlink(path.c_str());
  else if (used_ns + kTouchNs < now_ns || used_ns > now_ns + kTouchNs)
    set_use_time(fd->get(), now_ns);
  return damaged;
}

uint64_t CacheFolder::cost_of(uint64_t first, uint64_t size_bytes, bool is_end) {
  const uint64_t grains = (size_bytes + kGrainBytes - 1) / kGrainBytes + (is_end ? 1 : 0);
  const uint64_t regions = (first % kRegionGrains + grains) / kRegionGrains + 1;
  return grains * kGrainBytes + regions * kTableBytes;
}

Status CacheFolder::save(const Hash& name, uint64_t first, std::span<const std::byte> bytes,
                         bool is_end) const {
  // An object that ends with a whole grain ends with an empty one after it.
  const uint64_t grains = bytes.size() / kGrainBytes + (is_end ? 1 : 0);
  if (grains == 0) return {};
  const uint64_t first_region = first / kRegionGrains;
  const uint64_t last_region = (first + grains - 1) / kRegionGrains;
  std::vector<Status> statuses(last_region - first_region + 1);
  shared_pool().parallel_for(statuses.size(), [&](size_t i) {
    const uint64_t begin = std::max(first, (first_region + i) * kRegionGrains);
    const uint64_t end = std::min(first + grains, (first_region + i + 1) * kRegionGrains);
    const uint64_t from = (begin - first) * kGrainBytes;
    const uint64_t size = std::min<uint64_t>((end - begin) * kGrainBytes, bytes.size() - from);
    statuses[i] = save_region(name, first_region + i, begin % kRegionGrains,
                              bytes.subspan(from, size), is_end && first_region + i == last_region);
  });
  for (Status& status : statuses) DREAMDB_TRY(std::move(status));
  return {};
}

Status CacheFolder::save_region(const Hash& name, uint64_t region, uint64_t first,
                                std::span<const std::byte> bytes, bool is_end) const {
  const std::string path = path_of(name, region);
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  auto opened = open_file(path, kFlags, 0600);
  if (!opened && opened.error().code == Code::kNotFound) {
    DREAMDB_TRY(make_folder(std::string(parent_of(path))));
    opened = open_file(path, kFlags, 0600);
  }
  if (!opened && opened.error().code == Code::kInvalidArgument) {
    (void)unlink(path.c_str());  // a link or a folder in the way: it is not kept this time
    return {};
  }
  DREAMDB_ASSIGN(const UniqueFd fd, std::move(opened));
  std::vector<std::byte> table;
  const uint64_t index = region * kRegionGrains + first;
  const uint64_t grains = bytes.size() / kGrainBytes + (is_end ? 1 : 0);
  for (uint64_t i = 0; i < grains; ++i) {
    const uint64_t at = i * kGrainBytes;
    const Entry entry =
        entry_of(name, index + i, bytes.subspan(at, std::min(kGrainBytes, bytes.size() - at)));
    table.insert(table.end(), entry.begin(), entry.end());
  }
  Status status = write_at(fd.get(), grain_offset(first), bytes, path);
  if (status) status = write_at(fd.get(), first * kEntryBytes, table, path);
  if (!status) (void)unlink(path.c_str());  // gives back the space
  if (status) set_use_time(fd.get(), runtime_->now_ns());
  return status;
}

void CacheFolder::remove(std::span<const Hash> names) const {
  std::map<std::string, std::vector<std::string>> by_folder;  // paths of objects without regions
  for (const Hash& name : names) {
    const std::string path = path_of(name, 0);
    by_folder[std::string(parent_of(path))].push_back(path.substr(path.rfind('/') + 1));
  }
  for (auto& [folder, objects] : by_folder) {
    for (std::string& object : objects) object.pop_back();  // the region; the dash stays
    std::sort(objects.begin(), objects.end());
    std::vector<std::string> doomed;
    (void)visit_directory(folder, [&](std::string_view file, EntryKind) {
      const std::string object(file.substr(0, file.find('-') + 1));
      if (std::binary_search(objects.begin(), objects.end(), object))
        doomed.push_back(folder + "/" + std::string(file));
    });
    for (const std::string& path : doomed) (void)unlink(path.c_str());
  }
}

}  // namespace dreamdb
