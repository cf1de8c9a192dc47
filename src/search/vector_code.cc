#include "search/vector_code.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>

#include "base/assert.h"
#include "search/split_mix.h"
#include "simd/simd.h"

namespace dreamdb {

namespace {

constexpr size_t kLanes = 16;

double normal(SplitMix& random) {
  const double radius = std::sqrt(-2 * std::log(random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

// Spec 12.1, over f64.
double ordered_squares(std::span<const float> padded) {
  std::array<double, kLanes> lanes{};
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = static_cast<double>(padded[i]) * padded[i];
  for (size_t at = kLanes; at < padded.size(); at += kLanes) {
    for (size_t i = 0; i < kLanes; ++i)
      lanes[i] += static_cast<double>(padded[at + i]) * padded[at + i];
  }
  for (size_t half = kLanes / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

// The scale at which rounding `sizes` (absolute values of a vector of length 1) to levels keeps
// its direction best. Sweeps over the scales at which a value passes on to its next level.
double best_scale(std::span<const double> sizes, int bits) {
  const int steps = (1 << (bits - 1)) - 1;
  struct Step {
    double scale;
    double size;
    int level;  // that begins there
  };
  std::vector<Step> order;
  double along = 0, square = 0;
  for (const double size : sizes) {
    along += size / 2;
    square += 0.25;
    for (int level = 1; level <= steps && size > 0; ++level)
      order.push_back({level / size, size, level});
  }
  std::ranges::sort(order, {}, &Step::scale);
  double best = 0, best_cosine = 0;
  for (const Step& step : order) {
    along += step.size;
    square += 2.0 * step.level;
    const double cosine = along / std::sqrt(square);
    if (cosine > best_cosine) best_cosine = cosine, best = step.scale;
  }
  return best;
}

}  // namespace

std::vector<uint64_t> make_signs(size_t padded, uint64_t seed) {
  SplitMix random(seed);
  std::vector<uint64_t> signs(4 * padded / 64);
  for (uint64_t& word : signs) word = random.next();
  return signs;
}

double make_level_scale(size_t padded, int bits) {
  DREAMDB_ASSERT(bits >= 2 && bits <= static_cast<int>(kCodeBitsMax));
  constexpr int kSamples = 16;
  SplitMix random(padded);
  double sum = 0;
  std::vector<double> sizes(padded);
  for (int sample = 0; sample < kSamples; ++sample) {
    double square = 0;
    for (double& size : sizes) size = std::abs(normal(random)), square += size * size;
    for (double& size : sizes) size /= std::sqrt(square);
    sum += best_scale(sizes, bits);
  }
  return sum / kSamples;
}

void place_vector(Metric metric, std::span<const float> vector, std::span<float> out) {
  DREAMDB_ASSERT(out.size() == padded_dim(vector.size()));
  std::ranges::fill(std::ranges::copy(vector, out.begin()).out, out.end(), 0.0f);
  if (metric != Metric::kCosine) return;
  const double square = ordered_squares(out);
  if (square == 0) {
    std::ranges::fill(out, 0.0f);
    return;
  }
  const double length = std::sqrt(square);
  for (float& value : out) value = static_cast<float>(value / length);
}

CellEncoder::CellEncoder(const CodeFrame& frame, std::span<const float> centroid)
    : frame_(frame), centroid_(centroid), offset_(frame.dim()), residual_(frame.dim()) {
  DREAMDB_ASSERT(centroid.size() == frame.dim());
  for (size_t j = 0; j < frame.dim(); ++j) offset_[j] = centroid[j] - frame.origin[j];
  simd::rotate(offset_.data(), frame.dim(), frame.signs.data());
}

void CellEncoder::rotate_residual(std::span<const float> vector) {
  const size_t dim = frame_.dim();
  DREAMDB_ASSERT(vector.size() == dim);
  for (size_t j = 0; j < dim; ++j) residual_[j] = vector[j] - centroid_[j];
  along_ = simd::dot_ordered(residual_.data(), centroid_.data(), dim);
  simd::rotate(residual_.data(), dim, frame_.signs.data());
}

CodeFactors CellEncoder::factors(double a, double e, double yt, double l2) const {
  CodeFactors out;
  if (frame_.metric == Metric::kL2) {
    out = {static_cast<float>(-l2 - 2 * a * yt), static_cast<float>(2 * a),
           static_cast<float>(2 * e)};
  } else {
    out = {static_cast<float>(along_ - a * yt), static_cast<float>(a), static_cast<float>(e)};
  }
  const bool finite =
      std::isfinite(out.add) && std::isfinite(out.scale) && std::isfinite(out.error);
  return finite ? out : CodeFactors{};
}

CodeFactors CellEncoder::encode(std::span<const float> vector, uint64_t* bits) {
  rotate_residual(vector);
  const double dim = static_cast<double>(frame_.dim());
  float sums[3];
  simd::encode_bits(residual_.data(), offset_.data(), frame_.dim(), bits, sums);
  const double l1 = sums[0], l2 = sums[1];
  CodeFactors out;
  if (l1 != 0 && l2 != 0 && std::isfinite(l1) && std::isfinite(l2)) {
    const double e = std::sqrt(std::max(0.0, l2 * (dim * l2 / (l1 * l1) - 1) / (dim - 1)));
    out = factors(l2 / l1, e, sums[2], l2);
  }
  if (out == CodeFactors{}) std::fill_n(bits, frame_.words(), 0);
  return out;
}

CodeFactors CellEncoder::encode_levels(std::span<const float> vector, int bits, double level_scale,
                                       uint8_t* levels) {
  rotate_residual(vector);
  const size_t dim = frame_.dim();
  std::vector<uint64_t> ignored(frame_.words());
  float sums[3];
  simd::encode_bits(residual_.data(), offset_.data(), dim, ignored.data(), sums);
  const double l1 = sums[0], l2 = sums[1];
  CodeFactors out;
  if (l1 != 0 && l2 != 0 && std::isfinite(l1) && std::isfinite(l2)) {
    const int top = 1 << (bits - 1);
    const double length = std::sqrt(l2);
    double yo = 0, yy = 0, yt = 0;
    for (size_t j = 0; j < dim; ++j) {
      const double o = residual_[j];
      const double size = std::min(std::floor(std::abs(o) * level_scale / length), top - 1.0);
      const int level = o > 0 ? top + static_cast<int>(size) : top - 1 - static_cast<int>(size);
      const double y = level - (2 * top - 1) / 2.0;
      levels[j] = static_cast<uint8_t>(level);
      yo += y * o;
      yy += y * y;
      yt += y * offset_[j];
    }
    const double spread = l2 * (yy * l2 / (yo * yo) - 1) / (static_cast<double>(dim) - 1);
    out = factors(l2 / yo, std::sqrt(std::max(0.0, spread)), yt, l2);
  }
  if (out == CodeFactors{}) std::fill_n(levels, dim, uint8_t{0});
  return out;
}

CodeQuery::CodeQuery(const CodeFrame& frame, std::span<const float> query)
    : rotated_(frame.dim()), planes_(4 * frame.words()) {
  DREAMDB_ASSERT(query.size() == frame.dim());
  const size_t dim = frame.dim();
  for (size_t j = 0; j < dim; ++j) rotated_[j] = query[j] - frame.origin[j];
  simd::rotate(rotated_.data(), dim, frame.signs.data());
  double square = 0;
  for (const float value : rotated_) square += static_cast<double>(value) * value;
  // A Gaussian coordinate is cut off at 2.51 of its spread: the least error of 16 levels.
  const double step = 2 * 2.51 * std::sqrt(square / static_cast<double>(dim)) / 16;
  const float inverse = static_cast<float>(1 / step);
  // Nothing but the origin, or numbers that f32 has no levels for: codes say nothing about it.
  if (step == 0 || !std::isfinite(inverse) || !simd::all_finite_f32(rotated_.data(), dim)) return;
  double along = 0, level_square = 0;
  for (size_t j = 0; j < dim; ++j) {
    // 8 added: no negative numbers, for which a conversion rounds up.
    const float place = std::clamp(rotated_[j] * inverse + 8, 0.0f, 15.0f);
    const auto level = static_cast<uint32_t>(place);
    const double centre = level - 7.5;
    along += centre * rotated_[j];
    level_square += centre * centre;
    for (size_t plane = 0; plane < 4; ++plane)
      planes_[plane * frame.words() + j / 64] |= static_cast<uint64_t>(level >> plane & 1)
                                                 << j % 64;
  }
  // The factor that brings the levels nearest to the query, and 15 D - 2 h is twice their sum.
  unit_ = static_cast<float>(along / level_square / 2);
}

}  // namespace dreamdb
