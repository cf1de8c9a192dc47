// Matches LIKE patterns with one point of return: the last % seen.
#include "search/like.h"

namespace dreamdb {
namespace {

bool is_inside_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

LikePattern::LikePattern(std::string_view pattern) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    Kind kind = c == '%' ? Kind::kAny : c == '_' ? Kind::kOne : Kind::kByte;
    if (c == '\\' && i + 1 < pattern.size()) c = pattern[++i];
    if (kind == Kind::kAny && !kinds_.empty() && kinds_.back() == Kind::kAny) continue;
    kinds_.push_back(kind);
    bytes_ += c;
  }
  size_t plain = 0;
  while (plain < kinds_.size() && kinds_[plain] == Kind::kByte) ++plain;
  prefix_ = bytes_.substr(0, plain);
}

bool LikePattern::matches(std::string_view text) const {
  if (!text.starts_with(prefix_)) return false;
  size_t t = prefix_.size(), p = prefix_.size();
  size_t retry_pattern = kinds_.size() + 1, retry_text = 0;  // behind the last %, if any
  while (t < text.size()) {
    if (p < kinds_.size() && kinds_[p] == Kind::kAny) {
      retry_pattern = ++p;
      retry_text = t;
      if (p == kinds_.size()) return true;
    } else if (p < kinds_.size() && kinds_[p] == Kind::kByte && bytes_[p] == text[t]) {
      ++p;
      ++t;
    } else if (p < kinds_.size() && kinds_[p] == Kind::kOne) {
      ++p;
      ++t;
      while (t < text.size() && is_inside_character(text[t])) ++t;
    } else if (retry_pattern <= kinds_.size()) {
      // The % takes one more byte.
      t = ++retry_text;
      p = retry_pattern;
    } else {
      return false;
    }
  }
  while (p < kinds_.size() && kinds_[p] == Kind::kAny) ++p;
  return p == kinds_.size();
}

}  // namespace dreamdb
