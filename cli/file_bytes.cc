// Whole files by plain system calls, so that every error has its cause.
#include "cli/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "cli/output.h"

namespace dreamdb::cli {

namespace {

struct FileHandle {
  int fd;
  ~FileHandle() { ::close(fd); }
};

}  // namespace

Result<Buffer> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(system_error(errno, "open", path));
  const FileHandle handle{fd};
  struct stat info{};
  if (::fstat(fd, &info) != 0) return std::unexpected(system_error(errno, "examine", path));
  // One byte more than the file is said to have finds its end without a second read; pipes and
  // files that grow are read to their end all the same.
  const auto said = static_cast<size_t>(std::max<off_t>(info.st_size, 0));
  std::vector<std::byte> bytes(std::min(said, kFileMax) + 1);
  size_t size = 0;
  while (true) {
    if (size > kFileMax) {
      return fail(Code::kExhausted,
                  path + ": more than 1 GiB, which no payload may have; split it");
    }
    if (size == bytes.size()) bytes.resize(bytes.size() * 2);
    const ssize_t got = ::read(fd, bytes.data() + size, bytes.size() - size);
    if (got == 0) break;
    if (got > 0) {
      size += static_cast<size_t>(got);
    } else if (errno != EINTR) {
      return std::unexpected(system_error(errno, "read", path));
    }
  }
  bytes.resize(size);
  return Buffer::adopt(std::move(bytes));
}

Status write_file(const std::string& path, std::string_view bytes, bool replace) {
  const int mode = O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL);
  const int fd = ::open(path.c_str(), mode, 0666);
  if (fd < 0 && errno == EEXIST) {
    return fail(Code::kAlreadyExists, path + " exists; choose another name or remove it");
  }
  if (fd < 0) return std::unexpected(system_error(errno, "create", path));
  const FileHandle handle{fd};
  Output out(fd, path);
  DREAMDB_TRY(out.write(bytes));
  return out.finish();
}

}  // namespace dreamdb::cli
