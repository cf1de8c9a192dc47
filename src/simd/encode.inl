// Rotation, ordered sums and bits of the quantizer over a `V` as in rows.inl, which has besides:
//   V::set(x), V::add(a, b), V::mul(a, b), V::abs(v)
//   V::flip(v, bits)       lane i negated where bit i of `bits` is set
//   V::positive(v)         bit i is v[i] > 0
//   V::stages(v)           the stages h = 1, 2 ... kLanes / 2 of a Hadamard transform in one vector
//   V::sum(v)              lanes i and i + kLanes / 2 added, then i and i + kLanes / 4, ... 1
//
// The results are those of the scalar file bit for bit: the same additions, side by side.
#pragma once

#include "simd/kernels.h"
#include "simd/rotation.inl"

namespace dreamdb::simd {
namespace {

// Lanes of V from value j on, of words that hold one bit a value.
template <typename V>
inline uint32_t lanes_of(const uint64_t* words, size_t j) {
  return static_cast<uint32_t>(words[j / 64] >> (j % 64)) & ((1u << V::kLanes) - 1);
}

template <typename V>
inline void flip_values(float* values, size_t dim, const uint64_t* signs) {
  for (size_t j = 0; j < dim; j += V::kLanes)
    V::store(values + j, V::flip(V::load(values + j), lanes_of<V>(signs, j)));
}

// All stages between the R vectors.
template <typename V, size_t R>
inline void stages_between(typename V::Vec (&v)[R]) {
#pragma GCC unroll 8
  for (size_t h = 1; h < R; h *= 2) {
#pragma GCC unroll 16
    for (size_t i = 0; i < R; ++i) {
      if ((i & h) != 0) continue;
      const typename V::Vec a = v[i], b = v[i + h];
      v[i] = V::add(a, b);
      v[i + h] = V::sub(a, b);
    }
  }
}

// Stages h, 2h ... of R vectors that lie h values apart.
template <typename V, size_t R>
inline void stages_apart(float* values, size_t n, size_t h) {
  for (size_t at = 0; at < n; at += h * R) {
    for (size_t j = at; j < at + h; j += V::kLanes) {
      typename V::Vec v[R];
#pragma GCC unroll 16
      for (size_t i = 0; i < R; ++i) v[i] = V::load(values + j + i * h);
      stages_between<V>(v);
#pragma GCC unroll 16
      for (size_t i = 0; i < R; ++i) V::store(values + j + i * h, v[i]);
    }
  }
}

// An unnormalised Hadamard transform of n values, a power of two from 64 on.
template <typename V>
inline void transform(float* values, size_t n) {
  constexpr size_t kVectors = 64 / V::kLanes;
  for (size_t at = 0; at < n; at += 64) {
    typename V::Vec v[kVectors];
#pragma GCC unroll 16
    for (size_t i = 0; i < kVectors; ++i) v[i] = V::stages(V::load(values + at + i * V::kLanes));
    stages_between<V>(v);
#pragma GCC unroll 16
    for (size_t i = 0; i < kVectors; ++i) V::store(values + at + i * V::kLanes, v[i]);
  }
  size_t h = 64;
  for (; 8 * h <= n; h *= 8) stages_apart<V, 8>(values, n, h);
  if (4 * h == n) stages_apart<V, 4>(values, n, h);
  if (2 * h == n) stages_apart<V, 2>(values, n, h);
}

template <typename V>
inline void scale_values(float* values, size_t count, float factor) {
  const typename V::Vec by = V::set(factor);
  for (size_t j = 0; j < count; j += V::kLanes)
    V::store(values + j, V::mul(V::load(values + j), by));
}

template <typename V>
void rotate(float* values, size_t dim, const uint64_t* signs) {
  const size_t n = power_of_two_below(dim);
  for (size_t round = 0; round < kRounds; ++round, signs += dim / 64) {
    flip_values<V>(values, dim, signs);
    if (n == dim) {
      transform<V>(values, dim);
    } else {
      float* part = values + (round % 2 == 0 ? 0 : dim - n);
      transform<V>(part, n);
      scale_values<V>(part, n, inverse_root(n));
      stages_apart<V, 2>(values, dim, dim / 2);
    }
  }
  scale_values<V>(values, dim, last_scale(n, dim));
}

// 16 lanes of sums. They begin with -0, to which every number can be added without a change.
template <typename V>
struct OrderedSum {
  static constexpr size_t kVectors = 16 / V::kLanes;
  typename V::Vec lanes[kVectors];

  OrderedSum() {
    for (size_t i = 0; i < kVectors; ++i) lanes[i] = V::set(-0.0f);
  }
  void add(size_t vector, typename V::Vec products) {
    lanes[vector] = V::add(lanes[vector], products);
  }
  float total() {
#pragma GCC unroll 4
    for (size_t h = kVectors / 2; h > 0; h /= 2)
#pragma GCC unroll 4
      for (size_t i = 0; i < h; ++i) lanes[i] = V::add(lanes[i], lanes[i + h]);
    return V::sum(lanes[0]);
  }
};

template <typename V>
float dot_ordered(const float* a, const float* b, size_t dim) {
  OrderedSum<V> sum;
  for (size_t at = 0; at < dim; at += 16) {
#pragma GCC unroll 4
    for (size_t i = 0; i < sum.kVectors; ++i) {
      const size_t j = at + i * V::kLanes;
      sum.add(i, V::mul(V::load(a + j), V::load(b + j)));
    }
  }
  return sum.total();
}

template <typename V>
void encode_bits(const float* rotated, const float* t, size_t dim, uint64_t* bits, float* sums) {
  OrderedSum<V> l1, l2, st;
  for (size_t at = 0; at < dim; at += 64) {
    uint64_t word = 0;
#pragma GCC unroll 4
    for (size_t i = 0; i < 64 / V::kLanes; ++i) {
      const size_t j = at + i * V::kLanes, vector = i % l1.kVectors;
      const typename V::Vec v = V::load(rotated + j);
      const uint32_t positive = V::positive(v);
      word |= static_cast<uint64_t>(positive) << (i * V::kLanes);
      l1.add(vector, V::abs(v));
      l2.add(vector, V::mul(v, v));
      st.add(vector, V::flip(V::load(t + j), ~positive));
    }
    bits[at / 64] = word;
  }
  sums[0] = l1.total();
  sums[1] = l2.total();
  sums[2] = st.total();
}

}  // namespace
}  // namespace dreamdb::simd
