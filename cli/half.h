// Sixteen-bit floats (IEEE binary16 and bfloat16) to and from double.
#pragma once

#include <cstdint>

namespace dreamdb::cli {

double half_to_double(uint16_t bits);
// To nearest, ties to even; beyond 65,504 infinity.
uint16_t double_to_half(double value);

double bf16_to_double(uint16_t bits);
// To nearest, ties to even.
uint16_t double_to_bf16(double value);

}  // namespace dreamdb::cli
