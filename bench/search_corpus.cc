#include "bench/search_corpus.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace dreamdb::bench {

namespace {

constexpr uint64_t kRows = 200'000, kQuickRows = 60'000, kFullRows = 1'000'000;
constexpr size_t kAppendRows = 20'000;
constexpr uint64_t kDirectionSeed = 5;

double dot(const float* a, const float* b) {
  float lanes[16] = {};
  for (size_t j = 0; j < kDim; j += 16)
    for (size_t k = 0; k < 16; ++k) lanes[k] += a[j + k] * b[j + k];
  double sum = 0;
  for (const float lane : lanes) sum += static_cast<double>(lane);
  return sum;
}

uint64_t anchor_of(uint64_t row) { return row * 1000; }

int64_t label_of(uint64_t row) {
  return static_cast<int64_t>(std::mt19937_64(row)() % static_cast<uint64_t>(kLabels));
}

Column int_column(const char* name, const std::vector<int64_t>& values) {
  Column column;
  column.name = name;
  column.type = FieldType::kInt;
  column.values = Buffer::copy_of(std::as_bytes(std::span(values)));
  return column;
}

Field int_field(const char* name) {
  Field field;
  field.name = name;
  field.type = FieldType::kInt;
  field.required = true;
  return field;
}

}  // namespace

uint64_t search_rows(const Settings& settings) {
  return settings.full ? kFullRows : settings.quick ? kQuickRows : kRows;
}

Schema search_schema() {
  Schema schema;
  Field field;
  field.name = "embedding";
  field.type = FieldType::kEmbedding;
  field.required = true;
  field.shape = {kDim};
  field.algorithm = "dreamdb.ivf-cosine";
  for (const Field& each : {field, int_field("label"), int_field("side")})
    (void)schema.add(each);  // their names are good
  return schema;
}

Corpus::Corpus(const ClipPreset& preset, uint64_t rows, const Settings& settings)
    : source_(preset, kDim, 1),
      rows_(rows),
      settings_(settings),
      in_{"in", {}, {}},
      out_{"out", {}, {}} {
  in_.values.resize(kQueries * kDim);
  out_.values.resize(kQueries * kDim);
  source_.queries_like_data(0, kQueries, in_.values.data());
  source_.queries_like_text(0, kQueries, out_.values.data());
  std::mt19937_64 random(kDirectionSeed);
  std::normal_distribution<float> normal;
  for (size_t j = 0; j < kDim; ++j) direction_.push_back(normal(random));
}

int64_t Corpus::side_of(const float* vector) const {
  return std::llround(1000 * dot(vector, direction_.data()));
}

Status Corpus::fill(Dataset& dataset) {
  std::vector<std::vector<std::pair<double, uint64_t>>> best(2 * kQueries);
  WriterOptions options;
  DREAMDB_ASSIGN(Writer writer, dataset.writer(options));
  std::vector<float> values(kAppendRows * kDim);
  for (uint64_t first = 0; first < rows_; first += kAppendRows) {
    const uint64_t count = std::min<uint64_t>(kAppendRows, rows_ - first);
    make(first, count, values);
    compare(first, count, values, best);
    DREAMDB_TRY(writer.append(rows_at(first, count, values)));
  }
  DREAMDB_TRY(writer.commit());
  for (size_t q = 0; q < best.size(); ++q) {
    QuerySample& sample = q < kQueries ? in_ : out_;
    sample.best.emplace_back();
    for (const auto& [key, anchor] : best[q]) sample.best.back().push_back(anchor);
  }
  return {};
}

void Corpus::make(uint64_t first, uint64_t count, std::vector<float>& values) const {
  constexpr uint64_t kPiece = 500;
  (void)on_threads(settings_.threads, (count + kPiece - 1) / kPiece, [&](size_t i) -> Status {
    const uint64_t at = i * kPiece;
    source_.vectors(first + at, std::min(kPiece, count - at), values.data() + at * kDim);
    return {};
  });
}

void Corpus::compare(uint64_t first, uint64_t count, const std::vector<float>& values,
                     std::vector<std::vector<std::pair<double, uint64_t>>>& best) const {
  (void)on_threads(settings_.threads, best.size(), [&](size_t q) -> Status {
    const float* query =
        q < kQueries ? in_.values.data() + q * kDim : out_.values.data() + (q - kQueries) * kDim;
    auto& list = best[q];
    for (uint64_t i = 0; i < count; ++i) {
      const double key = -dot(query, values.data() + i * kDim);  // all of length 1
      if (list.size() == kTop && key >= list.back().first) continue;
      const std::pair<double, uint64_t> hit(key, anchor_of(first + i));
      list.insert(std::ranges::upper_bound(list, hit), hit);
      if (list.size() > kTop) list.pop_back();
    }
    return {};
  });
}

NewRows Corpus::rows_at(uint64_t first, uint64_t count, const std::vector<float>& values) const {
  std::vector<uint64_t> anchors;
  for (uint64_t i = 0; i < count; ++i) anchors.push_back(anchor_of(first + i));
  NewRows rows;
  rows.rows = count;
  rows.anchors = Buffer::copy_of(std::as_bytes(std::span(anchors)));
  Column column;
  column.name = "embedding";
  column.type = FieldType::kEmbedding;
  column.shape = {kDim};
  column.values = Buffer::copy_of(std::as_bytes(std::span(values).first(count * kDim)));
  rows.columns.push_back(std::move(column));
  std::vector<int64_t> labels, sides;
  for (uint64_t i = 0; i < count; ++i) {
    labels.push_back(label_of(first + i));
    sides.push_back(side_of(values.data() + i * kDim));
  }
  rows.columns.push_back(int_column("label", labels));
  rows.columns.push_back(int_column("side", sides));
  return rows;
}

}  // namespace dreamdb::bench
