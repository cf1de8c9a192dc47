#include "index/whole_codes.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "search/vector_code.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace dreamdb {

namespace {

constexpr size_t kLine = 64;
// Of the room that matrices have: a segment that takes more is left in blocks.
constexpr uint64_t kRoomParts = 4, kRoomPartsUsed = 3;
constexpr size_t kBlocksAtOnce = 2048;  // 32 MB

// Gives back to the system what blocks that are gone have left between others that stay.
void trim_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

// Gives out parts of some memory, each at the beginning of a line.
class Parts {
 public:
  explicit Parts(std::byte* memory) : memory_(memory) {}

  template <typename T>
  std::span<const T> take(size_t count) {
    const std::byte* const at = memory_ == nullptr ? nullptr : memory_ + size_;
    size_ += (count * sizeof(T) + kLine - 1) / kLine * kLine;
    return {reinterpret_cast<const T*>(at), count};
  }
  size_t size() const { return size_; }

 private:
  std::byte* memory_;
  size_t size_ = 0;
};

template <typename T>
void copy(std::span<const T> from, std::span<const T> to, size_t first) {
  std::memcpy(const_cast<T*>(to.data()) + first, from.data(), from.size_bytes());
}

// Blocks [first, first + count) of a run, of which those that are kept leave the cache.
Result<std::vector<Buffer>> take_blocks(Objects& objects, const SegmentPtr& loaded, const Run& run,
                                        bool is_extra, size_t first, size_t count) {
  const Segment& segment = loaded->segment;
  std::vector<Buffer> out(count);
  std::vector<Extent> missing;
  for (size_t i = 0; i < count; ++i) {
    const CacheKey key{segment.address, Part::kCodes, run.starts[first + i]};
    if (const auto held = objects.caches().find_matrix(key); held != nullptr) {
      out[i] = *held;
      objects.caches().drop_matrix(key);
    } else {
      missing.push_back({loaded, &run, first + i, 1});
    }
  }
  DREAMDB_ASSIGN(const auto stored, objects.extents(missing));
  for (size_t m = 0; m < missing.size(); ++m) {
    const size_t block = missing[m].first_block;
    DREAMDB_ASSIGN(out[block - first], is_extra ? decode_extra(segment, block, stored[m])
                                                : decode_codes(segment, block, stored[m]));
  }
  return out;
}

Status fill(Objects& objects, const SegmentPtr& loaded, const Run& run, bool is_extra,
            WholeCodes& out) {
  for (size_t first = 0; first < run.blocks(); first += kBlocksAtOnce) {
    const size_t count = std::min(kBlocksAtOnce, run.blocks() - first);
    DREAMDB_ASSIGN(auto raws, take_blocks(objects, loaded, run, is_extra, first, count));
    for (size_t i = 0; i < count; ++i) {
      const size_t block = first + i, row = block * run.per;
      if (is_extra)
        out.put(row, view_extra(loaded->segment, block, raws[i]));
      else
        out.put(row, view_codes(loaded->segment, block, raws[i]));
    }
    raws.clear();
    trim_memory();
  }
  return {};
}

struct Sizes {
  uint64_t all = 0, kept = 0;
};

Sizes sizes_of(Caches& caches, const Segment& segment) {
  Sizes sizes;
  const CodeParts& codes = *segment.codes;
  for (const Run* run : {&codes.codes, codes.extra ? &*codes.extra : nullptr})
    for (size_t block = 0; run != nullptr && block < run->blocks(); ++block) {
      sizes.all += run->sizes[block];
      if (caches.has_matrix({segment.address, Part::kCodes, run->starts[block]}))
        sizes.kept += run->sizes[block];
    }
  return sizes;
}

// Whether there is room for all in the place of what is kept, and nothing is read from afar.
bool is_worth_it(Objects& objects, const Segment& segment) {
  Caches& caches = objects.caches();
  const uint64_t room = caches.matrix_room_bytes();
  const Sizes sizes = sizes_of(caches, segment);
  if (sizes.all > room / kRoomParts * kRoomPartsUsed) return false;
  if (objects.store().is_far()) return sizes.kept == sizes.all;
  return caches.matrices_size_bytes() + (sizes.all - sizes.kept) <= room;
}

Result<std::shared_ptr<const WholeCodes>> gather(Objects& objects, const SegmentPtr& loaded) {
  const CodeParts& codes = *loaded->segment.codes;
  auto whole = std::make_shared<WholeCodes>(codes);
  DREAMDB_TRY(fill(objects, loaded, codes.codes, false, *whole));
  if (codes.extra) DREAMDB_TRY(fill(objects, loaded, *codes.extra, true, *whole));
  return whole;
}

// One thread at a time gathers a segment.
class Gathering {
 public:
  explicit Gathering(const LoadedSegment& segment)
      : flag_(segment.is_gathering), is_mine_(flag_.exchange(1) == 0) {}
  ~Gathering() {
    if (is_mine_) flag_.store(0);
  }
  Gathering(const Gathering&) = delete;
  Gathering& operator=(const Gathering&) = delete;
  bool is_mine() const { return is_mine_; }

 private:
  std::atomic_ref<uint32_t> flag_;
  const bool is_mine_;
};

}  // namespace

WholeCodes::WholeCodes(const CodeParts& codes) {
  const size_t dim = padded_dim(codes.dim), rows = codes.codes.items + kSpareRows;
  if (codes.bits > 1) levels_bytes_ = kFactorsBytes + dim / 8 * (codes.bits - 1);
  const auto lay_out = [&](std::byte* memory) {
    Parts parts(memory);
    codes_.bits = parts.take<uint64_t>(rows * (dim / 64));
    codes_.anchors = parts.take<uint64_t>(rows);
    codes_.add = parts.take<float>(rows);
    codes_.scale = parts.take<float>(rows);
    codes_.error = parts.take<float>(rows);
    levels_ = const_cast<std::byte*>(parts.take<std::byte>(rows * levels_bytes_).data());
    return parts.size();
  };
  memory_ = MutableBuffer(lay_out(nullptr));
  lay_out(memory_.data());
  const size_t last = codes.codes.items;
  const auto clear = [&]<typename T>(std::span<const T> values, size_t each) {
    std::memset(const_cast<T*>(values.data()) + last * each, 0, kSpareRows * each * sizeof(T));
  };
  clear(codes_.bits, dim / 64);
  clear(codes_.anchors, 1);
  clear(codes_.add, 1);
  clear(codes_.scale, 1);
  clear(codes_.error, 1);
}

void WholeCodes::put(size_t row, const CodeBlock& block) {
  copy(block.bits, codes_.bits, row * (block.bits.size() / block.add.size()));
  copy(block.anchors, codes_.anchors, row);
  copy(block.add, codes_.add, row);
  copy(block.scale, codes_.scale, row);
  copy(block.error, codes_.error, row);
}

void WholeCodes::put(size_t row, const ExtraBlock& block) {
  const size_t size = levels_bytes_ - kFactorsBytes;
  for (size_t i = 0; i < block.add.size(); ++i) {
    std::byte* const to = levels_ + (row + i) * levels_bytes_;
    const float factors[4] = {block.add[i], block.scale[i], block.error[i], 0};
    std::memcpy(to, factors, kFactorsBytes);
    std::memcpy(to + kFactorsBytes, block.levels.data() + i * size, size);
  }
}

std::shared_ptr<const WholeCodes> whole_codes(Objects& objects, const SegmentPtr& segment,
                                              uint64_t rows) {
  const CacheKey key{segment->segment.address, Part::kWholeCodes, 0};
  auto whole = objects.caches().find_matrix<WholeCodes>(key);
  if (whole != nullptr) return whole;
  const uint64_t all = segment->segment.codes->codes.items;
  const uint64_t before = std::atomic_ref(segment->code_rows_asked).fetch_add(rows);
  if (before / all == (before + rows) / all) return nullptr;
  const Gathering own(*segment);
  if (!own.is_mine() || !is_worth_it(objects, segment->segment)) return nullptr;
  auto gathered = gather(objects, segment);
  if (!gathered) return nullptr;  // who needs what is missing will tell
  objects.caches().keep_matrix<WholeCodes>(key, *gathered, (*gathered)->size_bytes());
  return *gathered;
}

}  // namespace dreamdb
