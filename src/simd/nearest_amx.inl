// The two nearest of many centroids by products of bf16 tiles.
#pragma once

#include "simd/nearest_bf16.inl"

namespace dreamdb::simd {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kTileConfig;

// The compiler does not know that tile instructions read and write memory.
inline void memory_changes() { asm volatile("" ::: "memory"); }

// Scores of a block that have been made and not yet been looked at.
struct MadeBlock {
  const float* products = nullptr;  // [32 centroids][32 rows]
  size_t row = 0;
  size_t centroid = 0;
};

class AmxNearest {
 public:
  AmxNearest(const float* half_squares, size_t dim, const TwoNearest& out)
      : half_squares_(half_squares), steps_(steps_of(dim)), out_(out) {
    _tile_loadconfig(&kTileConfig);
  }
  AmxNearest(const AmxNearest&) = delete;
  AmxNearest& operator=(const AmxNearest&) = delete;
  ~AmxNearest() { _tile_release(); }

  // Multiplies a block, [step][2 tiles] each; between the tiles' products, which leave the vector
  // units idle, the scores of the block before are looked at.
  void multiply(const char* rows, const char* centroids, const MadeBlock& made, float* products) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    Winners low(out_, made.row), high(out_, made.row + kTile);
    const size_t share = (kNearestBlock + steps_ - 1) / steps_;
    size_t next = made.products == nullptr ? kNearestBlock : 0;
    for (size_t step = 0; step < steps_; ++step) {
      memory_changes();
      const char *a = centroids + step * kStepBytes, *b = rows + step * kStepBytes;
      _tile_loadd(4, (a), 64);
      _tile_loadd(6, (b), 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(5, (a + kTileBytes), 64);
      _tile_dpbf16ps(2, 5, 6);
      _tile_loadd(7, (b + kTileBytes), 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
      const size_t end = next + share < kNearestBlock ? next + share : kNearestBlock;
      for (; next < end; ++next) look_at(made, next, low, high);
    }
    low.store(out_, made.row);
    high.store(out_, made.row + kTile);
    constexpr size_t kRowBytes = kNearestBlock * sizeof(float);
    _tile_stored(0, (products), kRowBytes);
    _tile_stored(1, (products + kTile), kRowBytes);
    _tile_stored(2, (products + kTile * kNearestBlock), kRowBytes);
    _tile_stored(3, (products + kTile * kNearestBlock + kTile), kRowBytes);
    memory_changes();
  }

  void finish(const MadeBlock& made) {
    Winners low(out_, made.row), high(out_, made.row + kTile);
    for (size_t i = 0; i < kNearestBlock; ++i) look_at(made, i, low, high);
    low.store(out_, made.row);
    high.store(out_, made.row + kTile);
  }

 private:
  void look_at(const MadeBlock& made, size_t i, Winners& low, Winners& high) const {
    const float* const scores = made.products + i * kNearestBlock;
    const float half_square = half_squares_[made.centroid + i];
    const auto position = static_cast<uint32_t>(made.centroid + i);
    low.take(_mm512_load_ps(scores), half_square, position);
    high.take(_mm512_load_ps(scores + kTile), half_square, position);
  }

  const float* half_squares_;
  size_t steps_;
  const TwoNearest& out_;
};

void find_nearest_amx(const void* rows, size_t row_blocks, const void* centroids,
                      const float* half_squares, size_t centroid_blocks, size_t dim,
                      const TwoNearest& out) {
  const size_t block_bytes = steps_of(dim) * kStepBytes;
  alignas(64) float products[2][kNearestBlock * kNearestBlock];
  AmxNearest amx(half_squares, dim, out);
  MadeBlock made;
  size_t turn = 0;
  for (size_t c = 0; c < centroid_blocks; ++c) {
    for (size_t r = 0; r < row_blocks; ++r) {
      amx.multiply(static_cast<const char*>(rows) + r * block_bytes,
                   static_cast<const char*>(centroids) + c * block_bytes, made, products[turn]);
      made = {products[turn], r * kNearestBlock, c * kNearestBlock};
      turn ^= 1;
    }
  }
  if (made.products != nullptr) amx.finish(made);
}

}  // namespace
}  // namespace dreamdb::simd
