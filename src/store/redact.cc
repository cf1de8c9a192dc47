#include "store/redact.h"

#include <algorithm>

#include "base/text.h"
#include "store/s3_signature.h"

namespace dreamdb {

namespace {

constexpr std::string_view kInPlace = "(redacted)";
constexpr size_t kSecretSizeMin = 4;
constexpr size_t kSignatureDigits = 64;

void replace_all(std::string& text, std::string_view from) {
  for (size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + kInPlace.size()))
    text.replace(at, from.size(), kInPlace);
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// "%2f" for "%2F".
std::string with_lower_digits(std::string escaped) {
  for (size_t at = escaped.find('%'); at != std::string::npos; at = escaped.find('%', at + 1))
    escaped.replace(at, 3, lower_ascii(escaped.substr(at, 3)));
  return escaped;
}

std::string without_signatures(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto digits_end = std::find_if_not(text.begin(), text.end(), is_hex);
    const auto size = static_cast<size_t>(digits_end - text.begin());
    out += size == kSignatureDigits ? kInPlace : text.substr(0, size);
    text.remove_prefix(size);
    if (text.empty()) break;
    out.push_back(text.front());
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace

std::string redacted(std::string_view text, std::span<const std::string> secrets) {
  std::string out(text);
  for (const std::string& secret : secrets) {
    if (secret.size() < kSecretSizeMin) continue;
    replace_all(out, secret);
    for (const bool keep_slashes : {false, true}) {
      const std::string escaped = uri_escape(secret, keep_slashes);
      replace_all(out, escaped);
      replace_all(out, with_lower_digits(escaped));
    }
  }
  return without_signatures(out);
}

}  // namespace dreamdb
