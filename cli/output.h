// Bytes to standard output (or a file), buffered, with every failure noticed.
//
// Thread rule: one thread at a time.
#pragma once

#include <string>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb::cli {

class Output {
 public:
  // `name` stands in messages, for example "standard output". The descriptor stays the caller's.
  Output(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

  // Exhausted: no space. Cancelled: the reader of a pipe is gone (`closed()` is then true: stop
  // quietly). Denied, Unavailable: what the system said.
  Status write(std::string_view bytes);
  Status line(std::string_view text);
  Status flush();
  // Flushes and makes the system say whether all of it was taken; for the end of a program.
  Status finish();

  bool closed() const { return closed_; }

 private:
  Status write_all(std::string_view bytes);

  int fd_;
  std::string name_;
  std::string buffer_;
  bool closed_ = false;
};

// An Error for a system call that failed on `name` with errno `number`, after `doing` ("write",
// "open", ...).
Error system_error(int number, std::string_view doing, std::string_view name);

}  // namespace dreamdb::cli
