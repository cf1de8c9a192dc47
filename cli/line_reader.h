// Lines of a file or of standard input, one at a time, with their numbers.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb::cli {

// A line that holds no record.
bool is_blank(std::string_view line);

// The longest line that is taken into memory.
inline constexpr size_t kLineMax = size_t{256} << 20;

class LineReader {
 public:
  // `path` "-" is standard input. NotFound, Denied, ...: what the system said.
  static Result<LineReader> open(const std::string& path);

  // The next line without its end, valid until the next call; nullopt at the end of the input.
  // InvalidArgument: a line above kLineMax.
  Result<std::optional<std::string_view>> next();

  // "rows.jsonl:17" for the line that `next` gave last.
  std::string place() const { return name_ + ":" + std::to_string(number_); }
  const std::string& name() const { return name_; }
  uint64_t number() const { return number_; }
  // Where relative paths in the lines begin: the folder of the file, or "" for standard input.
  const std::string& folder() const { return folder_; }

 private:
  std::string name_;
  std::string folder_;
  std::shared_ptr<const int> fd_;
  std::string buffer_;
  size_t begin_ = 0;  // of what was not given out yet
  uint64_t number_ = 0;
  bool ended_ = false;
};

}  // namespace dreamdb::cli
