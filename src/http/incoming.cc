#include "http/incoming.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "base/text.h"
#include "http/content_range.h"

namespace dreamdb {

namespace {

constexpr uint64_t kHeadBytesMax = 256 << 10;  // with those of 1xx replies and trailers
constexpr size_t kHeadersMax = 1'000;
constexpr size_t kErrorBytesMax = 64 << 10;
constexpr int kOk = 200, kPartial = 206, kPreconditionFailed = 412, kNotInRange = 416;

std::string_view value_of(const HttpHeaders& headers, const char* name) {
  const auto at = headers.find(name);
  return at == headers.end() ? std::string_view() : std::string_view(at->second);
}

std::optional<uint64_t> content_length(const HttpHeaders& headers) {
  const std::string_view text = value_of(headers, "content-length");
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_strong(std::string_view etag) { return !etag.empty() && !etag.starts_with("W/"); }

// The three digits of "HTTP/1.1 206 Partial Content".
int status_in(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return 0;
  int status = 0;
  const std::string_view digits = line.substr(space + 1, 3);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), status);
  return error == std::errc() && end == digits.data() + 3 && status >= 100 ? status : 0;
}

}  // namespace

bool goes_on(const Part& part, int status, const HttpHeaders& headers) {
  const auto range = parse_content_range(value_of(headers, "content-range"));
  const std::string_view etag = value_of(headers, "etag");
  return status == kPartial && range && range->first == part.first + part.size &&
         range->total == part.total && is_strong(etag) && etag == part.etag;
}

void Incoming::begin(uint64_t body_bytes_max, Part kept) {
  *this = Incoming();
  body_bytes_max_ = body_bytes_max;
  resumes_ = kept.size > 0;
  part_ = std::move(kept);
}

bool Incoming::take_line(std::string_view line) {
  if (stop_ != Stop::kNone) return false;
  head_bytes_ += line.size();
  if (head_bytes_ > kHeadBytesMax || headers_.size() > kHeadersMax) {
    stop_ = Stop::kHeadTooLong;
    return false;
  }
  if (line.starts_with("HTTP/") && !is_settled_) {
    headers_.clear();
    status_ = status_in(line);
    is_in_head_ = true;
    return true;
  }
  if (!is_in_head_) return true;  // trailers, which could not be told from what the head said
  if (trimmed(line).empty()) {
    is_in_head_ = false;
    return true;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || line.front() == ' ' || line.front() == '\t') return true;
  headers_[lower_ascii(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
  return true;
}

// Decides what the body is, once the head is whole.
bool Incoming::settle() {
  if (is_settled_) return stop_ == Stop::kNone;
  is_settled_ = true;
  is_in_head_ = false;
  if (!is_success()) return true;
  if (resumes_ && goes_on(part_, status_, headers_)) return true;
  if (resumes_ && status_ == kPartial) {
    stop_ = Stop::kOtherPart;
    return false;
  }
  resumes_ = false;
  part_.size = 0;
  part_.etag = value_of(headers_, "etag");
  part_.first = 0;
  part_.total = content_length(headers_).value_or(0);
  if (const auto range = parse_content_range(value_of(headers_, "content-range"));
      range && status_ == kPartial) {
    part_.first = range->first;
    part_.total = range->total;
  } else if (status_ != kOk) {
    part_.etag.clear();  // nothing can go on from it
  }
  return true;
}

bool Incoming::grow(uint64_t needed) {
  if (needed > body_bytes_max_) {
    stop_ = Stop::kBodyTooLong;
    return false;
  }
  if (needed <= part_.memory.size()) return true;
  const uint64_t told = std::min(content_length(headers_).value_or(0), body_bytes_max_);
  const uint64_t whole = told > 0 ? part_.size + told : 2 * needed;
  MutableBuffer more(std::clamp(whole, needed, body_bytes_max_));
  if (part_.size > 0) std::memcpy(more.data(), part_.memory.data(), part_.size);
  part_.memory = std::move(more);
  return true;
}

bool Incoming::take_body(std::span<const std::byte> bytes) {
  if (stop_ != Stop::kNone || !settle()) return false;
  const bool is_first = received_ == 0;
  received_ += bytes.size();
  // What the head says to be too long is not waited for.
  if (is_first && is_success() &&
      content_length(headers_).value_or(0) > body_bytes_max_ - part_.size) {
    stop_ = Stop::kBodyTooLong;
    return false;
  }
  if (!is_success()) {
    const size_t room = kErrorBytesMax - error_.size();
    error_.append(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), room));
    if (bytes.size() > room) stop_ = Stop::kErrorEnough;
    return stop_ == Stop::kNone;
  }
  if (bytes.empty()) return true;
  if (!grow(part_.size + bytes.size())) return false;
  std::memcpy(part_.memory.data() + part_.size, bytes.data(), bytes.size());
  part_.size += bytes.size();
  return true;
}

bool Incoming::finish() { return stop_ == Stop::kNone && settle(); }

bool Incoming::is_stale() const {
  return stop_ == Stop::kOtherPart ||
         (resumes_ && (status_ == kNotInRange || status_ == kPreconditionFailed));
}

Buffer Incoming::take_whole() {
  if (!is_success()) return Buffer::adopt(std::move(error_));
  const uint64_t size = std::exchange(part_.size, 0);
  return std::exchange(part_.memory, {}).freeze(size);
}

Part Incoming::take_part() {
  Part part = std::exchange(part_, {});
  const bool can_go_on = !is_stale() && is_strong(part.etag) && part.first <= part.total &&
                         part.size < part.total - part.first;
  if (stop_ == Stop::kBodyTooLong || !can_go_on) return {};
  return part;
}

}  // namespace dreamdb
