// The table of a vector instruction set, filled from the loops over its `V` (rows.inl, nearest.inl,
// encode.inl, scan.inl, levels.inl).
#pragma once

#include "simd/encode.inl"
#include "simd/kernels.h"
#include "simd/levels.inl"
#include "simd/nearest.inl"
#include "simd/rows.inl"
#include "simd/scan.inl"

namespace dreamdb::simd {
namespace {

template <typename V>
constexpr Kernels make_kernels(const char* name) {
  return Kernels{
      .name = name,
      .dot_rows_f32 = scan_rows<V, Dot, float>,
      .dot_rows_f16 = scan_rows<V, Dot, uint16_t>,
      .dot_norm_rows_f32 = scan_dot_norm<V, float>,
      .dot_norm_rows_f16 = scan_dot_norm<V, uint16_t>,
      .l2_rows_f32 = scan_rows<V, SquaredDistance, float>,
      .l2_rows_f16 = scan_rows<V, SquaredDistance, uint16_t>,
      .dot_matrix_f32 = scan_matrix<V, Dot, float>,
      .dot_matrix_f16 = scan_matrix<V, Dot, uint16_t>,
      .dot_norm_matrix_f32 = scan_dot_norm_matrix<V, float>,
      .dot_norm_matrix_f16 = scan_dot_norm_matrix<V, uint16_t>,
      .l2_matrix_f32 = scan_matrix<V, SquaredDistance, float>,
      .l2_matrix_f16 = scan_matrix<V, SquaredDistance, uint16_t>,
      .widen_f16 = widen<V>,
      .all_finite_f32 = all_finite<0x7f800000u, float>,
      .all_finite_f16 = all_finite<0x7c00u, uint16_t>,
      .any_nonzero_f32 = any_nonzero<float>,
      .any_nonzero_f16 = any_nonzero<uint16_t>,
      .nearest = make_nearest_f32<V>(),
      .rotate = rotate<V>,
      .dot_ordered = dot_ordered<V>,
      .encode_bits = encode_bits<V>,
      .scan_bits = scan_bits<V>,
      .scan_bits_many = scan_bits_each<scan_bits<V>>,
      .dot_levels = dot_levels<V>,
      .select_at_least = select_at_least<V>,
  };
}

}  // namespace
}  // namespace dreamdb::simd
