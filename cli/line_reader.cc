// A window over the input that grows to the longest line.
#include "cli/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "cli/interrupt.h"
#include "cli/output.h"

namespace dreamdb::cli {

namespace {
constexpr size_t kReadBytes = 256 * 1024;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

Result<LineReader> LineReader::open(const std::string& path) {
  LineReader reader;
  if (path == "-") {
    reader.name_ = "standard input";
    reader.fd_ = std::make_shared<const int>(STDIN_FILENO);
    return reader;
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(system_error(errno, "open", path));
  reader.name_ = path;
  if (const size_t slash = path.rfind('/'); slash != std::string::npos) {
    reader.folder_ = path.substr(0, slash + 1);
  }
  reader.fd_ = std::shared_ptr<const int>(new int(fd), [](const int* held) {
    ::close(*held);
    delete held;
  });
  return reader;
}

Result<std::optional<std::string_view>> LineReader::next() {
  size_t searched = begin_;
  while (true) {
    const size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos || (ended_ && begin_ < buffer_.size())) {
      const size_t stop = end == std::string::npos ? buffer_.size() : end;
      std::string_view line(buffer_.data() + begin_, stop - begin_);
      begin_ = end == std::string::npos ? stop : stop + 1;
      if (++number_ == 1 && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
      return line;
    }
    if (ended_) return std::nullopt;
    buffer_.erase(0, begin_);
    begin_ = 0;
    if (buffer_.size() > kLineMax) {
      return fail(Code::kInvalidArgument, name_ + ":" + std::to_string(number_ + 1) +
                                              ": a line above " + std::to_string(kLineMax >> 20) +
                                              " MiB; give large blobs as paths, one record a line");
    }
    searched = buffer_.size();
    buffer_.resize(searched + kReadBytes);
    const ssize_t got = ::read(*fd_, buffer_.data() + searched, kReadBytes);
    buffer_.resize(searched + static_cast<size_t>(got > 0 ? got : 0));
    if (got == 0) ended_ = true;
    if (got < 0 && errno == EINTR && interrupted()) return fail(Code::kCancelled, "interrupted");
    if (got < 0 && errno != EINTR) return std::unexpected(system_error(errno, "read", name_));
  }
}

}  // namespace dreamdb::cli
