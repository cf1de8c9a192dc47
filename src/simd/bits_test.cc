// The quantizer's kernels of each instruction set: the bits of the scalar file, and what the scalar
// file must satisfy by itself.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "simd/golden.h"
#include "simd/simd.h"

namespace dreamdb::simd {
namespace {

constexpr size_t kDims[] = {64, 128, 192, 256, 320, 512, 768, 1024, 1536, 2048, 4096};

using Random = std::mt19937_64;

size_t any_dim() { return *rc::gen::elementOf(std::vector<size_t>(kDims, std::end(kDims))); }
Random any_random() { return Random(*rc::gen::arbitrary<uint64_t>()); }

// Values of very different sizes, with zeros of both signs among them.
std::vector<float> make_values(Random& random, size_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& x : values) {
    const uint64_t kind = random() % 16;
    x = kind == 0 ? 0.0f : kind == 1 ? -0.0f : normal(random);
    if (kind == 2) x = std::ldexp(x, static_cast<int>(random() % 60) - 30);
  }
  return values;
}

std::vector<uint64_t> make_words(Random& random, size_t count) {
  std::vector<uint64_t> words(count);
  for (uint64_t& word : words) word = random();
  return words;
}

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// `values` at an address that is aligned to its element and no more.
template <typename T>
class Unaligned {
 public:
  explicit Unaligned(const std::vector<T>& values) : bytes_(values.size() + 1 + 64 / sizeof(T)) {
    const auto address = reinterpret_cast<uintptr_t>(bytes_.data());
    begin_ = bytes_.data() + (64 - address % 64) % 64 / sizeof(T) + 1;
    std::copy(values.begin(), values.end(), begin_);
    count_ = values.size();
  }
  T* data() { return begin_; }
  std::vector<T> values() const { return {begin_, begin_ + count_}; }

 private:
  std::vector<T> bytes_;
  T* begin_;
  size_t count_;
};

class Bits : public testing::TestWithParam<const Kernels*> {};

TEST_P(Bits, RotateGivesTheBitsOfTheScalarFile) {
  rc::check([&] {
    const size_t dim = any_dim();
    Random random = any_random();
    const std::vector<float> values = make_values(random, dim);
    std::vector<uint64_t> signs = make_words(random, 4 * dim / 64);
    std::vector<float> expected = values;
    kScalarKernels.rotate(expected.data(), dim, signs.data());
    Unaligned<float> found(values);
    GetParam()->rotate(found.data(), dim, Unaligned<uint64_t>(signs).data());
    RC_ASSERT(same_bits(found.values(), expected));
  });
}

TEST_P(Bits, OrderedSumsGiveTheBitsOfTheScalarFile) {
  rc::check([&] {
    const size_t dim = any_dim();
    Random random = any_random();
    Unaligned<float> a(make_values(random, dim)), b(make_values(random, dim));
    RC_ASSERT(std::bit_cast<uint32_t>(GetParam()->dot_ordered(a.data(), b.data(), dim)) ==
              std::bit_cast<uint32_t>(kScalarKernels.dot_ordered(a.data(), b.data(), dim)));
    std::vector<uint64_t> bits(dim / 64, 7), expected_bits(dim / 64);
    std::vector<float> sums(4, 7), expected_sums(4, 7);
    GetParam()->encode_bits(a.data(), b.data(), dim, bits.data(), sums.data());
    kScalarKernels.encode_bits(a.data(), b.data(), dim, expected_bits.data(), expected_sums.data());
    RC_ASSERT(bits == expected_bits);
    RC_ASSERT(same_bits(sums, expected_sums));
  });
}

// Sums of nothing but zeros keep their sign, which a sum that starts at 0 loses.
TEST_P(Bits, OrderedSumsOfNegativeZeros) {
  const std::vector<float> a(64, -0.0f), b(64, 1.0f);
  EXPECT_EQ(std::bit_cast<uint32_t>(GetParam()->dot_ordered(a.data(), b.data(), 64)), 1u << 31);
}

constexpr size_t kCounts[] = {0, 1, 7, 8, 9, 15, 16, 17, 33, 100};

TEST_P(Bits, ScanGivesTheBitsOfTheScalarFile) {
  rc::check([&] {
    // From dimension 4160 on counts no longer fit in 16 bits.
    const size_t dim = *rc::gen::element<size_t>(64, 128, 192, 256, 448, 512, 576, 768, 1024, 1536,
                                                 2048, 2112, 4096, 4160);
    const size_t words = dim / 64;
    const size_t count = *rc::gen::elementOf(std::vector<size_t>(kCounts, std::end(kCounts)));
    Random random = any_random();
    Unaligned<uint64_t> planes(make_words(random, 4 * words));
    Unaligned<uint64_t> codes(make_words(random, count * words));
    // The farthest codes: all planes differ everywhere, so h is 15 * dim.
    if (random() % 4 == 0) {
      std::fill_n(planes.data(), 4 * words, ~0ull);
      std::fill_n(codes.data(), count * words, 0);
    }
    Unaligned<float> add(make_values(random, count)), scale(make_values(random, count)),
        err(make_values(random, count));
    const std::vector<float> numbers = make_values(random, 3);
    const BitQuery query{planes.data(), words, numbers[0], numbers[1], numbers[2]};
    const std::vector<float> guards(count + 1, 12345);
    Unaligned<float> lower(guards), upper(guards), expected_lower(guards), expected_upper(guards);
    GetParam()->scan_bits(query, codes.data(), add.data(), scale.data(), err.data(), count,
                          lower.data(), upper.data());
    kScalarKernels.scan_bits(query, codes.data(), add.data(), scale.data(), err.data(), count,
                             expected_lower.data(), expected_upper.data());
    RC_ASSERT(same_bits(lower.values(), expected_lower.values()));
    RC_ASSERT(same_bits(upper.values(), expected_upper.values()));
  });
}

TEST_P(Bits, ManyQueriesGiveTheBitsOfEachAlone) {
  rc::check([&] {
    const size_t dim = *rc::gen::element<size_t>(64, 192, 512, 768, 2048, 2112);
    const size_t words = dim / 64;
    const size_t count = *rc::gen::element<size_t>(0, 1, 63, 64, 65, 200, 300);
    const size_t q = *rc::gen::element<size_t>(0, 1, 4, 5, 15, 16, 17, 33, 64, 65);
    Random random = any_random();
    Unaligned<uint64_t> planes(make_words(random, q * 4 * words));
    Unaligned<uint64_t> codes(make_words(random, count * words));
    Unaligned<float> add(make_values(random, count)), scale(make_values(random, count)),
        err(make_values(random, count));
    std::vector<BitQuery> queries;
    for (size_t i = 0; i < q; ++i) {
      const std::vector<float> numbers = make_values(random, 3);
      queries.push_back({planes.data() + i * 4 * words, words, numbers[0], numbers[1], numbers[2]});
    }
    const std::vector<float> guards(q * count + 1, 12345);
    Unaligned<float> lower(guards), upper(guards), expected_lower(guards), expected_upper(guards);
    GetParam()->scan_bits_many(queries.data(), q, codes.data(), add.data(), scale.data(),
                               err.data(), count, lower.data(), upper.data());
    for (size_t i = 0; i < q; ++i)
      kScalarKernels.scan_bits(queries[i], codes.data(), add.data(), scale.data(), err.data(),
                               count, expected_lower.data() + i * count,
                               expected_upper.data() + i * count);
    RC_ASSERT(same_bits(lower.values(), expected_lower.values()));
    RC_ASSERT(same_bits(upper.values(), expected_upper.values()));
  });
}

TEST_P(Bits, SelectGivesAllAtLeastTheThresholdInOrder) {
  rc::check([&] {
    const auto count = *rc::gen::inRange<size_t>(0, 200);
    Random random = any_random();
    std::vector<float> values = make_values(random, count);
    for (float& x : values)
      if (random() % 8 == 0) x = std::numeric_limits<float>::quiet_NaN();
    const float threshold = count == 0 ? 0 : values[random() % count];
    std::vector<uint32_t> expected;
    for (size_t i = 0; i < count; ++i)
      if (values[i] >= threshold) expected.push_back(static_cast<uint32_t>(i));
    Unaligned<float> given(values);
    std::vector<uint32_t> found(count + 1, 12345);
    const size_t size = GetParam()->select_at_least(given.data(), count, threshold, found.data());
    RC_ASSERT(found[count] == 12345u);
    found.resize(size);
    RC_ASSERT(found == expected);
  });
}

TEST_P(Bits, LevelsOfEveryWidthHaveTheirValues) {
  GoldenInput input;
  for (const size_t dim : kDims)
    for (unsigned width = 1; width <= 7; ++width)
      ASSERT_TRUE(finds_levels(*GetParam(), input, width, dim)) << width << " bits, dim " << dim;
}

TEST_P(Bits, GiveTheResultsOfEveryMachineAndVersion) {
  const Digests found = digests_of(*GetParam());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_EQ(found[i], kGolden[i]) << kGoldenNames[i] << std::hex << " 0x" << found[i];
}

INSTANTIATE_TEST_SUITE_P(Simd, Bits, testing::ValuesIn(available().begin(), available().end()),
                         [](const auto& table) { return std::string(table.param->name); });

// The rotation in double by another way: a transform is the sum over all values, each with the sign
// that the parity of the common bits of both places gives.
std::vector<double> rotate_slowly(std::vector<double> x, const std::vector<uint64_t>& signs) {
  const size_t dim = x.size(), n = std::bit_floor(dim);
  for (size_t round = 0; round < 4; ++round) {
    for (size_t j = 0; j < dim; ++j)
      if ((signs[round * dim / 64 + j / 64] >> (j % 64) & 1) != 0) x[j] = -x[j];
    const size_t first = round % 2 == 0 ? 0 : dim - n;
    std::vector<double> y = x;
    for (size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (size_t j = 0; j < n; ++j)
        sum += std::popcount(i & j) % 2 == 0 ? x[first + j] : -x[first + j];
      y[first + i] = sum / std::sqrt(static_cast<double>(n));
    }
    if (n != dim)
      for (size_t j = 0; j < dim / 2; ++j) {
        const double a = y[j], b = y[j + dim / 2];
        y[j] = (a + b) / std::sqrt(2);
        y[j + dim / 2] = (a - b) / std::sqrt(2);
      }
    x = y;
  }
  return x;
}

TEST(ScalarBits, RotateIsTheOrthonormalRotation) {
  for (const size_t dim : {64u, 128u, 192u, 512u, 768u}) {
    Random random(dim);
    const std::vector<uint64_t> signs = make_words(random, 4 * dim / 64);
    std::vector<float> values = make_values(random, dim);
    for (float& x : values) x = std::clamp(x, -4.0f, 4.0f);
    const std::vector<double> expected =
        rotate_slowly(std::vector<double>(values.begin(), values.end()), signs);
    kScalarKernels.rotate(values.data(), dim, signs.data());
    for (size_t j = 0; j < dim; ++j) ASSERT_NEAR(values[j], expected[j], 1e-5) << dim << " " << j;
  }
}

TEST(ScalarBits, EncodeTakesPositiveValuesAndSumsThem) {
  std::vector<float> rotated(64, -2.0f), t(64, 3.0f);
  rotated[0] = 0.0f;
  rotated[1] = -0.0f;
  rotated[2] = 5.0f;
  rotated[63] = 1.0f;
  uint64_t bits = 7;
  float sums[3];
  kScalarKernels.encode_bits(rotated.data(), t.data(), 64, &bits, sums);
  EXPECT_EQ(bits, 4u | 1ull << 63);
  EXPECT_EQ(sums[0], 60 * 2 + 6);
  EXPECT_EQ(sums[1], 60 * 4 + 26);
  EXPECT_EQ(sums[2], 2 * 3 - 62 * 3);
}

TEST(ScalarBits, ScanIsTheProductOfSignsWithTheRoundedQuery) {
  constexpr size_t kDim = 192;
  Random random(1);
  const std::vector<uint64_t> codes = make_words(random, 5 * kDim / 64);
  std::vector<uint64_t> planes(4 * kDim / 64);
  std::vector<int> level(kDim);
  for (size_t j = 0; j < kDim; ++j) {
    level[j] = static_cast<int>(random() % 16);
    for (size_t plane = 0; plane < 4; ++plane)
      planes[plane * kDim / 64 + j / 64] |= static_cast<uint64_t>(level[j] >> plane & 1)
                                            << (j % 64);
  }
  const std::vector<float> add{1, 2, 3, 4, 5}, scale{1, 1, 2, 2, 4}, err{0, 1, 2, 3, 4};
  float lower[5], upper[5];
  kScalarKernels.scan_bits({planes.data(), kDim / 64, 0.5f, 100, 0.25f}, codes.data(), add.data(),
                           scale.data(), err.data(), 5, lower, upper);
  for (size_t i = 0; i < 5; ++i) {
    int product = 0;  // of signs with 2 * level - 15
    for (size_t j = 0; j < kDim; ++j) {
      const bool bit = (codes[i * kDim / 64 + j / 64] >> (j % 64) & 1) != 0;
      product += bit ? 2 * level[j] - 15 : 15 - 2 * level[j];
    }
    const float estimate = 100 + add[i] + scale[i] * 0.5f * static_cast<float>(product);
    EXPECT_EQ(lower[i], estimate - 0.25f * err[i]);
    EXPECT_EQ(upper[i], estimate + 0.25f * err[i]);
  }
}

// The order is part of the result: this sum has another value in any other order.
TEST(ScalarBits, SumsAreAddedLaneByLane) {
  std::vector<float> a(64, 0.0f), ones(64, 1.0f);
  a[0] = 0x1p24f;
  a[16] = 1;  // lost: 2^24 + 1
  a[32] = -0x1p24f;
  a[8] = 0x1p-24f;
  a[24] = 1;  // lost: 2^-24 + 1
  EXPECT_EQ(kScalarKernels.dot_ordered(a.data(), ones.data(), 64), 1.0f);
}

}  // namespace
}  // namespace dreamdb::simd
