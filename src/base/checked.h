// Arithmetic on numbers from outside: empty instead of a wrapped result.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

namespace dreamdb {

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_sub(T a, T b) {
  T difference;
  if (__builtin_sub_overflow(a, b, &difference)) return std::nullopt;
  return difference;
}

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_mul(T a, T b) {
  T product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The least number of groups of `size` > 0 that hold `count` things; never overflows.
[[nodiscard]] constexpr uint64_t ceil_div(uint64_t count, uint64_t size) {
  return count / size + (count % size != 0 ? 1 : 0);
}

}  // namespace dreamdb
