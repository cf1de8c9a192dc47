#include "bench/clip_like.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace dreamdb::bench {

namespace {

constexpr std::array<ClipPreset, 4> kPresets = {{
    {"easy", .15, .15, .20, .8, .4, 200, 20'000},
    {"clustered", .15, .10, .25, .8, .8, 200, 20'000},
    {"resonant", .20, .05, .25, .8, .9, 500, 20'000},
    {"continuous", .15, 0, .35, 1.3, 1.4, 20'000, 20'000},
}};
constexpr double kMeanShare = 0.5;     // a^2
constexpr double kMeansCosine = 0.35;  // of images and texts
constexpr double kTextAbout = 0.75, kTextNoise = 0.55;

// What a draw is for: each has its own numbers.
enum Stream : uint64_t { kMeans = 1, kTopics, kClusters, kVectors, kDataQueries, kTextQueries };

uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void normalise(std::span<const double> sum, float* out) {
  double square = 0;
  for (const double value : sum) square += value * value;
  const double scale = 1 / std::sqrt(square);
  for (size_t j = 0; j < sum.size(); ++j) out[j] = static_cast<float>(sum[j] * scale);
}

// Deviations whose squares fall as j^-decay and sum to 1.
std::vector<float> spread_of(size_t dim, double decay) {
  double sum = 0;
  for (size_t j = 0; j < dim; ++j) sum += std::pow(static_cast<double>(j) + 1, -decay);
  std::vector<float> out(dim);
  for (size_t j = 0; j < dim; ++j)
    out[j] = static_cast<float>(std::sqrt(std::pow(static_cast<double>(j) + 1, -decay) / sum));
  return out;
}

}  // namespace

// SplitMix64 from a start that (seed, stream, index) names.
struct ClipLike::Draw {
  Draw(uint64_t seed, uint64_t stream, uint64_t index)
      : state(mix(mix(seed * 0x9e3779b97f4a7c15u + stream) + index)) {}

  uint64_t next() { return mix(state += 0x9e3779b97f4a7c15u); }
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }
  // Two at once (Box and Muller).
  std::array<double, 2> normals() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    const double angle = 2 * std::numbers::pi * uniform();
    return {radius * std::cos(angle), radius * std::sin(angle)};
  }
  // Adds weight * N(0, diag spread^2).
  void add_normals(std::span<const float> spread, double weight, std::span<double> sum) {
    for (size_t j = 0; j < spread.size(); j += 2) {
      const auto pair = normals();
      sum[j] += weight * spread[j] * pair[0];
      if (j + 1 < spread.size()) sum[j + 1] += weight * spread[j + 1] * pair[1];
    }
  }

  uint64_t state;
};

std::span<const ClipPreset> clip_presets() { return kPresets; }

const ClipPreset* find_clip_preset(std::string_view name) {
  const auto found = std::ranges::find(kPresets, name, &ClipPreset::name);
  return found == kPresets.end() ? nullptr : &*found;
}

ClipLike::ClipLike(const ClipPreset& preset, size_t dim, uint64_t seed)
    : preset_(preset),
      dim_(dim),
      seed_(seed),
      spread_(spread_of(dim, preset.decay)),
      noise_spread_(spread_of(dim, preset.noise_decay)),
      image_mean_(dim),
      text_mean_(dim) {
  const std::vector<float> even(dim, 1.0f);
  std::vector<double> sum(dim), other(dim);
  Draw(seed, kMeans, 0).add_normals(even, 1, sum);
  normalise(sum, image_mean_.data());
  Draw(seed, kMeans, 1).add_normals(even, 1, other);
  double along = 0, square = 0;
  for (size_t j = 0; j < dim; ++j) along += other[j] * image_mean_[j];
  for (size_t j = 0; j < dim; ++j)
    other[j] -= along * image_mean_[j], square += other[j] * other[j];
  const double across = std::sqrt((1 - kMeansCosine * kMeansCosine) / square);
  for (size_t j = 0; j < dim; ++j)
    text_mean_[j] = static_cast<float>(kMeansCosine * image_mean_[j] + across * other[j]);

  const auto make = [&](uint64_t stream, size_t count, std::vector<float>& out) {
    out.resize(count * dim);
    for (size_t i = 0; i < count; ++i) {
      std::ranges::fill(sum, 0);
      Draw(seed, stream, i).add_normals(spread_, 1, sum);
      for (size_t j = 0; j < dim; ++j) out[i * dim + j] = static_cast<float>(sum[j]);
    }
  };
  make(kTopics, preset.topics, topics_);
  if (preset.cluster > 0) make(kClusters, preset.clusters, clusters_);
  double share = 0;
  for (size_t c = 0; c < preset.clusters; ++c)
    shares_.push_back(share += std::pow(static_cast<double>(c) + 3, -0.7));
}

uint64_t ClipLike::cluster_of(Draw& draw) const {
  const double at = draw.uniform() * shares_.back();
  return std::min<uint64_t>(std::ranges::upper_bound(shares_, at) - shares_.begin(),
                            shares_.size() - 1);
}

void ClipLike::add_about(uint64_t cluster, double weight, std::vector<double>& sum) const {
  // A cluster is about one topic, whatever its size.
  const float* topic = topics_.data() + mix(cluster + seed_) % preset_.topics * dim_;
  const double topic_weight = weight * std::sqrt(preset_.topic);
  for (size_t j = 0; j < dim_; ++j) sum[j] += topic_weight * topic[j];
  if (clusters_.empty()) return;
  const float* own = clusters_.data() + cluster * dim_;
  const double own_weight = weight * std::sqrt(preset_.cluster);
  for (size_t j = 0; j < dim_; ++j) sum[j] += own_weight * own[j];
}

void ClipLike::vector_at(uint64_t stream, uint64_t i, float* out) const {
  Draw draw(seed_, stream, i);
  std::vector<double> sum(dim_);
  for (size_t j = 0; j < dim_; ++j) sum[j] = std::sqrt(kMeanShare) * image_mean_[j];
  add_about(cluster_of(draw), 1, sum);
  const double size = 0.6 + 0.8 * draw.uniform();
  draw.add_normals(noise_spread_, std::sqrt(preset_.noise) * size, sum);
  normalise(sum, out);
}

void ClipLike::vectors(uint64_t first, uint64_t count, float* out) const {
  for (uint64_t i = 0; i < count; ++i) vector_at(kVectors, first + i, out + i * dim_);
}

void ClipLike::queries_like_data(uint64_t first, uint64_t count, float* out) const {
  for (uint64_t i = 0; i < count; ++i) vector_at(kDataQueries, first + i, out + i * dim_);
}

void ClipLike::queries_like_text(uint64_t first, uint64_t count, float* out) const {
  // The noise of texts lies in other coordinates than that of images.
  std::vector<float> shifted(dim_);
  for (size_t j = 0; j < dim_; ++j) shifted[(j * 7 + 3) % dim_] += spread_[j];
  for (uint64_t i = 0; i < count; ++i) {
    Draw draw(seed_, kTextQueries, first + i);
    std::vector<double> sum(dim_);
    for (size_t j = 0; j < dim_; ++j) sum[j] = std::sqrt(kMeanShare) * text_mean_[j];
    add_about(cluster_of(draw), kTextAbout, sum);
    draw.add_normals(shifted, kTextNoise, sum);
    normalise(sum, out + i * dim_);
  }
}

}  // namespace dreamdb::bench
