// By arithmetic on the exponent: exact, and fast enough for input and output of text.
#include "cli/half.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace dreamdb::cli {

namespace {

// Rounds to a float of `digits` significant bits (implicit one included) whose least normal
// exponent is `exponent_min`, in the layout sign | exponent | fraction of sixteen bits.
uint16_t round_to(double value, int digits, int exponent_min, int exponent_max) {
  const int fraction_bits = digits - 1;
  const auto infinity = static_cast<uint16_t>((exponent_max - exponent_min + 2) << fraction_bits);
  const auto sign = static_cast<uint16_t>(std::signbit(value) ? 0x8000 : 0);
  if (std::isnan(value)) return static_cast<uint16_t>(sign | infinity | (1 << (fraction_bits - 1)));
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return static_cast<uint16_t>(sign | infinity);
  if (magnitude == 0) return sign;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  exponent = std::max(exponent - 1, exponent_min);  // magnitude = m * 2^exponent, m in [1, 2)
  // Ties to even is what nearbyint does in the default rounding mode; scaling by 2^n is exact.
  const double units = std::nearbyint(std::ldexp(magnitude, fraction_bits - exponent));
  const auto biased = static_cast<uint32_t>(exponent - exponent_min);
  // A carry out of the fraction runs into the exponent, as it should.
  const uint32_t bits = (biased << fraction_bits) + static_cast<uint32_t>(units);
  return static_cast<uint16_t>(sign | (bits > infinity ? infinity : bits));
}

}  // namespace

double half_to_double(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int fraction = bits & 1023;
  double value = 0;
  if (exponent == 31) {
    value = fraction != 0 ? std::nan("") : HUGE_VAL;
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(1024 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

uint16_t double_to_half(double value) { return round_to(value, 11, -14, 15); }

double bf16_to_double(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t double_to_bf16(double value) { return round_to(value, 8, -126, 127); }

}  // namespace dreamdb::cli
