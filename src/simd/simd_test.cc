// Each instruction set of this processor against sums in double and against the scalar file.
#include "simd/simd.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

namespace dreamdb::simd {
namespace {

constexpr size_t kDimMax = 130;

// The value of an f16, from its definition.
double value_of(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  const double size =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (half & 0x8000) != 0 ? -size : size;
}
double value_of(float value) { return value; }

template <typename T>
struct Data {
  std::vector<float> queries;
  std::vector<T> rows;
};

// `offset` elements in front make the pointers unaligned to everything but their elements.
template <typename T>
Data<T> make_data(size_t q, size_t n, size_t dim, size_t offset) {
  std::mt19937 random(static_cast<uint32_t>(dim * 31 + q));
  std::normal_distribution<float> normal;
  Data<T> data{std::vector<float>(offset + q * dim), std::vector<T>(offset + n * dim)};
  for (float& x : data.queries) x = normal(random);
  for (T& x : data.rows) {
    if constexpr (std::is_same_v<T, float>)
      x = normal(random);
    else
      x = static_cast<uint16_t>((random() & 0x83ffu) | ((10 + random() % 7) << 10));
  }
  return data;
}

struct Truth {
  double dot = 0, square = 0, l2 = 0, dot_size = 0, query_square = 0;
};

template <typename T>
Truth truth_of(const float* query, const T* row, size_t dim) {
  Truth t;
  for (size_t i = 0; i < dim; ++i) {
    const double a = query[i], b = value_of(row[i]);
    t.dot += a * b;
    t.dot_size += std::abs(a * b);
    t.square += b * b;
    t.l2 += (a - b) * (a - b);
  }
  return t;
}

// Error of a sum of `dim` rounded products, relative to the sum of their sizes.
double bound(double size, size_t dim) { return size * 6e-8 * (4 + static_cast<double>(dim)); }

template <typename T>
auto pick(auto f32, auto f16) {
  if constexpr (std::is_same_v<T, float>)
    return f32;
  else
    return f16;
}

template <typename T>
void check_matrix(const Kernels& k, size_t q, size_t n, size_t dim, size_t offset) {
  const Data<T> data = make_data<T>(q, n, dim, offset);
  const float* queries = data.queries.data() + offset;
  const T* rows = data.rows.data() + offset;
  const float kGuard = 12345;
  std::vector<float> dots(q * n + 1, kGuard), l2(q * n + 1, kGuard), dots2(q * n + 1, kGuard),
      squares(n + 1, kGuard);
  pick<T>(k.dot_matrix_f32, k.dot_matrix_f16)(queries, q, rows, n, dim, dots.data());
  pick<T>(k.l2_matrix_f32, k.l2_matrix_f16)(queries, q, rows, n, dim, l2.data());
  pick<T>(k.dot_norm_matrix_f32, k.dot_norm_matrix_f16)(queries, q, rows, n, dim, dots2.data(),
                                                        squares.data());
  ASSERT_EQ(dots.back(), kGuard);
  ASSERT_EQ(dots2.back(), kGuard);
  ASSERT_EQ(l2.back(), kGuard);
  ASSERT_EQ(squares.back(), kGuard);
  dots.pop_back();
  dots2.pop_back();
  EXPECT_EQ(dots, dots2);
  for (size_t j = 0; j < q; ++j) {
    std::vector<float> row_dots(n), row_dots2(n), row_squares(n), row_l2(n);
    const float* query = queries + j * dim;
    pick<T>(k.dot_rows_f32, k.dot_rows_f16)(query, rows, n, dim, row_dots.data());
    pick<T>(k.l2_rows_f32, k.l2_rows_f16)(query, rows, n, dim, row_l2.data());
    pick<T>(k.dot_norm_rows_f32, k.dot_norm_rows_f16)(query, rows, n, dim, row_dots2.data(),
                                                      row_squares.data());
    for (size_t r = 0; r < n; ++r) {
      const Truth t = truth_of(query, rows + r * dim, dim);
      ASSERT_NEAR(dots[j * n + r], t.dot, bound(t.dot_size, dim)) << dim << " row " << r;
      ASSERT_NEAR(l2[j * n + r], t.l2, bound(t.l2, dim)) << dim << " row " << r;
      ASSERT_NEAR(squares[r], t.square, bound(t.square, dim)) << dim << " row " << r;
      // One row and query give one number, whichever call they went through.
      float alone = 0;
      pick<T>(k.dot_rows_f32, k.dot_rows_f16)(query, rows + r * dim, 1, dim, &alone);
      ASSERT_EQ(row_dots[r], alone);
      ASSERT_EQ(row_dots[r], dots[j * n + r]);
      ASSERT_EQ(row_dots[r], row_dots2[r]);
      ASSERT_EQ(row_squares[r], squares[r]);
      ASSERT_EQ(row_l2[r], l2[j * n + r]);
    }
  }
}

class EachSet : public testing::TestWithParam<const Kernels*> {};

TEST_P(EachSet, AgreesWithDoubleAtAllLengths) {
  for (size_t dim = 0; dim <= kDimMax; ++dim) {
    for (size_t offset : {0u, 1u, 3u}) {
      check_matrix<float>(*GetParam(), 1 + dim % 6, 1 + dim % 19, dim, offset);
      check_matrix<uint16_t>(*GetParam(), 1 + dim % 6, 1 + dim % 19, dim, offset);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(EachSet, AgreesWithDoubleAtManyRows) {
  for (size_t dim : {5u, 128u, 512u, 1000u, 9000u}) {
    check_matrix<float>(*GetParam(), 9, 77, dim, 1);
    check_matrix<uint16_t>(*GetParam(), 9, 77, dim, 1);
  }
  check_matrix<float>(*GetParam(), 3, 0, 8, 0);
}

TEST_P(EachSet, WidensAllF16BitForBit) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  std::vector<float> wide(halves.size());
  GetParam()->widen_f16(halves.data(), halves.size(), wide.data());
  for (size_t i = 0; i < halves.size(); ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(wide[i]);
    const uint32_t sign = static_cast<uint32_t>(i >> 15) << 31;
    const uint32_t mantissa = i & 1023;
    if (((i >> 10) & 31) != 31) {
      ASSERT_EQ(static_cast<double>(wide[i]), value_of(halves[i])) << i;
      ASSERT_EQ(bits & 0x80000000u, sign) << i;
    } else if (mantissa == 0) {
      ASSERT_EQ(bits, sign | 0x7f800000u) << i;
    } else {
      ASSERT_EQ(bits, sign | 0x7fc00000u | (mantissa << 13)) << i;
    }
  }
  for (size_t count = 0; count < 40; ++count) {
    std::vector<float> part(count + 1, 7);
    GetParam()->widen_f16(halves.data() + 15361, count, part.data());
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(part[i], wide[15361 + i]);
    ASSERT_EQ(part[count], 7);
  }
}

TEST_P(EachSet, FindsOneBadValueAnywhere) {
  for (size_t count : {0u, 1u, 7u, 64u, 130u, 4097u, 9000u}) {
    std::vector<float> values(count, 3e38f);
    std::vector<uint16_t> halves(count, 0x7bff);
    EXPECT_TRUE(GetParam()->all_finite_f32(values.data(), count));
    EXPECT_TRUE(GetParam()->all_finite_f16(halves.data(), count));
    for (size_t at = 0; at < count; at += 1 + at / 40) {
      for (float bad :
           {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
        values[at] = bad;
        EXPECT_FALSE(GetParam()->all_finite_f32(values.data(), count)) << at;
        values[at] = -1e-45f;
      }
      for (uint16_t bad : std::initializer_list<uint16_t>{0x7c00, 0xfc00, 0x7e00, 0x7c01}) {
        halves[at] = bad;
        EXPECT_FALSE(GetParam()->all_finite_f16(halves.data(), count)) << at;
        halves[at] = 0xfbff;
      }
    }
  }
}

TEST_P(EachSet, FindsOneNonzeroValueAnywhere) {
  for (size_t count : {0u, 1u, 7u, 64u, 130u, 4097u, 9000u}) {
    std::vector<float> values(count, -0.0f);
    std::vector<uint16_t> halves(count, 0x8000);
    EXPECT_FALSE(GetParam()->any_nonzero_f32(values.data(), count));
    EXPECT_FALSE(GetParam()->any_nonzero_f16(halves.data(), count));
    for (size_t at = 0; at < count; at += 1 + at / 40) {
      values[at] = -1e-45f;
      halves[at] = 1;
      EXPECT_TRUE(GetParam()->any_nonzero_f32(values.data(), count));
      EXPECT_TRUE(GetParam()->any_nonzero_f16(halves.data(), count));
      values[at] = 0;
      halves[at] = 0;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Simd, EachSet, testing::ValuesIn(available().begin(), available().end()),
                         [](const auto& table) { return std::string(table.param->name); });

TEST(Dispatch, StartsWithScalarAndTakesTheBest) {
  ASSERT_FALSE(available().empty());
  EXPECT_STREQ(available().front()->name, "scalar");
  if (std::getenv("DREAMDB_SIMD") == nullptr) {
    EXPECT_EQ(&active(), available().back());
  }
}

TEST(DispatchDeathTest, TheEnvironmentForcesOneAndAWrongNameIsReported) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const Kernels* wanted : available()) {
    EXPECT_EXIT(
        {
          setenv("DREAMDB_SIMD", wanted->name, 1);
          std::exit(&active() == wanted ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
  }
  EXPECT_EXIT(
      {
        setenv("DREAMDB_SIMD", "mmx", 1);
        std::exit(&active() == available().back() && &active() == &active() ? 0 : 1);
      },
      testing::ExitedWithCode(0), "DREAMDB_SIMD=mmx is not available.*scalar");
}

}  // namespace
}  // namespace dreamdb::simd
