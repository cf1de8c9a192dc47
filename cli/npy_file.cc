// An .npy file on disk, read with pread: a file that shrinks is an error, never a SIGBUS.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cli/npy.h"
#include "cli/output.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

// Fills `into` from `offset`; returns how many bytes there were.
Result<size_t> read_at(int fd, std::span<std::byte> into, uint64_t offset, std::string_view path) {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t got =
        ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got == 0) break;
    if (got > 0) {
      done += static_cast<size_t>(got);
    } else if (errno != EINTR) {
      return std::unexpected(system_error(errno, "read", path));
    }
  }
  return done;
}

}  // namespace

Result<NpyFile> NpyFile::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(system_error(errno, "open", path));
  NpyFile file;
  file.path_ = path;
  file.fd_ = std::shared_ptr<const int>(new int(fd), [](const int* held) {
    ::close(*held);
    delete held;
  });
  struct stat info{};
  if (::fstat(fd, &info) != 0) return std::unexpected(system_error(errno, "examine", path));
  if (!S_ISREG(info.st_mode)) {
    return fail(Code::kInvalidArgument, path +
                                            ": is no regular file, and .npy is read by ranges; "
                                            "save it to a file first");
  }
  const auto file_bytes = static_cast<uint64_t>(info.st_size);
  std::string prefix(std::min<uint64_t>(file_bytes, kNpyHeaderMax + 16), '\0');
  DREAMDB_ASSIGN(const size_t got, read_at(fd, std::as_writable_bytes(std::span(prefix)), 0, path));
  prefix.resize(got);
  DREAMDB_ASSIGN(file.header_, parse_npy_header(prefix, file_bytes, path));
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return file;
}

Result<Buffer> NpyFile::read_rows(uint64_t first, uint64_t count) const {
  const size_t size = count * header_.row_bytes();
  MutableBuffer rows(size);
  DREAMDB_ASSIGN(
      const size_t got,
      read_at(*fd_, rows.span(), header_.data_offset + first * header_.row_bytes(), path_));
  if (got != size) {
    return fail(Code::kCorruption, path_ + ": became shorter while it was read: expected " +
                                       with_commas(size) + " bytes for rows " + with_commas(first) +
                                       " to " + with_commas(first + count - 1) + ", found " +
                                       with_commas(got));
  }
  return std::move(rows).freeze();
}

}  // namespace dreamdb::cli
