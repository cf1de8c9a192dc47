// Kernels of AVX-512 with BITALG, VNNI, BF16 and AMX (Sapphire Rapids on): many queries at once are
// a matrix product of bytes. Compiled with those flags, chosen only where they run and the system
// allows it.
#include "simd/bitalg.inl"
#include "simd/nearest_amx.inl"

namespace dreamdb::simd {
namespace {

// A bit of a code becomes the byte 1 or -1, a value of a query, u of 0 ... 15, the byte 2 * u - 15;
// the sum of their products is 15 * dim - 2 * h.
// Codes and queries whose products are held in tiles at once, 2 by 2 of them.
constexpr size_t kBlock = 2 * kTile;
constexpr size_t kAmxWordsMax = 32;
// With fewer queries they are scanned one by one.
constexpr size_t kAmxQueriesMin = 5;

// Address arithmetic only, never a write.
inline void prefetch_to_write(const float* values, size_t ahead) {
  __builtin_prefetch(
      reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(values) + ahead * sizeof(float)),
      1);
}

class AmxScan {
 public:
  explicit AmxScan(size_t words) : words_(words) { _tile_loadconfig(&kTileConfig); }
  AmxScan(const AmxScan&) = delete;
  AmxScan& operator=(const AmxScan&) = delete;
  ~AmxScan() { _tile_release(); }

  // Takes up to 32 queries; places without one hold what is never read.
  void set_queries(const BitQuery* queries, size_t q) {
    for (size_t i = 0; i < q; ++i) expand_query(queries[i], i);
  }

  // Products of 32 codes with the first 16 queries, or with all: [half of queries][code][query].
  // The bytes of the codes are made a step ahead of the product, in few places that stay cached.
  void multiply(const uint64_t* codes, bool all, int32_t* products) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    const size_t words = words_;
    expand_codes(codes, words, 0);
    for (size_t w = 0; w < words; ++w) {
      if (w + 1 < words) expand_codes(codes, words, w + 1);
      memory_changes();
      const int8_t *bytes = codes_[w % kAhead], *queries = queries_[w];
      _tile_loadd(4, (bytes), 64);
      _tile_loadd(6, (queries), 64);
      _tile_dpbssd(0, 4, 6);
      _tile_loadd(5, (bytes + kTileBytes), 64);
      _tile_dpbssd(1, 5, 6);
      if (!all) continue;
      _tile_loadd(7, (queries + kTileBytes), 64);
      _tile_dpbssd(2, 4, 7);
      _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, (products), 64);
    _tile_stored(1, (products + kTile * kTile), 64);
    _tile_stored(2, (products + 2 * kTile * kTile), 64);
    _tile_stored(3, (products + 3 * kTile * kTile), 64);
    memory_changes();
  }

 private:
  static constexpr size_t kAhead = 4;

  // 64 dimensions of 32 codes become two tiles.
  void expand_codes(const uint64_t* codes, size_t words, size_t w) {
    const __m512i one = _mm512_set1_epi8(1), minus_one = _mm512_set1_epi8(-1);
    int8_t* bytes = codes_[w % kAhead];
#pragma GCC unroll 8
    for (size_t code = 0; code < kBlock; ++code)
      _mm512_store_si512(bytes + code * 64,
                         _mm512_mask_blend_epi8(codes[code * words + w], minus_one, one));
  }

  // Row r of a tile of queries holds dimensions 4r to 4r + 3 of each of the 16.
  void expand_query(const BitQuery& query, size_t i) {
    const __m512i rows =
        _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                           _mm512_set1_epi32(64));
    for (size_t w = 0; w < words_; ++w) {
      __m512i bytes = _mm512_set1_epi8(-15);
      for (size_t plane = 0; plane < 4; ++plane)
        bytes = _mm512_mask_add_epi8(bytes, query.planes[plane * words_ + w], bytes,
                                     _mm512_set1_epi8(static_cast<char>(2 << plane)));
      int8_t* tile = queries_[w] + i / kTile * kTileBytes;
      _mm512_i32scatter_epi32(tile + i % kTile * 4, rows, bytes, 1);
    }
  }

  size_t words_;
  alignas(64) int8_t codes_[kAhead][2 * kTileBytes];
  alignas(64) int8_t queries_[kAmxWordsMax][2 * kTileBytes];
};

// Bounds of the whole blocks for up to 32 queries; lower and upper are rows of `count`.
void scan_blocks(AmxScan& amx, const BitQuery* queries, size_t q, const uint64_t* codes,
                 const float* add, const float* scale, const float* err, size_t count, float* lower,
                 float* upper) {
  amx.set_queries(queries, q);
  alignas(64) int32_t products[kBlock * kBlock];
  __m512i columns[kBlock / kTile][kTile];
  for (size_t i = 0; i + kBlock <= count; i += kBlock) {
    prefetch_codes(codes + i * queries[0].words, queries[0].words,
                   codes + count * queries[0].words);
    amx.multiply(codes + i * queries[0].words, q > kTile, products);
    for (size_t first = 0; first < q; first += kTile) {
      const int32_t* half = products + first * kBlock;
      transpose(half, kTile, columns[0]);
      transpose(half + kTile * kTile, kTile, columns[1]);
      for (size_t j = first; j < q && j < first + kTile; ++j) {
        const Scorer<Avx512> scorer(queries[j]);
        for (size_t part = 0; part < 2; ++part) {
          const size_t from = i + part * kTile, to = j * count + from;
          // Where the next block writes: each query writes to lines of its own, and a write that
          // misses the cache holds up those behind it.
          prefetch_to_write(lower + to, kBlock);
          prefetch_to_write(upper + to, kBlock);
          scorer.score_product(_mm512_cvtepi32_ps(columns[part][j - first]), add + from,
                               scale + from, err + from, lower + to, upper + to);
        }
      }
    }
  }
}

void scan_bits_amx(const BitQuery* queries, size_t q, const uint64_t* codes, const float* add,
                   const float* scale, const float* err, size_t count, float* lower, float* upper) {
  if (q < kAmxQueriesMin || queries[0].words > kAmxWordsMax)
    return scan_bits_each<scan_bits_bitalg>(queries, q, codes, add, scale, err, count, lower,
                                            upper);
  const size_t words = queries[0].words, blocks = count - count % kBlock;
  if (blocks > 0) {
    AmxScan amx(words);
    for (size_t j = 0; j < q; j += kBlock)
      scan_blocks(amx, queries + j, q - j < kBlock ? q - j : kBlock, codes, add, scale, err, count,
                  lower + j * count, upper + j * count);
  }
  for (size_t j = 0; j < q; ++j)
    scan_bits_bitalg(queries[j], codes + blocks * words, add + blocks, scale + blocks, err + blocks,
                     count - blocks, lower + j * count + blocks, upper + j * count + blocks);
}

constexpr Kernels make_amx_kernels() {
  Kernels kernels = make_kernels<Avx512>("amx");
  kernels.scan_bits = scan_bits_bitalg;
  kernels.scan_bits_many = scan_bits_amx;
  kernels.nearest = make_nearest_bf16(find_nearest_amx);
  return kernels;
}

}  // namespace

const Kernels kAmxKernels = make_amx_kernels();

}  // namespace dreamdb::simd
