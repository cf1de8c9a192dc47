#include "search/vector_code.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "simd/simd.h"

namespace dreamdb {
namespace {

using nlohmann::json;

std::vector<uint8_t> unhex(const json& value) {
  const auto hex = value["hex"].get<std::string>();
  std::vector<uint8_t> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

template <typename T>
std::vector<T> values_of(const json& value) {
  const auto bytes = unhex(value);
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

std::vector<float> padded(std::vector<float> values) {
  values.resize(padded_dim(values.size()));
  return values;
}

// Bits of floats: 0.0 and -0.0 are different codes.
std::vector<uint32_t> bits_of(std::span<const float> values) {
  std::vector<uint32_t> out;
  for (const float value : values) out.push_back(std::bit_cast<uint32_t>(value));
  return out;
}

std::vector<uint8_t> levels_of(CellEncoder& encoder, std::span<const float> placed, int bits,
                               double scale, CodeFactors& factors) {
  std::vector<uint8_t> levels(placed.size());
  if (bits > 1) {
    factors = encoder.encode_levels(placed, bits, scale, levels.data());
    return levels;
  }
  std::vector<uint64_t> words(placed.size() / 64, 0x5555);
  factors = encoder.encode(placed, words.data());
  for (size_t j = 0; j < levels.size(); ++j) levels[j] = words[j / 64] >> j % 64 & 1;
  return levels;
}

TEST(VectorCode, GoldenVectors) {
  std::ifstream in(std::string(DREAMDB_SPEC_DIR) + "/vectors/vector_codes.json");
  const json file = json::parse(in);
  ASSERT_GE(file["accept"].size(), 20u);
  for (const json& test : file["accept"]) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const Metric metric = *parse_metric(test["metric"].get<std::string>());
    const CodeFrame frame{metric, padded(values_of<float>(test["origin"])),
                          values_of<uint64_t>(test["signs"])};
    const auto vector = values_of<float>(test["vector"]);
    std::vector<float> placed(padded_dim(vector.size()), 7.0f);
    place_vector(metric, vector, placed);
    const json& value = test["value"];
    EXPECT_EQ(bits_of(placed), bits_of(values_of<float>(value["placed"])));
    const auto centroid = padded(values_of<float>(test["centroid"]));
    std::vector<float> rotated(placed.size());
    for (size_t j = 0; j < placed.size(); ++j) rotated[j] = placed[j] - centroid[j];
    simd::rotate(rotated.data(), rotated.size(), frame.signs.data());
    if (!value["rotated"].is_null()) {
      EXPECT_EQ(bits_of(rotated), bits_of(values_of<float>(value["rotated"])));
    }
    CellEncoder encoder(frame, centroid);
    CodeFactors factors;
    const double scale = std::bit_cast<double>(
        std::stoull(test["level_scale"]["f64"].get<std::string>(), nullptr, 16));
    EXPECT_EQ(levels_of(encoder, placed, test["bits"].get<int>(), scale, factors),
              unhex(value["levels"]));
    const float found[] = {factors.add, factors.scale, factors.error};
    EXPECT_EQ(bits_of(found), bits_of(values_of<float>(value["factors"])));
  }
}

// Vectors around a centroid, queries around it too, all seen through many rotations.
class Estimates {
 public:
  Estimates(Metric metric, size_t dim, uint64_t seed) : metric_(metric), dim_(dim), random_(seed) {}

  // One draw: the error of an estimate in units of what theory expects.
  struct Draw {
    double error = 0;    // of the exact query, over the expected spread
    double rounded = 0;  // what the rounding of the query to 4 bits adds, over error * |q - m|
    double bias = 0;     // error over the product of both lengths
  };

  Draw draw(int bits, double level_scale) {
    const size_t wide = padded_dim(dim_);
    const CodeFrame frame{metric_, padded(normals(0.2, 0)), make_signs(wide, random_())};
    const auto centroid = padded(normals(0.7, 1));
    const auto vector = near(centroid, 0), query = near(centroid, 1);
    CellEncoder encoder(frame, centroid);
    CodeFactors factors;
    const auto levels = levels_of(encoder, vector, bits, level_scale, factors);
    const CodeQuery prepared(frame, query);
    double sum = 0, base = 0, exact = 0, rv = 0, rr = 0, vv = 0, mm = 0;
    const double middle = bits == 1 ? 0.5 : ((1 << bits) - 1) / 2.0;
    for (size_t j = 0; j < wide; ++j) {
      const double y = bits == 1 ? (levels[j] > 0 ? 1 : -1) : levels[j] - middle;
      const double r = vector[j] - centroid[j], v = query[j] - centroid[j];
      sum += y * prepared.rotated()[j];
      const double d = vector[j] - query[j];
      base += metric_ == Metric::kL2 ? -v * v : centroid[j] * query[j];
      exact += metric_ == Metric::kL2 ? -d * d : vector[j] * query[j];
      rv += r * v, rr += r * r, vv += v * v;
      mm += prepared.rotated()[j] * prepared.rotated()[j];
    }
    const double across = std::sqrt(std::max(0.0, vv - rv * rv / rr));
    const double expected = factors.error * across;
    const double estimate = base + factors.add + factors.scale * sum;
    Draw out;
    out.error = (estimate - exact) / expected;
    out.bias = (estimate - exact) / std::sqrt(rr * vv);
    if (bits == 1)
      out.rounded =
          factors.scale * (rounded_sum(levels, prepared) - sum) / factors.error / std::sqrt(mm);
    return out;
  }

 private:
  static constexpr size_t kHalf = 150;

  // One of a few hundred vectors, of their first or second half: the rotations are what is drawn
  // anew each time.
  std::vector<float> normals(double length, size_t half) {
    if (pool_.empty()) fill_pool();
    std::vector<float> out = pool_[half * kHalf + random_() % kHalf];
    for (float& value : out) value *= static_cast<float>(length);
    return out;
  }

  void fill_pool() {
    std::normal_distribution<double> normal(0, 1 / std::sqrt(static_cast<double>(dim_)));
    pool_.assign(2 * kHalf, std::vector<float>(dim_));
    // Few coordinates carry most, as in what models make.
    for (auto& vector : pool_) {
      for (size_t j = 0; j < dim_; ++j)
        vector[j] = static_cast<float>(normal(random_) * (j % 16 == 0 ? 3.6 : 0.4));
    }
  }

  std::vector<float> near(std::span<const float> centroid, size_t half) {
    auto out = normals(0.6, half);
    for (size_t j = 0; j < dim_; ++j) out[j] += centroid[j];
    std::vector<float> placed(padded_dim(dim_));
    place_vector(metric_, out, placed);
    return placed;
  }

  double rounded_sum(const std::vector<uint8_t>& levels, const CodeQuery& query) const {
    const size_t words = levels.size() / 64;
    std::vector<uint64_t> code(words);
    for (size_t j = 0; j < levels.size(); ++j)
      code[j / 64] |= static_cast<uint64_t>(levels[j]) << j % 64;
    int differ = 0;
    for (size_t plane = 0; plane < 4; ++plane)
      for (size_t w = 0; w < words; ++w)
        differ += std::popcount(code[w] ^ query.planes()[plane * words + w]) << plane;
    return query.unit() * (15.0 * static_cast<double>(levels.size()) - 2 * differ);
  }

  Metric metric_;
  size_t dim_;
  std::mt19937_64 random_;
  std::vector<std::vector<float>> pool_;
};

void expect_as_in_theory(Metric metric, size_t dim, int bits, int draws) {
  SCOPED_TRACE(std::string(metric_name(metric)) + ", " + std::to_string(dim) + " dimensions, " +
               std::to_string(bits) + " bits");
  Estimates estimates(metric, dim, 11 * dim + static_cast<uint64_t>(bits));
  const double scale = bits == 1 ? 0 : make_level_scale(padded_dim(dim), bits);
  double sum = 0, square = 0, bias = 0, rounded = 0;
  int beyond = 0;
  for (int i = 0; i < draws; ++i) {
    const auto draw = estimates.draw(bits, scale);
    sum += draw.error, square += draw.error * draw.error, bias += draw.bias;
    rounded += draw.rounded * draw.rounded;
    beyond += std::abs(draw.error) > 1.9;
  }
  const double n = draws;
  const double spread = std::sqrt(square / n - sum / n * (sum / n));
  EXPECT_LT(std::abs(bias / n), 2e-3);
  EXPECT_NEAR(spread, 1, 0.03);
  EXPECT_GT(beyond / n, 0.050);
  EXPECT_LT(beyond / n, 0.065);
  EXPECT_LT(std::sqrt(rounded / n), 0.2);
}

TEST(VectorCode, EstimatesMissAsTheorySays) {
  for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2})
    expect_as_in_theory(metric, 512, 1, 10'000);
  expect_as_in_theory(Metric::kL2, 768, 1, 10'000);
  expect_as_in_theory(Metric::kInnerProduct, 100, 1, 20'000);
}

TEST(VectorCode, MoreBitsMissLess) {
  for (const int bits : {2, 4, 8}) expect_as_in_theory(Metric::kCosine, 512, bits, 8'000);
}

TEST(VectorCode, TheSpreadFallsWithEachBit) {
  // What the literature measures at 512 dimensions: error / |r|.
  const double expected[] = {0, .0333, .0162, .0087, .0048, .0027, .0015, 0, .0008};
  const CodeFrame frame{Metric::kL2, std::vector<float>(512), make_signs(512, 3)};
  const std::vector<float> centroid(512);
  CellEncoder encoder(frame, centroid);
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> vector(512);
  for (float& value : vector) value = normal(random);
  double length = 0;
  for (const float value : vector) length += static_cast<double>(value) * value;
  for (const int bits : {1, 2, 3, 4, 5, 6, 8}) {
    CodeFactors factors;
    levels_of(encoder, vector, bits, bits == 1 ? 0 : make_level_scale(512, bits), factors);
    const double found = factors.error / 2 / std::sqrt(length);
    EXPECT_LT(found, 1.05 * expected[bits]) << bits << " bits";
    EXPECT_GT(found, 0.4 * expected[bits]) << bits << " bits";
  }
}

// What a search does: a cell's codes scanned, the exact score between the bounds nearly always.
TEST(VectorCode, AScanBoundsTheExactScores) {
  constexpr size_t kDim = 512, kRows = 400;
  std::mt19937_64 random(17);
  std::normal_distribution<float> normal;
  const CodeFrame frame{Metric::kInnerProduct, std::vector<float>(kDim, 0.1f),
                        make_signs(kDim, 23)};
  std::vector<float> centroid(kDim), query(kDim), row(kDim);
  for (size_t j = 0; j < kDim; ++j) centroid[j] = normal(random);
  for (size_t j = 0; j < kDim; ++j) query[j] = centroid[j] + 0.5f * normal(random);
  CellEncoder encoder(frame, centroid);
  std::vector<uint64_t> codes(kRows * frame.words());
  std::vector<float> add, scale, error, exact;
  double base = 0, apart = 0;
  for (size_t j = 0; j < kDim; ++j) base += centroid[j] * query[j];
  for (size_t j = 0; j < kDim; ++j) apart += std::pow(query[j] - centroid[j], 2);
  for (size_t i = 0; i < kRows; ++i) {
    double score = 0;
    for (size_t j = 0; j < kDim; ++j) {
      row[j] = centroid[j] + 0.7f * normal(random);
      score += row[j] * query[j];
    }
    const CodeFactors factors = encoder.encode(row, codes.data() + i * frame.words());
    add.push_back(factors.add), scale.push_back(factors.scale), error.push_back(factors.error);
    exact.push_back(static_cast<float>(score));
  }
  const CodeQuery prepared(frame, query);
  const simd::BitQuery scanned{prepared.planes(), frame.words(), prepared.unit(),
                               static_cast<float>(base),
                               static_cast<float>(1.9 * std::sqrt(apart))};
  std::vector<float> lower(kRows), upper(kRows);
  simd::scan_bits(scanned, codes.data(), add.data(), scale.data(), error.data(), kRows,
                  lower.data(), upper.data());
  size_t inside = 0;
  for (size_t i = 0; i < kRows; ++i) inside += exact[i] >= lower[i] && exact[i] <= upper[i];
  EXPECT_GT(inside, kRows * 90 / 100);
  EXPECT_LT(inside, kRows);
}

TEST(VectorCode, ASeedGivesItsSigns) {
  const auto signs = make_signs(192, 7);
  EXPECT_EQ(signs.size(), 12u);
  EXPECT_EQ(signs, make_signs(192, 7));
  EXPECT_NE(signs, make_signs(192, 8));
  int ones = 0;
  for (const uint64_t word : make_signs(4096, 1)) ones += std::popcount(word);
  EXPECT_NEAR(ones, 4096 * 2, 300);
}

TEST(VectorCode, AQueryAtTheOriginEstimatesTheBase) {
  const CodeFrame frame{Metric::kCosine, std::vector<float>(64, 0.5f), make_signs(64, 1)};
  const CodeQuery query(frame, frame.origin);
  EXPECT_EQ(query.unit(), 0);
}

TEST(VectorCode, AQueryWithoutLevelsHasNone) {
  CodeFrame frame{Metric::kL2, std::vector<float>(128), make_signs(128, 1)};
  for (const float value : {3e38f, -3e38f, 1e-42f, 0.0f}) {
    const CodeQuery query(frame, std::vector<float>(128, value));
    EXPECT_EQ(query.unit(), 0) << value;
    for (size_t i = 0; i < 8; ++i) EXPECT_EQ(query.planes()[i], 0u) << value;
  }
  for (const float value : {1e30f, 1e-30f})
    EXPECT_GT(CodeQuery(frame, std::vector<float>(128, value)).unit(), 0) << value;
}

}  // namespace
}  // namespace dreamdb
