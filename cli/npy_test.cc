// Headers as NumPy writes them are read; every cut, lie and malformed byte is a typed error.
#include "cli/npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cli/half.h"

namespace dreamdb::cli {
namespace {

// A version 1.0 file with `literal` as header, padded as NumPy does.
std::string npy(std::string literal, size_t data_bytes, char major = 1) {
  const size_t preamble = major == 1 ? 10 : 12;
  while ((preamble + literal.size() + 1) % 64 != 0) literal += ' ';
  literal += '\n';
  std::string out = "\x93NUMPY";
  out += major;
  out += '\0';
  for (size_t i = 0; i < preamble - 8; ++i) {
    out += static_cast<char>((literal.size() >> (8 * i)) & 255);
  }
  return out + literal + std::string(data_bytes, 'x');
}

Result<NpyHeader> parse(const std::string& bytes) {
  return parse_npy_header(bytes, bytes.size(), "a.npy");
}

void expect_refused(const std::string& bytes, const std::string& part) {
  const auto header = parse(bytes);
  ASSERT_FALSE(header.has_value()) << part;
  EXPECT_NE(header.error().message.find(part), std::string::npos) << header.error().message;
}

TEST(Npy, ReadsAllVersions) {
  for (const char major : {'\1', '\2', '\3'}) {
    const auto header =
        parse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 48, major));
    ASSERT_TRUE(header.has_value()) << header.error().message;
    EXPECT_EQ(header->shape, (std::vector<uint64_t>{3, 4}));
    EXPECT_EQ(header->row_bytes(), 16u);
    EXPECT_EQ(header->kind, NpyKind::kFloat);
    EXPECT_EQ(header->data_offset % 64, 0u);
  }
}

TEST(Npy, ReadsKeysInAnyOrderAndEveryType) {
  const std::vector<std::pair<std::string, size_t>> types = {{"|b1", 1}, {"|i1", 1},    {"<i8", 8},
                                                             {"<u2", 2}, {"<f2", 2},    {"<f8", 8},
                                                             {"|V2", 2}, {"<M8[us]", 8}};
  for (const auto& [descr, size] : types) {
    const auto header =
        parse(npy("{\"shape\": (5,), 'fortran_order': False, 'descr': '" + descr + "'}", 5 * size));
    ASSERT_TRUE(header.has_value()) << header.error().message;
    EXPECT_EQ(header->item_bytes, size);
    EXPECT_EQ(header->rows(), 5u);
  }
}

TEST(Npy, NamesWhatIsWrong) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }";
  expect_refused(npy(good, 47), "expected 48 bytes of data, found 47");
  expect_refused(npy(good, 49), "too long");
  expect_refused("PK\x03\x04", "no .npy file");
  expect_refused(npy(good, 48, 9), "version 9.0");
  expect_refused(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (3,)}", 12), "big-endian");
  expect_refused(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4)}", 48), "Fortran");
  expect_refused(npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}", 24), "pickle");
  expect_refused(npy("{'descr': '<U5', 'fortran_order': False, 'shape': (3,)}", 60), "text");
  expect_refused(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}", 12),
                 "structured");
  expect_refused(npy("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4),
                 "without a dimension");
  expect_refused(npy("{'descr': '<f4', 'shape': (3,)}", 12), "lacks one of");
  expect_refused(
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8)}", 0),
      "more than 2^64");
  expect_refused(
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 0),
      "below 2^63");
}

TEST(Npy, EveryPrefixIsRefused) {
  const std::string whole = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 48);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(parse(whole.substr(0, size)).has_value()) << size;
  }
}

TEST(Npy, WrittenHeadersAreReadAndKeepTheirSize) {
  const std::vector<uint64_t> shape = {2, 3};
  const std::string empty = write_npy_header("<f4", 0, shape);
  for (const uint64_t rows : {uint64_t{1}, uint64_t{1} << 40}) {
    const std::string header = write_npy_header("<f4", rows, shape);
    EXPECT_EQ(header.size(), empty.size());
    EXPECT_EQ(header.size() % 64, 0u);
    const auto parsed = parse_npy_header(header, header.size() + rows * 24, "a.npy");
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_EQ(parsed->shape, (std::vector<uint64_t>{rows, 2, 3}));
  }
}

TEST(Half, EveryValueSurvives) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const double value = half_to_double(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_double(double_to_half(value))));
      continue;
    }
    ASSERT_EQ(double_to_half(value), half) << bits;
    if (std::isfinite(bf16_to_double(half))) {
      ASSERT_EQ(double_to_bf16(bf16_to_double(half)), half) << bits;
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  // Halfway between two neighbours, and a hair to either side, at every finite half.
  for (uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const double low = half_to_double(bits);
    const double high = half_to_double(static_cast<uint16_t>(bits + 1));
    const double middle = (low + high) / 2;
    ASSERT_EQ(double_to_half(middle), bits % 2 == 0 ? bits : bits + 1) << bits;
    ASSERT_EQ(double_to_half(std::nextafter(middle, 0.0)), bits);
    ASSERT_EQ(double_to_half(std::nextafter(middle, 1e9)), bits + 1);
  }
  EXPECT_EQ(double_to_half(65519.999), 0x7bff);
  EXPECT_EQ(double_to_half(65520), 0x7c00);
  EXPECT_EQ(double_to_half(-1e300), 0xfc00);
  EXPECT_EQ(double_to_half(1e-300), 0);
}

}  // namespace
}  // namespace dreamdb::cli
