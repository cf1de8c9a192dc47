// System calls on files, and what each error number asks of the caller.
#include "store/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "store/key.h"

namespace dreamdb {

namespace {

struct Reaction {
  Code code;
  std::string_view way_out;
};

Reaction reaction_to(int error_number) {
  switch (error_number) {
    case ENOENT: return {Code::kNotFound, ""};
    case ENOSPC:
      return {Code::kExhausted, "; free space on this disk or choose another folder, then repeat"};
    case EDQUOT:
      return {Code::kExhausted, "; free space within the quota or have it raised, then repeat"};
    case EFBIG:
      return {Code::kExhausted,
              "; the file system or the limit of file sizes (ulimit -f) allows no file of this "
              "size"};
    case EMFILE:
    case ENFILE: return {Code::kExhausted, "; raise the limit of open files (ulimit -n)"};
    case ENOMEM: return {Code::kExhausted, "; free memory, then repeat"};
    case EACCES:
    case EPERM:
      return {Code::kDenied, "; check owner and mode of this path and of the folders above it"};
    case EROFS: return {Code::kDenied, "; this file system is mounted read-only"};
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL: return {Code::kInvalidArgument, "; choose another path"};
    default: return {Code::kUnavailable, "; check the disk or the network share, then repeat"};
  }
}

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) close(fd_);
}

std::unexpected<Error> posix_error(int error_number, std::string_view action,
                                   std::string_view path) {
  const Reaction reaction = reaction_to(error_number);
  return fail(reaction.code, "cannot " + std::string(action) + " " + printable(path) + ": " +
                                 std::generic_category().message(error_number) +
                                 std::string(reaction.way_out));
}

Result<UniqueFd> open_file(const std::string& path, int flags, uint32_t mode) {
  while (true) {
    const int fd = open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return UniqueFd(fd);
    if (errno != EINTR) return posix_error(errno, "open", path);
  }
}

uint64_t modified_ns(const struct stat& info) {
  return static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000 +
         static_cast<uint64_t>(info.st_mtim.tv_nsec);
}

Result<size_t> read_at(int fd, uint64_t offset, std::span<std::byte> out, std::string_view path) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t size =
        pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (size == 0) break;
    if (size > 0) {
      done += static_cast<size_t>(size);
    } else if (errno != EINTR) {
      return posix_error(errno, "read", path);
    }
  }
  return done;
}

Status write_all(int fd, std::span<const std::byte> bytes, std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t size = write(fd, bytes.data(), bytes.size());
    if (size >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(size));
    } else if (errno != EINTR) {
      return posix_error(errno, "write", path);
    }
  }
  return {};
}

Status sync_file(int fd, std::string_view path) {
  while (fsync(fd) != 0) {
    if (errno != EINTR) return posix_error(errno, "sync", path);
  }
  return {};
}

Status sync_directory(const std::string& path) {
  DREAMDB_ASSIGN(const UniqueFd fd, open_file(path, O_RDONLY | O_DIRECTORY));
  return sync_file(fd.get(), path);
}

}  // namespace dreamdb
