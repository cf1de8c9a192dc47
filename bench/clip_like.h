// Made-up embeddings with the statistics of those of image and text models: a cone around one mean,
// topics and clusters of uneven size, few directions that carry most; queries like the data, and
// like text across the gap between the two.
//
//   x = normalise(a m_image + t topic + c cluster + e s noise),  a^2 = 1/2
//   text query = normalise(a m_text + 0.75 (t topic + c cluster) + 0.55 noise)
//
// Vector i depends on the preset, the seed and i alone, so any worker makes any part of them.
//
// Thread rule: an object is immutable; call from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dreamdb::bench {

struct ClipPreset {
  std::string_view name;
  double topic, cluster, noise;  // squared weights
  double decay, noise_decay;     // of the variance of coordinate j: j^-decay
  size_t topics, clusters;
};

// "easy" (clustered, for codes), "clustered", "resonant" (as many topics as cells), "continuous".
std::span<const ClipPreset> clip_presets();
// nullptr: no such preset.
const ClipPreset* find_clip_preset(std::string_view name);

class ClipLike {
 public:
  ClipLike(const ClipPreset& preset, size_t dim, uint64_t seed);

  size_t dim() const { return dim_; }
  // out: [count, dim], the vectors from `first` on, of length 1.
  void vectors(uint64_t first, uint64_t count, float* out) const;
  // Queries: drawn like the vectors, and like texts about them.
  void queries_like_data(uint64_t first, uint64_t count, float* out) const;
  void queries_like_text(uint64_t first, uint64_t count, float* out) const;

 private:
  struct Draw;
  uint64_t cluster_of(Draw& draw) const;
  void add_about(uint64_t cluster, double weight, std::vector<double>& sum) const;
  void vector_at(uint64_t stream, uint64_t i, float* out) const;

  ClipPreset preset_;
  size_t dim_;
  uint64_t seed_;
  std::vector<float> spread_, noise_spread_;   // deviation of each coordinate
  std::vector<float> image_mean_, text_mean_;  // of length 1, cosine 0.35
  std::vector<float> topics_, clusters_;       // [n, dim]
  std::vector<double> shares_;                 // of clusters, summed up
};

}  // namespace dreamdb::bench
