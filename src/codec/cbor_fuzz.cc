// Any bytes: the reader accepts one encoding only, or names what is wrong.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "codec/cbor.h"

namespace {

using dreamdb::CborReader;
using dreamdb::CborType;
using dreamdb::CborWriter;

// Writes again what the reader reads, item by item; false at the first error.
bool copy_item(CborReader& in, CborWriter& out);

bool copy_items(CborReader& in, CborWriter& out, uint64_t count, bool is_map) {
  for (uint64_t i = 0; i < count; ++i) {
    if (is_map) {
      const auto type = in.peek();
      if (!type) return false;
      if (*type == CborType::kUint) {
        const auto key = in.uint_key();
        if (!key) return false;
        out.uint(*key);
      } else {
        const auto key = in.key();
        if (!key) return false;
        out.text(*key);
      }
    }
    if (!copy_item(in, out)) return false;
  }
  return in.end().has_value();
}

// Recursion ends with the reader's limit on nesting.
bool copy_item(CborReader& in, CborWriter& out) {
  const auto type = in.peek();
  if (!type) return false;
  switch (*type) {
    case CborType::kUint:
      if (const auto v = in.uint()) return out.uint(*v), true;
      return false;
    case CborType::kNegative:
      if (const auto v = in.integer()) return out.integer(*v), true;
      return false;
    case CborType::kBytes:
      if (const auto v = in.bytes()) return out.bytes(*v), true;
      return false;
    case CborType::kText:
      if (const auto v = in.text()) return out.text(*v), true;
      return false;
    case CborType::kFalse:
    case CborType::kTrue:
      if (const auto v = in.boolean()) return out.boolean(*v), true;
      return false;
    case CborType::kNull:
      if (in.null()) return out.null(), true;
      return false;
    case CborType::kFloat:
      if (const auto v = in.real()) return out.real(*v), true;
      return false;
    case CborType::kArray:
      if (const auto n = in.array()) return out.array(*n), copy_items(in, out, *n, false);
      return false;
    case CborType::kMap:
      if (const auto n = in.map()) return out.map(*n), copy_items(in, out, *n, true);
      return false;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  CborReader whole(bytes);
  const bool is_accepted = whole.skip() && whole.finish();
  CborReader in(bytes);
  CborWriter out;
  const bool is_copied = copy_item(in, out) && in.finish();
  if (is_copied != is_accepted) std::abort();
  if (is_copied && !std::ranges::equal(out.span(), bytes)) std::abort();
  return 0;
}
