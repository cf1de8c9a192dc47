// Codes of vectors: RaBitQ, one sign a dimension, and 2 to 8 bits a dimension (spec 12).
//
// D is the dimension padded to a multiple of 64. What is encoded has the same bits on every
// machine. Sources: Gao and Long, "RaBitQ" (SIGMOD 2024) and "Practical and asymptotically optimal
// quantization" (SIGMOD 2025).
//
// Thread rule: pure; an encoder is for one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "search/exact.h"

namespace dreamdb {

inline constexpr size_t kCodeBitsMax = 8;

constexpr size_t padded_dim(size_t dim) { return (dim + 63) / 64 * 64; }

// Four rounds of D random signs, one bit each: uint64[4 * D / 64].
std::vector<uint64_t> make_signs(size_t padded, uint64_t seed);

// The level scale `g` of spec 12.5 that fits most vectors once they are rotated: near the best for
// Gaussian ones. O(2^bits D log D).
double make_level_scale(size_t padded, int bits);

// out[D]: the vector, padded with zeros; its direction under cosine (zeros of a zero vector).
void place_vector(Metric metric, std::span<const float> vector, std::span<float> out);

struct CodeFactors {
  float add = 0, scale = 0, error = 0;
  bool operator==(const CodeFactors&) const = default;
};

// What all codes of an index share. Kept by its owner: encoders and queries refer to it.
struct CodeFrame {
  Metric metric = Metric::kCosine;
  std::vector<float> origin;    // [D]
  std::vector<uint64_t> signs;  // [4 * D / 64]

  size_t dim() const { return origin.size(); }
  size_t words() const { return origin.size() / 64; }
};

// Encodes the vectors of one cell.
class CellEncoder {
 public:
  // centroid: [D], padded.
  CellEncoder(const CodeFrame& frame, std::span<const float> centroid);

  // vector: [D], placed; bits: [D / 64] words, written.
  CodeFactors encode(std::span<const float> vector, uint64_t* bits);
  // levels: [D], each in [0, 2^bits), written; bits 2 to 8.
  CodeFactors encode_levels(std::span<const float> vector, int bits, double level_scale,
                            uint8_t* levels);

 private:
  void rotate_residual(std::span<const float> vector);
  // zero: the factors would not be finite
  CodeFactors factors(double a, double e, double yt, double l2) const;

  const CodeFrame& frame_;
  std::span<const float> centroid_;
  std::vector<float> offset_;    // rotate(c - m)
  std::vector<float> residual_;  // rotate(x - c)
  float along_ = 0;              // dot(x - c, c)
};

// A query made ready for the codes of all cells: levels of 4 bits on a centred grid, as bit planes.
// The rounding adds about a fifth of the spread that one-bit codes have: 2 % to the sum of both
// when |q - m| is |q - c|. Of a query at the origin, or so large or small that its levels are no
// numbers in f32, all levels and the unit are 0.
class CodeQuery {
 public:
  // query: [D], placed.
  CodeQuery(const CodeFrame& frame, std::span<const float> query);

  const uint64_t* planes() const { return planes_.data(); }  // [4, D / 64]
  // Of `h`, the weighted count of bits that differ, 15 D - 2 h times this is the sum that spec 12.4
  // adds times `scale`.
  float unit() const { return unit_; }
  std::span<const float> rotated() const { return rotated_; }  // [D]: rotate(q - m)

 private:
  std::vector<float> rotated_;
  std::vector<uint64_t> planes_;
  float unit_ = 0;
};

}  // namespace dreamdb
