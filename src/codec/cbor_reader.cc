#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "codec/cbor.h"
#include "codec/utf8.h"

namespace dreamdb {

namespace {

enum Major : uint8_t { kUint = 0, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };
constexpr uint8_t kFalseInfo = 20, kTrueInfo = 21, kNullInfo = 22;
constexpr uint8_t kHalfInfo = 25, kSingleInfo = 26, kDoubleInfo = 27;

// What the first byte of an item says, for messages.
std::string_view describe(std::byte first) {
  const auto byte = std::to_integer<uint8_t>(first);
  switch (byte >> 5) {
    case kUint: return "an unsigned integer";
    case kNegative: return "a negative integer";
    case kBytes: return "a byte string";
    case kText: return "a text";
    case kArray: return "an array";
    case kMap: return "a map";
    case kTag: return "a tag";
    default: break;
  }
  switch (byte & 31) {
    case kFalseInfo: return "false";
    case kTrueInfo: return "true";
    case kNullInfo: return "null";
    case kHalfInfo:
    case kSingleInfo:
    case kDoubleInfo: return "a float";
    default: return "a simple value that is not allowed";
  }
}

double half_value(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 0x3ff;
  double value = 0;
  if (exponent == 31)
    value = std::numeric_limits<double>::infinity();  // NaN is told apart before
  else if (exponent == 0)
    value = std::ldexp(fraction, -24);
  else
    value = std::ldexp(fraction + 1024, exponent - 25);
  return (half & 0x8000) != 0 ? -value : value;
}

// Unsigned order by bytes; a prefix is less.
bool bytes_less(std::span<const std::byte> a, std::span<const std::byte> b) {
  const size_t common = std::min(a.size(), b.size());
  const int order = common == 0 ? 0 : std::memcmp(a.data(), b.data(), common);
  return order != 0 ? order < 0 : a.size() < b.size();
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::unexpected<Error> CborReader::bad(std::string_view expected, std::string_view found) const {
  std::string message = "at byte " + std::to_string(offset()) + ": expected ";
  message.append(expected).append(", found ").append(found);
  return fail(Code::kCorruption, std::move(message));
}

std::unexpected<Error> CborReader::bad(std::string_view expected) const {
  return bad(expected, at_ == end_ ? "the end of the bytes" : describe(*at_));
}

// Reads major type and argument in their shortest form and moves behind them.
Status CborReader::decode_head(Head& head) {
  if (at_ == end_) return bad("an item");
  const auto first = std::to_integer<uint8_t>(*at_);
  head.major = first >> 5;
  head.info = first & 31;
  if (head.info < 24) {
    head.value = head.info;
    ++at_;
    return {};
  }
  if (head.info > 27) return bad("a definite length", "an indefinite or reserved one");
  const size_t size = size_t{1} << (head.info - 24);
  if (left() < 1 + size) return bad("an item", "the end of the bytes within it");
  uint64_t value = 0;
  for (size_t i = 1; i <= size; ++i) value = value << 8 | std::to_integer<uint64_t>(at_[i]);
  // Floats have a rule of their own for the shortest form; simple values are all below 24.
  const bool is_float = head.major == kSimple && head.info != 24;
  const bool is_shortest = size == 1 ? value >= 24 : value >> (size * 4) != 0;
  if (!is_float && (head.major == kSimple || !is_shortest))
    return bad("the shortest form", "a longer one");
  head.value = value;
  at_ += 1 + size;
  return {};
}

// One more item of the innermost open array or map (or the one at the top) is being read.
Status CborReader::take_item() {
  if (depth_ == 0) {
    if (has_root_) return bad("one item", "a second one");
    has_root_ = true;
    return {};
  }
  Open& open = open_[depth_ - 1];
  if (open.left == 0) return bad("another item", "the end of its array or map");
  DREAMDB_ASSERT(!open.is_map || open.left % 2 == 1);
  --open.left;
  return {};
}

Status CborReader::expect(uint8_t major, std::string_view what, Head& head) {
  if (at_ == end_ || std::to_integer<uint8_t>(*at_) >> 5 != major) return bad(what);
  DREAMDB_TRY(take_item());
  return decode_head(head);
}

Status CborReader::string(uint8_t major, std::string_view what, std::span<const std::byte>& out) {
  const std::byte* start = at_;
  Head head;
  DREAMDB_TRY(decode_head(head));
  if (head.value > left()) {
    at_ = start;
    return bad("a string that fits the bytes left", "one of " + std::to_string(head.value));
  }
  out = {at_, static_cast<size_t>(head.value)};
  if (major == kText && !is_utf8(as_text(out))) {
    at_ = start;
    return bad(what, "one that is not UTF-8");
  }
  at_ += out.size();
  return {};
}

Result<CborType> CborReader::peek() const {
  if (at_ == end_) return bad("an item");
  const auto first = std::to_integer<uint8_t>(*at_);
  switch (first >> 5) {
    case kUint: return CborType::kUint;
    case kNegative: return CborType::kNegative;
    case kBytes: return CborType::kBytes;
    case kText: return CborType::kText;
    case kArray: return CborType::kArray;
    case kMap: return CborType::kMap;
    case kTag: return bad("an item");
    default: break;
  }
  switch (first & 31) {
    case kFalseInfo: return CborType::kFalse;
    case kTrueInfo: return CborType::kTrue;
    case kNullInfo: return CborType::kNull;
    case kHalfInfo:
    case kSingleInfo:
    case kDoubleInfo: return CborType::kFloat;
    default: return bad("an item");
  }
}

Result<uint64_t> CborReader::uint() {
  Head head;
  DREAMDB_TRY(expect(kUint, "an unsigned integer", head));
  return head.value;
}

Result<int64_t> CborReader::integer() {
  const bool is_negative = at_ != end_ && std::to_integer<uint8_t>(*at_) >> 5 == kNegative;
  const std::byte* start = at_;
  Head head;
  DREAMDB_TRY(expect(is_negative ? kNegative : kUint, "an integer", head));
  if (head.value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    at_ = start;
    return bad("an integer from -2^63 to 2^63-1", "another one");
  }
  const auto value = static_cast<int64_t>(head.value);
  return is_negative ? -1 - value : value;
}

Result<std::span<const std::byte>> CborReader::bytes() {
  if (at_ == end_ || std::to_integer<uint8_t>(*at_) >> 5 != kBytes) return bad("a byte string");
  DREAMDB_TRY(take_item());
  std::span<const std::byte> out;
  DREAMDB_TRY(string(kBytes, "a byte string", out));
  return out;
}

Result<std::span<const std::byte>> CborReader::bytes(size_t exactly) {
  const std::byte* start = at_;
  auto out = bytes();
  if (out && out->size() != exactly) {
    at_ = start;
    return bad("a byte string of " + std::to_string(exactly), std::to_string(out->size()));
  }
  return out;
}

Result<std::string_view> CborReader::text() {
  if (at_ == end_ || std::to_integer<uint8_t>(*at_) >> 5 != kText) return bad("a text");
  DREAMDB_TRY(take_item());
  std::span<const std::byte> out;
  DREAMDB_TRY(string(kText, "a text", out));
  return as_text(out);
}

Result<bool> CborReader::boolean() {
  const auto first = at_ == end_ ? uint8_t{0} : std::to_integer<uint8_t>(*at_);
  if (first != (kSimple << 5 | kFalseInfo) && first != (kSimple << 5 | kTrueInfo))
    return bad("true or false");
  DREAMDB_TRY(take_item());
  ++at_;
  return first == (kSimple << 5 | kTrueInfo);
}

Status CborReader::null() {
  if (at_ == end_ || std::to_integer<uint8_t>(*at_) != (kSimple << 5 | kNullInfo))
    return bad("null");
  DREAMDB_TRY(take_item());
  ++at_;
  return {};
}

// The value of a float just read, refused when a shorter form would keep it.
Status CborReader::float_value(const Head& head, double& out) {
  if (head.info == kHalfInfo) {
    const bool is_nan = (head.value & 0x7c00) == 0x7c00 && (head.value & 0x3ff) != 0;
    if (is_nan && head.value != 0x7e00) return bad("NaN as f97e00", "another NaN");
    out = is_nan ? std::numeric_limits<double>::quiet_NaN()
                 : half_value(static_cast<uint16_t>(head.value));
    return {};
  }
  out = head.info == kSingleInfo ? std::bit_cast<float>(static_cast<uint32_t>(head.value))
                                 : std::bit_cast<double>(head.value);
  if (std::isnan(out)) return bad("NaN as f97e00", "a longer NaN");
  CborWriter shortest;
  shortest.real(out);
  const size_t size = head.info == kSingleInfo ? 5 : 9;
  if (shortest.size() != size) return bad("the shortest float", "a longer one");
  return {};
}

Result<double> CborReader::real() {
  const auto type = peek();
  if (!type || *type != CborType::kFloat) return bad("a float");
  Head head;
  DREAMDB_TRY(expect(kSimple, "a float", head));
  double out = 0;
  DREAMDB_TRY(float_value(head, out));
  return out;
}

// Opens the array or map whose head comes next; `take_item` was called for it.
Status CborReader::open(uint8_t major, std::string_view what, uint64_t& count) {
  if (depth_ == kCborNestingMax)
    return bad("at most 16 arrays and maps within each other", "one more");
  const std::byte* start = at_;
  Head head;
  DREAMDB_TRY(decode_head(head));
  const uint64_t per_item = major == kMap ? 2 : 1;
  // An item takes a byte at least: a count that the bytes cannot hold is refused before it is used.
  if (head.value > left() / per_item) {
    at_ = start;
    return bad(std::string(what) + " that fits the bytes left",
               "one of " + std::to_string(head.value));
  }
  count = head.value;
  open_[depth_++] = {count * per_item, major == kMap, {}};
  return {};
}

Result<uint64_t> CborReader::array() {
  if (at_ == end_ || std::to_integer<uint8_t>(*at_) >> 5 != kArray) return bad("an array");
  DREAMDB_TRY(take_item());
  uint64_t count = 0;
  DREAMDB_TRY(open(kArray, "an array", count));
  return count;
}

Result<uint64_t> CborReader::array(uint64_t exactly) {
  const std::byte* start = at_;
  auto count = array();
  if (count && *count != exactly) {
    at_ = start;
    return bad("an array of " + std::to_string(exactly), std::to_string(*count));
  }
  return count;
}

Result<uint64_t> CborReader::map() {
  if (at_ == end_ || std::to_integer<uint8_t>(*at_) >> 5 != kMap) return bad("a map");
  DREAMDB_TRY(take_item());
  uint64_t count = 0;
  DREAMDB_TRY(open(kMap, "a map", count));
  return count;
}

// The key at [start, at_) was read: it must be due and greater than the one before.
Status CborReader::take_key(const std::byte* start) {
  DREAMDB_ASSERT(depth_ > 0 && open_[depth_ - 1].is_map);
  Open& open = open_[depth_ - 1];
  const std::span<const std::byte> encoded(start, at_);
  if (open.left == 0) return bad("another key", "the end of its map");
  DREAMDB_ASSERT(open.left % 2 == 0);
  if (!open.last_key.empty() && !bytes_less(open.last_key, encoded)) {
    at_ = start;
    return bad("a key above the one before", "one that is not");
  }
  open.last_key = encoded;
  --open.left;
  return {};
}

Result<std::string_view> CborReader::key() {
  const std::byte* start = at_;
  if (at_ == end_ || std::to_integer<uint8_t>(*at_) >> 5 != kText) return bad("a text as key");
  std::span<const std::byte> out;
  DREAMDB_TRY(string(kText, "a text as key", out));
  DREAMDB_TRY(take_key(start));
  return as_text(out);
}

Result<uint64_t> CborReader::uint_key() {
  const std::byte* start = at_;
  if (at_ == end_ || std::to_integer<uint8_t>(*at_) >> 5 != kUint)
    return bad("an unsigned integer as key");
  Head head;
  DREAMDB_TRY(decode_head(head));
  DREAMDB_TRY(take_key(start));
  return head.value;
}

Status CborReader::end() {
  DREAMDB_ASSERT(depth_ > 0);
  if (open_[depth_ - 1].left != 0)
    return bad("the end of its array or map",
               std::to_string(open_[depth_ - 1].left) + " items more");
  --depth_;
  return {};
}

Status CborReader::finish() {
  DREAMDB_ASSERT(depth_ == 0);
  if (!has_root_) return bad("an item");
  if (at_ != end_) return bad("the end", std::to_string(left()) + " bytes more");
  return {};
}

Status CborReader::skip_key() {
  if (at_ != end_ && std::to_integer<uint8_t>(*at_) >> 5 == kUint) {
    DREAMDB_TRY(uint_key());
    return {};
  }
  DREAMDB_TRY(key());
  return {};
}

// Reads one scalar, or opens an array or map.
Status CborReader::skip_leaf_or_open() {
  DREAMDB_ASSIGN(const CborType type, peek());
  switch (type) {
    case CborType::kUint: DREAMDB_TRY(uint()); return {};
    case CborType::kNegative: DREAMDB_TRY(integer()); return {};
    case CborType::kBytes: DREAMDB_TRY(bytes()); return {};
    case CborType::kText: DREAMDB_TRY(text()); return {};
    case CborType::kArray: DREAMDB_TRY(array()); return {};
    case CborType::kMap: DREAMDB_TRY(map()); return {};
    case CborType::kFalse:
    case CborType::kTrue: DREAMDB_TRY(boolean()); return {};
    case CborType::kNull: return null();
    case CborType::kFloat: DREAMDB_TRY(real()); return {};
  }
  return bad("an item");
}

Status CborReader::skip() {
  const size_t depth = depth_;
  do {
    if (depth_ > depth) {
      if (open_[depth_ - 1].left == 0) {
        --depth_;
        continue;
      }
      if (open_[depth_ - 1].is_map && open_[depth_ - 1].left % 2 == 0) DREAMDB_TRY(skip_key());
    }
    DREAMDB_TRY(skip_leaf_or_open());
  } while (depth_ > depth);
  return {};
}

Result<std::span<const std::byte>> CborReader::raw_item() {
  const std::byte* start = at_;
  DREAMDB_TRY(skip());
  return std::span<const std::byte>(start, at_);
}

bool CborReader::known_item(std::span<const std::byte> item) {
  if (item.empty() || item.size() > left() || std::memcmp(at_, item.data(), item.size()) != 0)
    return false;
  if (!take_item()) return false;
  at_ += item.size();
  return true;
}

}  // namespace dreamdb
