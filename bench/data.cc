#include "bench/data.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <vector>

namespace dreamdb::bench {

namespace {

constexpr uint64_t kLabels = 100;

// SplitMix64 of a counter: each value by itself, so the loop over it is vectorised.
inline uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

Field field_of(std::string name, FieldType type) {
  Field field;
  field.name = std::move(name);
  field.type = type;
  if (type == FieldType::kEmbedding) {
    field.shape = {kDim};
    field.algorithm = "dreamdb.ivf-cosine";
  }
  return field;
}

Column column_of(std::string name, FieldType type) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  if (type == FieldType::kEmbedding) column.shape = {kDim};
  return column;
}

Column number_labels(uint64_t first, uint64_t count) {
  Column column = column_of("label", FieldType::kInt);
  MutableBuffer values(count * 8);
  for (uint64_t i = 0; i < count; ++i)
    reinterpret_cast<uint64_t*>(values.data())[i] = mix(first + i) % kLabels;
  column.values = std::move(values).freeze();
  return column;
}

Column text_labels(uint64_t first, uint64_t count) {
  Column column = column_of("label", FieldType::kCategorical);
  std::vector<uint32_t> offsets = {0};
  std::string text;
  for (uint64_t i = first; i < first + count; ++i) {
    text += "label-" + std::to_string(mix(i) % kLabels);
    offsets.push_back(static_cast<uint32_t>(text.size()));
  }
  column.offsets = Buffer::copy_of(std::as_bytes(std::span(offsets)));
  column.values = Buffer::adopt(std::move(text));
  return column;
}

}  // namespace

uint64_t Fields::row_bytes() const {
  return (blob ? kBlobBytes : 0) + (embedding ? kVectorBytes : 0) + (scalars || numbers ? 16 : 0);
}

Schema schema_of(const Fields& fields) {
  Schema schema;
  const auto add = [&](const char* name, FieldType type) {
    [[maybe_unused]] const Status added = schema.add(field_of(name, type));
  };
  if (fields.blob) add("blob", FieldType::kBlob);
  if (fields.embedding) add("embedding", FieldType::kEmbedding);
  if (fields.scalars || fields.numbers) {
    add("label", fields.numbers ? FieldType::kInt : FieldType::kCategorical);
    add("score", FieldType::kFloat);
  }
  return schema;
}

void fill_floats(std::span<float> out, uint64_t seed) {
  for (size_t i = 0; i < out.size(); ++i) {
    const auto bits = static_cast<uint32_t>(mix(seed + i) >> 41) | 0x3f800000u;  // [1, 2)
    float value;
    std::memcpy(&value, &bits, sizeof value);
    out[i] = value - 1.5f;
  }
}

void fill_noise(std::span<std::byte> out, uint64_t seed) {
  const size_t words = out.size() / 8;
  for (size_t i = 0; i < words; ++i) {
    const uint64_t word = mix(seed + i);
    std::memcpy(out.data() + i * 8, &word, 8);
  }
  const uint64_t last = mix(seed + words);
  std::memcpy(out.data() + words * 8, &last, out.size() % 8);
}

Records::Records(const Fields& fields, uint64_t first, uint64_t count)
    : fields_(fields), first_(first), count_(count) {
  if (fields.embedding) {
    MutableBuffer out(count * kVectorBytes);
    fill_floats({reinterpret_cast<float*>(out.data()), count * kDim}, first * kDim);
    vectors_ = std::move(out).freeze();
  }
  if (fields.blob) {
    MutableBuffer out(count * kBlobBytes);
    fill_noise(out.span(), first * kBlobBytes);
    payloads_ = std::move(out).freeze();
  }
  if (fields.scalars || fields.numbers) {
    MutableBuffer out(count * 8);
    auto* scores = reinterpret_cast<double*>(out.data());
    for (uint64_t i = 0; i < count; ++i)
      scores[i] = static_cast<double>(mix(first + i) >> 11) * 0x1p-53;
    scores_ = std::move(out).freeze();
  }
}

NewRows Records::rows(uint64_t begin, uint64_t count) const {
  NewRows out;
  out.rows = count;
  MutableBuffer anchors(count * 8);
  for (uint64_t i = 0; i < count; ++i)
    reinterpret_cast<uint64_t*>(anchors.data())[i] = (first_ + begin + i) * kAnchorStep;
  out.anchors = std::move(anchors).freeze();
  if (fields_.blob) {
    Column blob = column_of("blob", FieldType::kBlob);
    blob.blobs.reserve(count);
    for (uint64_t i = begin; i < begin + count; ++i)
      blob.blobs.push_back(payloads_.slice(i * kBlobBytes, kBlobBytes));
    out.columns.push_back(std::move(blob));
  }
  if (fields_.embedding) {
    Column embedding = column_of("embedding", FieldType::kEmbedding);
    embedding.values = vectors_.slice(begin * kVectorBytes, count * kVectorBytes);
    out.columns.push_back(std::move(embedding));
  }
  if (fields_.scalars || fields_.numbers) {
    out.columns.push_back(fields_.numbers ? number_labels(first_ + begin, count)
                                          : text_labels(first_ + begin, count));
    Column score = column_of("score", FieldType::kFloat);
    score.values = scores_.slice(begin * 8, count * 8);
    out.columns.push_back(std::move(score));
  }
  return out;
}

namespace {

Status append_pieces(Writer& writer, const Records& records) {
  const uint64_t row_bytes = std::max<uint64_t>(1, records.bytes() / records.count());
  const uint64_t step = std::max<uint64_t>(1, kPieceBytes / row_bytes);
  for (uint64_t at = 0; at < records.count(); at += step)
    DREAMDB_TRY(writer.append(records.rows(at, std::min(step, records.count() - at))));
  return {};
}

}  // namespace

Status append_all(Dataset& dataset, const Records& records) {
  DREAMDB_ASSIGN(Writer writer, dataset.writer());
  DREAMDB_TRY(append_pieces(writer, records));
  DREAMDB_TRY(writer.commit());
  return {};
}

Result<Dataset> make_dataset(const std::string& folder, const Fields& fields, uint64_t count,
                             const CreateOptions& options) {
  DREAMDB_ASSIGN(Dataset dataset, Dataset::create(locator_of(folder), schema_of(fields), options));
  DREAMDB_ASSIGN(Writer writer, dataset.writer());
  const uint64_t step = std::max<uint64_t>(1, kPieceBytes / fields.row_bytes());
  for (uint64_t at = 0; at < count; at += step)
    DREAMDB_TRY(append_pieces(writer, Records(fields, at, std::min(step, count - at))));
  DREAMDB_TRY(writer.commit());
  return dataset;
}

std::string locator_of(const std::string& folder) { return "file://" + folder + "@main"; }

void remove_folder(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

Scratch::Scratch(std::string path) : path_(std::move(path)) { remove_folder(path_); }

}  // namespace dreamdb::bench
