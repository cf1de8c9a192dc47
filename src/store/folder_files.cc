// Directories and temporary files of a folder store.
#include "store/folder_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>

#include "store/key.h"

namespace dreamdb {

namespace {

constexpr size_t kDurableMax = 4096;  // directories remembered; forgetting costs only syncs
constexpr size_t kTemporaryNameSize = 16;
constexpr uint64_t kStaleAgeNs = uint64_t{24} * 3600 * 1'000'000'000;

Status sync_parent(const std::string& root, std::string_view relative) {
  const std::string_view parent = parent_of(relative);
  return sync_directory(parent.empty() ? root : root + "/" + std::string(parent));
}

}  // namespace

FolderFiles::FolderFiles(std::string root, Runtime& runtime)
    : root_(std::move(root)), runtime_(runtime) {}

std::string FolderFiles::describe() const { return "file://" + root_; }

std::string FolderFiles::path_of(std::string_view relative) const {
  std::string path;
  path.reserve(root_.size() + 1 + relative.size());
  return path.append(root_).append("/").append(relative);
}

Status FolderFiles::ensure_directory(std::string_view relative) {
  if (relative.empty()) return check_root();
  {
    const std::lock_guard lock(mutex_);
    if (durable_.contains(relative)) return {};
  }
  // A directory that exists may have been made by a process that died before it synced the name,
  // so the first use by each process syncs the whole way down from the root.
  for (size_t end = 0; end != std::string_view::npos;) {
    end = relative.find('/', end + 1);
    const std::string_view part = relative.substr(0, end);
    const std::string path = path_of(part);
    if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
      const int error_number = errno;
      DREAMDB_TRY(check_root());
      return posix_error(error_number, "make the folder", path);
    }
    DREAMDB_TRY(sync_parent(root_, part));
  }
  const std::lock_guard lock(mutex_);
  if (durable_.size() >= kDurableMax) durable_.clear();
  durable_.emplace(relative);
  return {};
}

void FolderFiles::forget_directory(std::string_view relative) {
  const std::lock_guard lock(mutex_);
  for (std::string_view part = relative; !part.empty(); part = parent_of(part)) {
    if (const auto found = durable_.find(part); found != durable_.end()) durable_.erase(found);
  }
}

Result<std::string> FolderFiles::write_temporary(
    const std::vector<std::span<const std::byte>>& parts) {
  const std::string relative =
      std::string(kTemporaryDirectory) + "/" + random_hex(runtime_, kTemporaryNameSize);
  std::string path = path_of(relative);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL;
  // Names below .tmp need not survive a power cut, so the directory is made without a sync.
  auto opened = open_file(path, kFlags);
  if (!opened && opened.error().code == Code::kNotFound) {
    const std::string directory = path_of(kTemporaryDirectory);
    if (mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
      const int error_number = errno;
      DREAMDB_TRY(check_root());
      return posix_error(error_number, "make the folder", directory);
    }
    opened = open_file(path, kFlags);
  }
  DREAMDB_ASSIGN(const UniqueFd fd, std::move(opened));
  Status status;
  for (const std::span<const std::byte> part : parts) {
    if (status) status = write_all(fd.get(), part, path);
  }
  if (status) status = sync_file(fd.get(), path);
  if (status) return path;
  unlink(path.c_str());
  return std::unexpected(std::move(status).error());
}

void FolderFiles::remove_stale_temporaries() {
  const std::string directory = path_of(kTemporaryDirectory);
  const uint64_t now_ns = runtime_.now_ns();
  // Fails when none were ever made, or when they are not ours to remove: nothing to do then.
  (void)visit_directory(directory, [&](std::string_view name, EntryKind kind) {
    const std::string path = directory + "/" + std::string(name);
    struct stat info{};
    if (kind != EntryKind::kFile || lstat(path.c_str(), &info) != 0) return;
    const uint64_t time_ns = modified_ns(info);
    if (time_ns + kStaleAgeNs < now_ns) unlink(path.c_str());
  });
}

Status FolderFiles::check_root() const {
  struct stat info{};
  if (stat(root_.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return fail(Code::kNotFound, "the store " + describe() +
                                   " is not there: no such folder; check the path, or create it");
}

Status visit_directory(const std::string& path,
                       const std::function<void(std::string_view name, EntryKind kind)>& visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory) return posix_error(errno, "list the folder", path);
  while (true) {
    errno = 0;
    const dirent* const entry = readdir(directory.get());
    if (entry == nullptr) {
      if (errno != 0) return posix_error(errno, "list the folder", path);
      return {};
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    mode_t mode = DTTOIF(entry->d_type);
    if (entry->d_type == DT_UNKNOWN) {  // some file systems do not say
      struct stat info{};
      if (fstatat(dirfd(directory.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      mode = info.st_mode;
    }
    visit(name, S_ISREG(mode)   ? EntryKind::kFile
                : S_ISDIR(mode) ? EntryKind::kDirectory
                                : EntryKind::kOther);
  }
}

}  // namespace dreamdb
