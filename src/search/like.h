// SQL's LIKE: % is any text, _ one character, a backslash makes the next character plain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dreamdb {

class LikePattern {
 public:
  explicit LikePattern(std::string_view pattern);

  bool matches(std::string_view text) const;

  // The text in front of the first wildcard: what each match begins with.
  const std::string& prefix() const { return prefix_; }
  // No wildcard: matches equal the prefix.
  bool is_exact() const { return prefix_.size() == bytes_.size(); }
  // One % at the end and no other wildcard: matches are all texts that begin with the prefix.
  bool is_prefix() const {
    return bytes_.size() == prefix_.size() + 1 && kinds_.back() == Kind::kAny;
  }

 private:
  enum class Kind : uint8_t { kByte, kOne, kAny };
  std::string bytes_;        // of kByte
  std::vector<Kind> kinds_;  // as long as bytes_; no two kAny in a row
  std::string prefix_;
};

}  // namespace dreamdb
