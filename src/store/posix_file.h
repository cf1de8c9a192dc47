// Files by their descriptors: errors as codes, interrupted and short calls finished.
//
// Thread rule: every function may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "dreamdb/result.h"

struct stat;  // NOLINT(readability-identifier-naming): of <sys/stat.h>

namespace dreamdb {

// Owns one descriptor and closes it.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The error for `error_number` of `action` ("write") on `path`. Says what to do.
std::unexpected<Error> posix_error(int error_number, std::string_view action,
                                   std::string_view path);

// open(2) with O_CLOEXEC, so that no program started later inherits the file.
Result<UniqueFd> open_file(const std::string& path, int flags, uint32_t mode = 0666);

// When the file was last written to, Unix nanoseconds.
uint64_t modified_ns(const struct stat& info);

// Reads from `offset` until `out` is full or the file ends; returns the count of bytes read.
Result<size_t> read_at(int fd, uint64_t offset, std::span<std::byte> out, std::string_view path);

Status write_all(int fd, std::span<const std::byte> bytes, std::string_view path);

// fsync(2): what was written survives a power cut.
Status sync_file(int fd, std::string_view path);

// Makes the names in a directory survive a power cut.
Status sync_directory(const std::string& path);

}  // namespace dreamdb
