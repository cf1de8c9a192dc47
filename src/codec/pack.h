// Block codecs (spec chapter 7.1): zstd, frame of reference, delta; and bit packing below them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dreamdb/buffer.h"
#include "dreamdb/result.h"

namespace dreamdb {

enum class Codec : uint8_t { kRaw = 0, kZstd = 1, kFrameOfReference = 2, kDelta = 3 };

// What the items of a run are, as far as a codec must know.
enum class Item : uint8_t { kBytes, kU32, kI64, kU64 };

struct Encoded {
  Codec codec;
  Buffer stored;
};

// The smallest encoding among `raw` and what fits the item: zstd (for kBytes; kept only when it
// saves at least an eighth), frame of reference (kU32, kI64), delta (kU64 strictly ascending).
Encoded encode_block(Item item, const Buffer& raw, bool try_zstd);

// The raw bytes of a block. `raw_size` is known from the run; a mismatch, an overflow or non-zero
// unused bits are Corruption. kRaw returns `stored` itself. Memory is bounded by `raw_size`, and
// raw_size must already have been checked against the limits.
Result<Buffer> decode_block(Codec codec, Item item, const Buffer& stored, uint64_t raw_size);

}  // namespace dreamdb
