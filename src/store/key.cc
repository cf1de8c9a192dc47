// The rules for keys, and how a bad one is shown.
#include "store/key.h"

#include <algorithm>

namespace dreamdb {

namespace {

constexpr size_t kPrintableMax = 200;

bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '@' || c == '=' || c == '-';
}

Status bad_key(std::string_view key, const std::string& why) {
  return fail(Code::kInvalidArgument, "key \"" + printable(key) + "\" is not allowed: " + why);
}

}  // namespace

Status check_key(std::string_view key) {
  if (key.empty()) return bad_key(key, "it is empty");
  if (key.size() > kKeySizeMax) {
    return bad_key(key, "it has " + std::to_string(key.size()) + " bytes, at most 1024 are");
  }
  std::string_view rest = key;
  while (true) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty()) return bad_key(key, "a segment between slashes is empty");
    if (segment.size() > kKeySegmentSizeMax) return bad_key(key, "a segment is over 255 bytes");
    if (segment.front() == '.') return bad_key(key, "a segment begins with '.'");
    if (segment.ends_with(kPlainSuffix)) return bad_key(key, "a segment ends in .ref");
    if (!std::all_of(segment.begin(), segment.end(), is_key_char)) {
      return bad_key(key, "a segment has a character other than A-Z a-z 0-9 . _ @ = -");
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

std::string printable(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    if (out.size() >= kPrintableMax) return out + "...";
    if (c >= ' ' && c <= '~' && c != '\\' && c != '"') {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::string plain_name(std::string_view key) {
  return std::string(key) + std::string(kPlainSuffix);
}

std::string_view first_segment(std::string_view key) { return key.substr(0, key.find('/')); }

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

}  // namespace dreamdb
