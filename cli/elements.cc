// One pair of loops, instantiated for each pair of element types.
#include "cli/elements.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "cli/half.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

template <typename T>
T load(const std::byte* from, size_t index) {
  T value;
  std::memcpy(&value, from + index * sizeof(T), sizeof(T));
  return value;
}
template <typename T>
void store(std::byte* to, size_t index, T value) {
  std::memcpy(to + index * sizeof(T), &value, sizeof(T));
}

// A number may become another one nearby, but no infinity.
template <typename V>
bool keeps_finite(V value, bool is_stored_finite) {
  return is_stored_finite || !std::isfinite(static_cast<double>(value));
}

// Stores a number of any kind; false where it does not fit.
template <typename V>
bool put(std::byte* to, size_t index, Dtype dtype, V value) {
  const auto whole = [&]<typename T>(T*) {
    if constexpr (std::is_floating_point_v<V>) {
      return false;
    } else {
      if (!std::in_range<T>(value)) return false;
      store(to, index, static_cast<T>(value));
      return true;
    }
  };
  switch (dtype) {
    case Dtype::kBool:
      if constexpr (!std::is_floating_point_v<V>) {
        if (value != 0 && value != 1) return false;
        store(to, index, static_cast<uint8_t>(value));
        return true;
      }
      return false;
    case Dtype::kI8: return whole(static_cast<int8_t*>(nullptr));
    case Dtype::kI16: return whole(static_cast<int16_t*>(nullptr));
    case Dtype::kI32: return whole(static_cast<int32_t*>(nullptr));
    case Dtype::kI64: return whole(static_cast<int64_t*>(nullptr));
    case Dtype::kU8: return whole(static_cast<uint8_t*>(nullptr));
    case Dtype::kU16: return whole(static_cast<uint16_t*>(nullptr));
    case Dtype::kU32: return whole(static_cast<uint32_t*>(nullptr));
    case Dtype::kU64: return whole(static_cast<uint64_t*>(nullptr));
    case Dtype::kF16: {
      const uint16_t half = double_to_half(static_cast<double>(value));
      store(to, index, half);
      return keeps_finite(value, (half & 0x7c00) != 0x7c00);
    }
    case Dtype::kBf16: {
      const uint16_t half = double_to_bf16(static_cast<double>(value));
      store(to, index, half);
      return keeps_finite(value, (half & 0x7f80) != 0x7f80);
    }
    case Dtype::kF32: {
      const auto single = static_cast<float>(value);
      store(to, index, single);
      return keeps_finite(value, std::isfinite(single));
    }
    case Dtype::kF64: store(to, index, static_cast<double>(value)); return true;
  }
  return false;
}

// Calls `visit(index, value)` for each element of `raw` until it returns false; where it stopped.
template <typename Visit>
size_t for_each(const NpyHeader& header, const Buffer& raw, const Visit& visit) {
  const size_t count = raw.size() / header.item_bytes;
  const auto walk = [&]<typename T>(T*) {
    size_t i = 0;
    while (i < count && visit(i, load<T>(raw.data(), i))) ++i;
    return i;
  };
  const auto halves = [&] {
    size_t i = 0;
    while (i < count && visit(i, half_to_double(load<uint16_t>(raw.data(), i)))) ++i;
    return i;
  };
  const size_t size = header.item_bytes;
  switch (header.kind) {
    case NpyKind::kFloat:
      if (size == 2) return halves();
      return size == 4 ? walk(static_cast<float*>(nullptr)) : walk(static_cast<double*>(nullptr));
    case NpyKind::kInt:
    case NpyKind::kTime:
      if (size == 1) return walk(static_cast<int8_t*>(nullptr));
      if (size == 2) return walk(static_cast<int16_t*>(nullptr));
      return size == 4 ? walk(static_cast<int32_t*>(nullptr))
                       : walk(static_cast<int64_t*>(nullptr));
    case NpyKind::kBool:
    case NpyKind::kRaw:
    case NpyKind::kUint:
      if (size == 1) return walk(static_cast<uint8_t*>(nullptr));
      if (size == 2) return walk(static_cast<uint16_t*>(nullptr));
      return size == 4 ? walk(static_cast<uint32_t*>(nullptr))
                       : walk(static_cast<uint64_t*>(nullptr));
  }
  return 0;
}

// No NaN and no infinity among `count` floats: in pieces that the compiler turns into SIMD.
bool all_finite(const std::byte* floats, size_t count) {
  constexpr size_t kPiece = 64;
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t bad = 0;
  size_t i = 0;
  for (; i + kPiece <= count && bad == 0; i += kPiece) {
    for (size_t j = 0; j < kPiece; ++j) {
      bad |= static_cast<uint32_t>((load<uint32_t>(floats, i + j) & kExponent) == kExponent);
    }
  }
  for (; i < count; ++i) {
    bad |= static_cast<uint32_t>((load<uint32_t>(floats, i) & kExponent) == kExponent);
  }
  return bad == 0;
}

// The element type that the values of a field have in memory.
Dtype dtype_in_memory(const Field& field) {
  switch (field.type) {
    case FieldType::kBool: return Dtype::kBool;
    case FieldType::kFloat: return Dtype::kF64;
    case FieldType::kInt:
    case FieldType::kTimestamp: return Dtype::kI64;
    default: return field.dtype;
  }
}

bool must_be_finite(const Field& field) {
  return field.type == FieldType::kEmbedding || field.type == FieldType::kFloat;
}

bool converts(const NpyHeader& header, const Field& field) {
  const Dtype to = dtype_in_memory(field);
  switch (header.kind) {
    case NpyKind::kFloat: return is_float(to);
    case NpyKind::kRaw: return to == Dtype::kBf16;
    case NpyKind::kTime: return field.type == FieldType::kTimestamp;
    case NpyKind::kBool: return true;
    case NpyKind::kInt:
    case NpyKind::kUint: return to != Dtype::kBool;
  }
  return false;
}

std::string shape_text(const std::vector<uint64_t>& shape) {
  std::string out = "(";
  for (size_t i = 0; i < shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return out + ")";
}

Error element_error(const NpyHeader& header, size_t element, uint64_t first_row,
                    const std::string& name, const std::string& what) {
  const uint64_t items = header.row_items();
  std::string place = name + " row " + std::to_string(first_row + element / items);
  if (items > 1) place += ", element " + std::to_string(element % items);
  return Error{Code::kInvalidArgument, place + ": " + what};
}

// An element type that is the field's own: its bytes are taken as they are.
bool same_bytes(const NpyHeader& header, Dtype dtype) {
  if (header.kind == NpyKind::kTime) return header.time_unit_ns == 1;
  const std::string want = npy_descr(dtype);
  return header.descr.substr(1) == want.substr(1);
}

}  // namespace

bool is_float(Dtype dtype) {
  return dtype == Dtype::kF16 || dtype == Dtype::kBf16 || dtype == Dtype::kF32 ||
         dtype == Dtype::kF64;
}

std::string beyond_text(Dtype dtype) {
  std::string_view most;
  switch (dtype) {
    case Dtype::kF16: most = "65504"; break;
    case Dtype::kBf16: most = "3.3895314e+38"; break;
    case Dtype::kF32: most = "3.4028235e+38"; break;
    default: most = "1.7976931348623157e+308"; break;
  }
  return "a number beyond " + std::string(dtype_name(dtype)) + ", which ends at " +
         std::string(most);
}

std::string npy_descr(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool: return "|b1";
    case Dtype::kI8: return "|i1";
    case Dtype::kI16: return "<i2";
    case Dtype::kI32: return "<i4";
    case Dtype::kI64: return "<i8";
    case Dtype::kU8: return "|u1";
    case Dtype::kU16: return "<u2";
    case Dtype::kU32: return "<u4";
    case Dtype::kU64: return "<u8";
    case Dtype::kF16: return "<f2";
    case Dtype::kBf16: return "|V2";
    case Dtype::kF32: return "<f4";
    case Dtype::kF64: return "<f8";
  }
  return "|V1";
}

bool store_double(std::byte* elements, size_t index, Dtype dtype, double value) {
  return put(elements, index, dtype, value);
}
bool store_int(std::byte* elements, size_t index, Dtype dtype, int64_t value) {
  return put(elements, index, dtype, value);
}
bool store_uint(std::byte* elements, size_t index, Dtype dtype, uint64_t value) {
  return put(elements, index, dtype, value);
}

Status check_npy_fits(const NpyHeader& header, const Field& field, std::string_view name) {
  const std::string file(name);
  if (is_blob(field.type) || is_string(field.type)) {
    return fail(Code::kInvalidArgument, file + ": field `" + field.name + "` is " +
                                            std::string(type_name(field.type)) +
                                            ", which no .npy holds; give it in the JSON lines");
  }
  const std::vector<uint64_t> want = is_matrix(field.type) ? field.shape : std::vector<uint64_t>{};
  const std::vector<uint64_t> found = header.row_shape();
  if (found != want && !(want.empty() && header.row_items() == 1)) {
    return fail(Code::kInvalidArgument, file + ": field `" + field.name + "` has rows of shape " +
                                            shape_text(want) + ", found rows of shape " +
                                            shape_text(found) + " (the array is " +
                                            shape_text(header.shape) + ")");
  }
  if (!converts(header, field)) {
    return fail(
        Code::kInvalidArgument,
        file + ": element type '" + header.descr + "' does not become " +
            std::string(is_matrix(field.type) ? dtype_name(field.dtype) : type_name(field.type)) +
            " without loss (field `" + field.name + "`); convert it with astype first");
  }
  return {};
}

Result<Buffer> npy_values(const NpyHeader& header, const Buffer& raw, const Field& field,
                          uint64_t first_row, std::string_view name) {
  const Dtype dtype = dtype_in_memory(field);
  const std::string file(name);
  const bool finite = must_be_finite(field);
  const bool copy = !same_bytes(header, dtype);
  const size_t count = raw.size() / header.item_bytes;
  MutableBuffer out(copy ? count * dtype_size_bytes(dtype) : 0);
  std::byte* to = out.data();
  const int64_t unit = header.time_unit_ns;
  const bool time = header.kind == NpyKind::kTime;
  if (!copy && !finite && !time && header.kind != NpyKind::kBool) return raw;
  if (!copy && dtype == Dtype::kF32 && all_finite(raw.data(), count)) return raw;

  std::string what;
  const size_t end = for_each(header, raw, [&](size_t i, auto value) {
    using V = decltype(value);
    if constexpr (std::is_floating_point_v<V>) {
      if (finite && !std::isfinite(value)) {
        what = "field `" + field.name + "` takes finite numbers, found " +
               short_double(static_cast<double>(value)) + "; leave such rows out";
        return false;
      }
    }
    if constexpr (std::is_same_v<V, int64_t>) {
      if (time && (value == std::numeric_limits<int64_t>::min() ||
                   __builtin_mul_overflow(value, unit, &value))) {
        what = "field `" + field.name + "`: NaT or a time beyond years 1677 to 2262";
        return false;
      }
    }
    if (!copy && header.kind != NpyKind::kBool) return true;
    if (header.kind == NpyKind::kBool && value > 1) {
      what = "a bool is 0 or 1, found another byte";
      return false;
    }
    if (copy && header.kind == NpyKind::kRaw) {
      store(to, i, static_cast<uint16_t>(value));
      return true;
    }
    if (copy && !put(to, i, dtype, value)) {
      what = is_float(dtype)
                 ? "field `" + field.name + "`: " + short_double(static_cast<double>(value)) +
                       " is " + beyond_text(dtype)
                 : "the value does not fit " + std::string(dtype_name(dtype)) + " of field `" +
                       field.name + "`";
      return false;
    }
    return true;
  });
  if (end != count) return std::unexpected(element_error(header, end, first_row, file, what));
  if (!copy) return raw;
  return std::move(out).freeze();
}

Result<Buffer> npy_anchors(const NpyHeader& header, const Buffer& raw, uint64_t first_row,
                           std::string_view name) {
  if ((header.kind != NpyKind::kInt && header.kind != NpyKind::kUint) || header.row_items() != 1) {
    return fail(Code::kInvalidArgument, std::string(name) +
                                            ": anchors are one integer a row, found rows of '" +
                                            header.descr + "' " + shape_text(header.row_shape()));
  }
  const size_t count = raw.size() / header.item_bytes;
  MutableBuffer out(count * sizeof(uint64_t));
  const size_t end = for_each(header, raw, [&](size_t i, auto value) {
    if constexpr (std::is_integral_v<decltype(value)>) {
      return put(out.data(), i, Dtype::kU64, value) && static_cast<uint64_t>(value) != UINT64_MAX;
    }
    return false;
  });
  if (end != count) {
    return std::unexpected(element_error(header, end, first_row, std::string(name),
                                         "an anchor is a whole number from 0 to 2^64-2"));
  }
  return std::move(out).freeze();
}

}  // namespace dreamdb::cli
