// Buffered writing; a closed pipe is told from a full disk.
#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace dreamdb::cli {

namespace {
constexpr size_t kBufferBytes = 64 * 1024;
}

Error system_error(int number, std::string_view doing, std::string_view name) {
  Code code = Code::kUnavailable;
  std::string_view way = "";
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      code = Code::kNotFound;
      way = "; check the path";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = Code::kDenied;
      way = "; check who may read or write it (ls -l)";
      break;
    case ENOSPC:
    case EDQUOT:
      code = Code::kExhausted;
      way = "; make room or write elsewhere";
      break;
    case EFBIG:
      code = Code::kExhausted;
      way = "; raise the limit of file sizes (ulimit -f) or write elsewhere";
      break;
    case EMFILE:
    case ENFILE:
      code = Code::kExhausted;
      way = "; raise the limit of open files (ulimit -n)";
      break;
    case EISDIR: code = Code::kInvalidArgument; break;
    default: break;
  }
  return Error{code, "cannot " + std::string(doing) + " " + std::string(name) + ": " +
                         std::strerror(number) + std::string(way)};
}

Status Output::write(std::string_view bytes) {
  if (closed_) return fail(Code::kCancelled, name_ + " was closed by its reader");
  if (buffer_.size() + bytes.size() > kBufferBytes) DREAMDB_TRY(flush());
  if (bytes.size() > kBufferBytes) return write_all(bytes);
  buffer_.append(bytes);
  return {};
}

Status Output::line(std::string_view text) {
  DREAMDB_TRY(write(text));
  return write("\n");
}

Status Output::flush() {
  std::string bytes;
  bytes.swap(buffer_);
  DREAMDB_TRY(write_all(bytes));
  bytes.clear();
  buffer_.swap(bytes);  // keep the allocation
  return {};
}

Status Output::finish() {
  DREAMDB_TRY(flush());
  // A file system over the network may refuse the bytes only when the file is closed.
  const int copy = ::dup(fd_);
  if (copy >= 0 && ::close(copy) != 0 && errno != EINTR) {
    return std::unexpected(system_error(errno, "write to", name_));
  }
  return {};
}

Status Output::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
    if (done >= 0) {
      bytes.remove_prefix(static_cast<size_t>(done));
    } else if (errno == EPIPE) {
      closed_ = true;
      return fail(Code::kCancelled, name_ + " was closed by its reader");
    } else if (errno != EINTR) {
      return std::unexpected(system_error(errno, "write to", name_));
    }
  }
  return {};
}

}  // namespace dreamdb::cli
