#include "codec/pack.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "codec/bits.h"

namespace dreamdb {

namespace {

constexpr int kZstdLevel = 3;          // about 300 MB/s, within a tenth of what higher levels save
constexpr size_t kForHeaderSize = 16;  // i64 minimum, u8 width, 7 zero bytes
constexpr size_t kDeltaHeaderSize = 24;  // u64 first, u64 least difference, u8 width, 7 zero bytes
// Values packed or unpacked at a time: the scratch array stays in the first-level cache. A multiple
// of 8, so that each piece begins at a whole byte.
constexpr size_t kPiece = 1024;

template <typename T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

template <typename T>
void store(std::byte* p, T value) {
  std::memcpy(p, &value, sizeof value);
}

std::unexpected<Error> corrupt(std::string message) {
  return fail(Code::kCorruption, "block: " + std::move(message));
}

// A context costs more to make than a small payload to decode, so each thread keeps one.
struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Nothing when zstd saves less than an eighth.
std::optional<Buffer> encode_zstd(const Buffer& raw) {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeZstd> context(ZSTD_createCCtx());
  const size_t worth = raw.size() - (raw.size() + 7) / 8;
  if (context == nullptr || worth == 0) return std::nullopt;
  // No room for more than what is worth keeping: zstd gives up there.
  MutableBuffer out(worth);
  const size_t size =
      ZSTD_compressCCtx(context.get(), out.data(), out.size(), raw.data(), raw.size(), kZstdLevel);
  if (ZSTD_isError(size)) return std::nullopt;
  // A copy, so that the slack is not kept alive.
  return Buffer::copy_of(out.span().first(size));
}

Result<Buffer> decode_zstd(const Buffer& stored, uint64_t raw_size) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
  if (context == nullptr) return fail(Code::kExhausted, "no memory for a zstd context");
  constexpr uint32_t kFrameMagic = 0xfd2fb528;
  const size_t frame = ZSTD_findFrameCompressedSize(stored.data(), stored.size());
  if (stored.size() < 4 || load<uint32_t>(stored.data()) != kFrameMagic || frame != stored.size())
    return corrupt("expected one whole zstd frame in " + std::to_string(stored.size()) + " bytes");
  const unsigned long long declared = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (declared != ZSTD_CONTENTSIZE_UNKNOWN && declared != raw_size)
    return corrupt("expected a zstd frame of " + std::to_string(raw_size) +
                   " raw bytes, found one of " + std::to_string(declared));
  MutableBuffer raw(raw_size);
  const size_t size =
      ZSTD_decompressDCtx(context.get(), raw.data(), raw.size(), stored.data(), stored.size());
  if (ZSTD_isError(size))
    return corrupt(std::string("zstd cannot decode it: ") + ZSTD_getErrorName(size));
  if (size != raw_size)
    return corrupt("expected " + std::to_string(raw_size) + " raw bytes, found " +
                   std::to_string(size));
  return std::move(raw).freeze();
}

// Checks a header's width and its seven zero bytes, and the size and padding of the packed values.
Status check_packed(const Buffer& stored, size_t header_size, uint64_t count) {
  const std::byte* width_at = stored.data() + header_size - 8;
  const uint64_t width = load<uint64_t>(width_at);  // with the seven zero bytes as its upper ones
  if (width > 64)
    return corrupt("expected a width of 0 to 64 bits and 7 zero bytes, found " +
                   std::to_string(width));
  const uint64_t size = header_size + packed_size(count, static_cast<unsigned>(width));
  if (stored.size() != size)
    return corrupt("expected " + std::to_string(size) + " stored bytes for " +
                   std::to_string(count) + " values of " + std::to_string(width) + " bits, found " +
                   std::to_string(stored.size()));
  if (!padding_is_zero(stored.span().subspan(header_size), count, static_cast<unsigned>(width)))
    return corrupt("expected zero bits behind the last value, found others");
  return {};
}

// Calls piece(first index, values) for all packed values in turn.
template <typename F>
void for_each_piece(const std::byte* packed, uint64_t count, unsigned width, F piece) {
  std::array<uint64_t, kPiece> values;
  for (uint64_t done = 0; done < count;) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(kPiece, count - done));
    const std::span<uint64_t> part(values.data(), n);
    unpack_bits({packed + done / 8 * width, static_cast<size_t>(packed_size(n, width))}, width,
                part);
    piece(done, std::span<const uint64_t>(part));
    done += n;
  }
}

// Frame of reference of u32 or i64. Nothing when it is not smaller than raw.
template <typename T>
std::optional<Buffer> encode_frame_of_reference(const Buffer& raw) {
  const size_t count = raw.size() / sizeof(T);
  if (count == 0 || raw.size() % sizeof(T) != 0) return std::nullopt;
  T least = load<T>(raw.data());
  T greatest = least;
  for (size_t i = 1; i < count; ++i) {
    const T value = load<T>(raw.data() + i * sizeof(T));
    least = std::min(least, value);
    greatest = std::max(greatest, value);
  }
  const auto base = static_cast<uint64_t>(static_cast<int64_t>(least));
  const unsigned width = bit_width(static_cast<uint64_t>(static_cast<int64_t>(greatest)) - base);
  const uint64_t size = kForHeaderSize + packed_size(count, width);
  if (size >= raw.size()) return std::nullopt;
  MutableBuffer out(size);
  store(out.data(), base);
  store(out.data() + 8, uint64_t{width});
  std::array<uint64_t, kPiece> values;
  for (size_t done = 0; done < count;) {
    const size_t n = std::min(kPiece, count - done);
    for (size_t i = 0; i < n; ++i) {
      const auto value = static_cast<int64_t>(load<T>(raw.data() + (done + i) * sizeof(T)));
      values[i] = static_cast<uint64_t>(value) - base;
    }
    pack_bits({values.data(), n}, width, out.data() + kForHeaderSize + done / 8 * width);
    done += n;
  }
  return std::move(out).freeze();
}

template <typename T>
Result<Buffer> decode_frame_of_reference(const Buffer& stored, uint64_t raw_size) {
  if (raw_size % sizeof(T) != 0 || stored.size() < kForHeaderSize)
    return corrupt("expected a frame of reference of whole values, found " +
                   std::to_string(stored.size()) + " stored and " + std::to_string(raw_size) +
                   " raw bytes");
  const uint64_t count = raw_size / sizeof(T);
  DREAMDB_TRY(check_packed(stored, kForHeaderSize, count));
  const auto base = load<int64_t>(stored.data());
  const auto width = static_cast<unsigned>(load<uint64_t>(stored.data() + 8));
  constexpr int64_t kMax = std::numeric_limits<T>::max();
  if (base < static_cast<int64_t>(std::numeric_limits<T>::min()) || base > kMax)
    return corrupt("expected a minimum that fits the values, found " + std::to_string(base));
  // Checked once for all values of a piece: the largest difference must not lead above the type.
  const uint64_t room = static_cast<uint64_t>(kMax) - static_cast<uint64_t>(base);
  MutableBuffer raw(raw_size);
  bool fits = true;
  for_each_piece(stored.data() + kForHeaderSize, count, width,
                 [&](uint64_t first, std::span<const uint64_t> values) {
                   auto* out = reinterpret_cast<T*>(raw.data()) + first;
                   uint64_t largest = 0;
                   for (size_t i = 0; i < values.size(); ++i) {
                     largest = std::max(largest, values[i]);
                     out[i] = static_cast<T>(static_cast<uint64_t>(base) + values[i]);
                   }
                   fits = fits && largest <= room;
                 });
  if (!fits) return corrupt("expected values that fit their type, found a larger one");
  return std::move(raw).freeze();
}

// Delta of ascending u64. Nothing when they do not ascend or it is not smaller than raw.
std::optional<Buffer> encode_delta(const Buffer& raw) {
  const size_t count = raw.size() / 8;
  if (count < 2 || raw.size() % 8 != 0) return std::nullopt;
  const auto value = [&](size_t i) { return load<uint64_t>(raw.data() + i * 8); };
  uint64_t least = ~0ull;
  uint64_t greatest = 0;
  bool ascends = true;
  for (size_t i = 1; i < count; ++i) {
    const uint64_t difference = value(i) - value(i - 1);
    ascends = ascends && value(i) >= value(i - 1);
    least = std::min(least, difference);
    greatest = std::max(greatest, difference);
  }
  const unsigned width = bit_width(greatest - least);
  const uint64_t size = kDeltaHeaderSize + packed_size(count - 1, width);
  if (!ascends || size >= raw.size()) return std::nullopt;
  MutableBuffer out(size);
  store(out.data(), value(0));
  store(out.data() + 8, least);
  store(out.data() + 16, uint64_t{width});
  std::array<uint64_t, kPiece> values;
  for (size_t done = 0; done < count - 1;) {
    const size_t n = std::min(kPiece, count - 1 - done);
    for (size_t i = 0; i < n; ++i) values[i] = value(done + i + 1) - value(done + i) - least;
    pack_bits({values.data(), n}, width, out.data() + kDeltaHeaderSize + done / 8 * width);
    done += n;
  }
  return std::move(out).freeze();
}

Result<Buffer> decode_delta(const Buffer& stored, uint64_t raw_size) {
  if (raw_size == 0 || raw_size % 8 != 0 || stored.size() < kDeltaHeaderSize)
    return corrupt("expected differences of one u64 at least, found " +
                   std::to_string(stored.size()) + " stored and " + std::to_string(raw_size) +
                   " raw bytes");
  const uint64_t count = raw_size / 8 - 1;
  DREAMDB_TRY(check_packed(stored, kDeltaHeaderSize, count));
  const auto least = load<uint64_t>(stored.data() + 8);
  const auto width = static_cast<unsigned>(load<uint64_t>(stored.data() + 16));
  MutableBuffer raw(raw_size);
  auto* out = reinterpret_cast<uint64_t*>(raw.data());
  uint64_t last = out[0] = load<uint64_t>(stored.data());
  bool overflows = false;
  for_each_piece(stored.data() + kDeltaHeaderSize, count, width,
                 [&](uint64_t first, std::span<const uint64_t> values) {
                   for (size_t i = 0; i < values.size(); ++i) {
                     const uint64_t difference = values[i] + least;
                     const uint64_t next = last + difference;
                     overflows |= difference < least || next < last;
                     out[first + i + 1] = last = next;
                   }
                 });
  if (overflows) return corrupt("expected ascending values of 64 bits, found an overflow");
  return std::move(raw).freeze();
}

}  // namespace

Encoded encode_block(Item item, const Buffer& raw, bool try_zstd) {
  std::optional<Buffer> packed;
  Codec codec = Codec::kRaw;
  switch (item) {
    case Item::kBytes:
      codec = Codec::kZstd;
      if (try_zstd) packed = encode_zstd(raw);
      break;
    case Item::kU32:
      codec = Codec::kFrameOfReference;
      packed = encode_frame_of_reference<uint32_t>(raw);
      break;
    case Item::kI64:
      codec = Codec::kFrameOfReference;
      packed = encode_frame_of_reference<int64_t>(raw);
      break;
    case Item::kU64:
      codec = Codec::kDelta;
      packed = encode_delta(raw);
      break;
  }
  if (!packed) return {Codec::kRaw, raw};
  return {codec, *std::move(packed)};
}

Result<Buffer> decode_block(Codec codec, Item item, const Buffer& stored, uint64_t raw_size) {
  switch (codec) {
    case Codec::kRaw:
      if (stored.size() != raw_size)
        return corrupt("expected " + std::to_string(raw_size) + " bytes, found " +
                       std::to_string(stored.size()));
      return stored;
    case Codec::kZstd: return decode_zstd(stored, raw_size);
    case Codec::kFrameOfReference:
      if (item == Item::kU32) return decode_frame_of_reference<uint32_t>(stored, raw_size);
      if (item == Item::kI64) return decode_frame_of_reference<int64_t>(stored, raw_size);
      break;
    case Codec::kDelta:
      if (item == Item::kU64) return decode_delta(stored, raw_size);
      break;
  }
  return corrupt("expected a codec for its items, found codec " +
                 std::to_string(static_cast<int>(codec)));
}

}  // namespace dreamdb
