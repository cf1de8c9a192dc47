// Elements of .npy files become values of fields without a silent loss.
#include "cli/elements.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace dreamdb::cli {
namespace {

template <typename T>
Buffer bytes_of(const std::vector<T>& values) {
  return Buffer::copy_of(std::as_bytes(std::span(values)));
}

template <typename T>
std::vector<T> values_of(const Buffer& buffer) {
  std::vector<T> out(buffer.size() / sizeof(T));
  std::memcpy(out.data(), buffer.data(), buffer.size());
  return out;
}

NpyHeader header(const std::string& descr, NpyKind kind, size_t size, std::vector<uint64_t> shape) {
  NpyHeader out;
  out.descr = descr;
  out.kind = kind;
  out.item_bytes = size;
  out.shape = std::move(shape);
  return out;
}

Field embedding(uint64_t dim, Dtype dtype = Dtype::kF32) {
  Field field;
  field.name = "emb";
  field.type = FieldType::kEmbedding;
  field.shape = {dim};
  field.dtype = dtype;
  return field;
}

Field scalar(FieldType type) {
  Field field;
  field.name = "x";
  field.type = type;
  return field;
}

TEST(Elements, DoublesBecomeFloats) {
  const auto h = header("<f8", NpyKind::kFloat, 8, {2, 2});
  const auto out = npy_values(h, bytes_of<double>({0.1, -2, 3.5, 1e-50}), embedding(2), 0, "a.npy");
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(values_of<float>(*out), (std::vector<float>{0.1F, -2, 3.5F, 0}));
}

TEST(Elements, SameTypeIsNotCopied) {
  const auto h = header("<f4", NpyKind::kFloat, 4, {2, 2});
  const Buffer raw = bytes_of<float>({1, 2, 3, 4});
  const auto out = npy_values(h, raw, embedding(2), 0, "a.npy");
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->data(), raw.data());
}

TEST(Elements, NotFiniteIsFoundAtAnyPlace) {
  const auto h = header("<f4", NpyKind::kFloat, 4, {100, 3});
  for (size_t bad = 0; bad < 300; ++bad) {
    std::vector<float> values(300, 1.0F);
    values[bad] = bad % 2 == 0 ? std::nanf("") : -std::numeric_limits<float>::infinity();
    const auto out = npy_values(h, bytes_of(values), embedding(3), 1000, "a.npy");
    ASSERT_FALSE(out.has_value()) << bad;
    const std::string place =
        "a.npy row " + std::to_string(1000 + bad / 3) + ", element " + std::to_string(bad % 3);
    EXPECT_TRUE(out.error().message.starts_with(place)) << out.error().message;
  }
}

TEST(Elements, NumbersBeyondAFloatAreNamed) {
  const auto doubles = header("<f8", NpyKind::kFloat, 8, {2, 2});
  Field array = embedding(2);
  array.type = FieldType::kArray;
  for (const Field& field : {embedding(2), array}) {
    const auto out = npy_values(doubles, bytes_of<double>({1, 2, 3, -1e50}), field, 7, "a.npy");
    ASSERT_FALSE(out.has_value());
    EXPECT_EQ(out.error().message,
              "a.npy row 8, element 1: field `emb`: -1e+50 is a number beyond f32, which ends at "
              "3.4028235e+38");
  }
  const auto integers = header("<i4", NpyKind::kInt, 4, {1, 2});
  const auto half =
      npy_values(integers, bytes_of<int32_t>({65504, 70000}), embedding(2, Dtype::kF16), 0, "a");
  ASSERT_FALSE(half.has_value());
  EXPECT_TRUE(half.error().message.contains("70000 is a number beyond f16, which ends at 65504"));
  // What is infinite already stays so where the field takes it; the largest numbers fit.
  const double infinity = std::numeric_limits<double>::infinity();
  const auto kept =
      npy_values(doubles, bytes_of<double>({infinity, 3.4028235e38, 1, -infinity}), array, 0, "a");
  EXPECT_TRUE(kept.has_value());
  array.dtype = Dtype::kBf16;
  EXPECT_TRUE(npy_values(doubles, bytes_of<double>({infinity, 3.3895314e38, 1, 2}), array, 0, "a")
                  .has_value());
  EXPECT_FALSE(npy_values(doubles, bytes_of<double>({0, 3.4e38, 1, 2}), array, 0, "a").has_value());
}

TEST(Elements, IntegersMustFit) {
  Field field = embedding(1);
  field.type = FieldType::kArray;
  field.dtype = Dtype::kI8;
  const auto h = header("<i8", NpyKind::kInt, 8, {3, 1});
  EXPECT_EQ(values_of<int8_t>(*npy_values(h, bytes_of<int64_t>({-128, 0, 127}), field, 0, "a")),
            (std::vector<int8_t>{-128, 0, 127}));
  EXPECT_FALSE(npy_values(h, bytes_of<int64_t>({0, 128, 0}), field, 0, "a").has_value());
  const auto u = header("<u8", NpyKind::kUint, 8, {1});
  EXPECT_FALSE(
      npy_values(u, bytes_of<uint64_t>({1ull << 63}), scalar(FieldType::kInt), 0, "a").has_value());
}

TEST(Elements, TimesBecomeNanoseconds) {
  auto h = header("<M8[ms]", NpyKind::kTime, 8, {2});
  h.time_unit_ns = 1'000'000;
  const Field field = scalar(FieldType::kTimestamp);
  EXPECT_TRUE(check_npy_fits(h, field, "a").has_value());
  EXPECT_EQ(values_of<int64_t>(*npy_values(h, bytes_of<int64_t>({5, -7}), field, 0, "a")),
            (std::vector<int64_t>{5'000'000, -7'000'000}));
  const int64_t nat = std::numeric_limits<int64_t>::min();
  EXPECT_FALSE(npy_values(h, bytes_of<int64_t>({1, nat}), field, 0, "a").has_value());
  EXPECT_FALSE(npy_values(h, bytes_of<int64_t>({1, nat / 2}), field, 0, "a").has_value());
}

TEST(Elements, WhatDoesNotFitIsRefusedBeforeReading) {
  const auto floats = header("<f4", NpyKind::kFloat, 4, {2, 3});
  EXPECT_FALSE(check_npy_fits(floats, embedding(4), "a").has_value());
  EXPECT_TRUE(check_npy_fits(floats, embedding(3, Dtype::kF16), "a").has_value());
  EXPECT_FALSE(check_npy_fits(floats, scalar(FieldType::kFloat), "a").has_value());
  const auto column = header("<f4", NpyKind::kFloat, 4, {2});
  EXPECT_TRUE(check_npy_fits(column, scalar(FieldType::kFloat), "a").has_value());
  EXPECT_FALSE(check_npy_fits(column, scalar(FieldType::kInt), "a").has_value());
  EXPECT_FALSE(check_npy_fits(column, scalar(FieldType::kString), "a").has_value());
  EXPECT_FALSE(check_npy_fits(column, scalar(FieldType::kImage), "a").has_value());
}

TEST(Elements, AnchorsAreWholeAndNotNegative) {
  const auto h = header("<i8", NpyKind::kInt, 8, {2});
  EXPECT_EQ(values_of<uint64_t>(*npy_anchors(h, bytes_of<int64_t>({0, 5}), 0, "a")),
            (std::vector<uint64_t>{0, 5}));
  EXPECT_FALSE(npy_anchors(h, bytes_of<int64_t>({0, -1}), 0, "a").has_value());
  const auto u = header("<u8", NpyKind::kUint, 8, {1});
  EXPECT_FALSE(npy_anchors(u, bytes_of<uint64_t>({UINT64_MAX}), 0, "a").has_value());
  const auto f = header("<f8", NpyKind::kFloat, 8, {1});
  EXPECT_FALSE(npy_anchors(f, bytes_of<double>({1}), 0, "a").has_value());
}

}  // namespace
}  // namespace dreamdb::cli
