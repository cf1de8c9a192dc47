// What calls cost on a far bucket: 20 ms a wave, 16 connections of 100 MB/s, in simulated time.
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <random>

#include "base/one_in.h"
#include "dataset/far_bucket.h"
#include "dataset/testing.h"

namespace dreamdb {
namespace {

using namespace testing;

constexpr size_t kDim = 512;
constexpr size_t kBlobBytes = 50'000;

std::vector<uint64_t> anchors_of(uint64_t first, size_t count, bool even) {
  std::vector<uint64_t> out;
  std::mt19937_64 random(first);
  for (uint64_t i = first; i < first + count; ++i)
    out.push_back(even ? i * 1000 : i * 1000 + random() % 1000);
  return out;
}

NewRows vector_rows(uint64_t first, size_t count, bool even = true) {
  std::vector<float> values(count * kDim);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(first + i);
  return rows_at(anchors_of(first, count, even), {embedding_column("emb", kDim, values)});
}

NewRows blob_rows(uint64_t first, size_t count, bool even = true) {
  Column column;
  column.name = "img";
  column.type = FieldType::kImage;
  std::mt19937_64 random(first);
  for (size_t i = 0; i < count; ++i) {
    MutableBuffer blob(kBlobBytes);
    auto* words = reinterpret_cast<uint64_t*>(blob.data());
    for (size_t w = 0; w < kBlobBytes / 8; ++w) words[w] = random();
    column.blobs.push_back(std::move(blob).freeze());
  }
  return rows_at(anchors_of(first, count, even), {std::move(column)});
}

struct Rate {
  double whole = 0;   // bytes a second from `stream` to the end
  double steady = 0;  // from the first batch on
  uint64_t under_way_max = 0;
};

// Streams all with the options as they come.
Rate stream_all(const Bucket& bucket, size_t rows_expected, double row_bytes) {
  const Dataset ds = bucket.open();
  const uint64_t begin_ns = bucket.far->now_ns();
  auto stream = ds.stream();
  EXPECT_TRUE(stream);
  uint64_t first_ns = 0;
  size_t rows = 0, first_rows = 0;
  for (;;) {
    auto batch = stream->next();
    if (!batch) ADD_FAILURE() << batch.error().message;
    if (!batch || !*batch) break;
    rows += (*batch)->rows();
    if (first_ns == 0) {
      first_ns = bucket.far->now_ns();
      first_rows = rows;
    }
  }
  EXPECT_EQ(rows, rows_expected);
  const auto seconds = [](uint64_t ns) { return static_cast<double>(ns) / 1e9; };
  const uint64_t end_ns = bucket.far->now_ns();
  Rate out;
  out.whole = static_cast<double>(rows) * row_bytes / seconds(end_ns - begin_ns);
  out.steady = static_cast<double>(rows - first_rows) * row_bytes / seconds(end_ns - first_ns);
  out.under_way_max = bucket.far->bytes_under_way_max();
  return out;
}

Rate measure(const std::string& what, const Bucket& bucket, size_t rows, double row_bytes) {
  const double full = FarModel().total_bytes_per_second();
  const Rate rate = stream_all(bucket, rows, row_bytes);
  const Bucket wide = bucket.with(kWavesOnly);
  const Dataset ds = wide.open();
  auto stream = ds.stream();
  const uint64_t first = wide.waves([&] { ASSERT_TRUE(stream->next()); });
  std::cout << what << ": " << rate.whole / full << " of 16 connections, " << rate.steady / full
            << " from the first batch on, which takes " << first << " waves; at most "
            << rate.under_way_max / 1000000 << " MB under way\n";
  EXPECT_LE(first, 5u) << what;
  EXPECT_LE(rate.under_way_max, ReadOptions().memory_bytes) << what;
  return rate;
}

// Under a sanitizer only a part of a stream is read: too little to tell how fast the whole is.
struct Part {
  explicit Part(size_t all) : rows(OneIn().of(all)), is_whole(rows == all) {}

  size_t rows;
  bool is_whole;
};

// From the first batch on: a stream of some 600 MB is mostly ramp.
void expect_saturated(const std::string& what, const Bucket& bucket, const Part& part,
                      double row_bytes) {
  const Rate rate = measure(what, bucket, part.rows, row_bytes);
  if (!part.is_whole) return;
  EXPECT_GE(rate.steady, 0.8 * FarModel().total_bytes_per_second()) << what;
}

// `count` rows in commits of `commit_rows`.
void fill(const Bucket& bucket, const Schema& schema, size_t count, size_t commit_rows,
          NewRows (*rows)(uint64_t, size_t, bool), bool even) {
  Dataset ds = bucket.create(schema);
  for (size_t done = 0; done < count; done += commit_rows) {
    auto report = ds.append(rows(done, std::min(commit_rows, count - done), even));
    ASSERT_TRUE(report) << report.error().message;
  }
}

TEST(Far, AStreamOfEmbeddingsSaturatesTheConnections) {
  const Part part(300'000);
  for (const bool even : {true, false}) {
    const Bucket bucket;
    fill(bucket, one_field(embedding_field("emb", kDim)), part.rows, 100'000, vector_rows, even);
    expect_saturated(even ? "embeddings" : "embeddings at uneven anchors", bucket, part, kDim * 4);
  }
}

TEST(Far, AStreamOfBlobsSaturatesTheConnections) {
  const Part part(12'000);
  for (const bool even : {true, false}) {
    const Bucket bucket;
    fill(bucket, one_field(field_of("img", FieldType::kImage)), part.rows, 4'000, blob_rows, even);
    expect_saturated(even ? "blobs" : "blobs at uneven anchors", bucket, part, kBlobBytes);
  }
}

// 3,000 segments of 200 KB, of which each needs its footer first: 0.65 to 0.70, also of longer
// streams. From the first batch on it would look better than it is, for much is read before that.
TEST(Far, AStreamOverManySmallCommitsKeepsMostConnectionsBusy) {
  const Part part(300'000);
  const Bucket bucket;
  fill(bucket, one_field(embedding_field("emb", kDim)), part.rows, 100, vector_rows, false);
  const Rate rate = measure("embeddings in commits of 100", bucket, part.rows, kDim * 4);
  if (!part.is_whole) return;
  EXPECT_GE(rate.whole, 0.6 * FarModel().total_bytes_per_second());
}

// 2,000 records of all kinds in commits of 100, vectors in segments that are read by their footers.
Bucket mixed_bucket() {
  Bucket bucket;
  Schema schema;
  EXPECT_TRUE(schema.add(embedding_field("emb", kDim)));
  EXPECT_TRUE(schema.add(field_of("n", FieldType::kInt)));
  EXPECT_TRUE(schema.add(field_of("img", FieldType::kImage)));
  Dataset ds = bucket.create(schema);
  for (uint64_t first = 0; first < 2000; first += 100) {
    NewRows rows = vector_rows(first, 100, false);
    std::vector<int64_t> numbers;
    for (uint64_t i = first; i < first + 100; ++i) numbers.push_back(static_cast<int64_t>(i));
    rows.columns.push_back(int_column("n", numbers));
    rows.columns.push_back(std::move(blob_rows(first, 100).columns[0]));
    EXPECT_TRUE(ds.append(std::move(rows)));
  }
  return bucket.with(kWavesOnly);
}

ReadOptions fields_of(std::vector<std::string> names) {
  ReadOptions out;
  out.fields = std::move(names);
  return out;
}

NewRows one_more(uint64_t first) {
  NewRows rows = vector_rows(first, 10);
  rows.columns.push_back(int_column("n", std::vector<int64_t>(10, 7)));
  rows.columns.push_back(std::move(blob_rows(first, 10).columns[0]));
  return rows;
}

TEST(Far, EveryCallTakesTheWavesThatAreStated) {
  const Bucket bucket = mixed_bucket();
  std::optional<Dataset> opened;
  EXPECT_EQ(bucket.waves([&] { opened = bucket.open(); }), 2u);
  Dataset& ds = *opened;
  // What the first append on a cold handle reads: the root pages of the tracks.
  ASSERT_TRUE(ds.append(one_more(1'000'000)));
  EXPECT_EQ(bucket.waves([&] { ASSERT_TRUE(ds.append(one_more(2'000'000))); }), 2u);
  EXPECT_LE(bucket.waves([&] { ASSERT_TRUE(ds.branch("try")); }), 2u);
  EXPECT_LE(bucket.waves([&] { ASSERT_TRUE(ds.snapshot("v1")); }), 2u);
  EXPECT_EQ(bucket.waves([&] { ASSERT_TRUE(ds.count()); }), 0u);
  EXPECT_EQ(bucket.waves([&] { ASSERT_TRUE(ds.refresh()); }), 1u);

  // Reads on handles that have read nothing: pages, footers with lists, blocks.
  std::vector<uint64_t> wanted = anchors_of(0, 2000, true);
  {
    const Dataset cold = bucket.open();
    std::vector<uint64_t> anchors;
    auto all = cold.stream(fields_of({"n"}));
    while (auto batch = *all->next())
      anchors.insert(anchors.end(), batch->anchors(), batch->anchors() + batch->rows());
    std::shuffle(anchors.begin(), anchors.end(), std::mt19937_64(1));
    anchors.resize(1000);
    wanted = anchors;
  }
  const Dataset take = bucket.open();
  EXPECT_LE(bucket.waves([&] { ASSERT_TRUE(take.take(wanted)); }), 4u);
  EXPECT_LE(bucket.waves([&] { ASSERT_TRUE(take.take(wanted)); }), 1u);

  // All records at once, in one batch: what every join needs, whatever the fields.
  const auto drain = [&](const ReadOptions& options) {
    const Dataset cold = bucket.open();
    return bucket.waves([&] {
      auto stream = cold.stream(options);
      for (;;) {
        auto batch = stream->next();
        ASSERT_TRUE(batch) << batch.error().message;
        if (!*batch) break;
      }
    });
  };
  EXPECT_LE(drain({}), 12u);
  ReadOptions range = fields_of({"emb", "n"});
  range.start = 500'000;
  range.end = 600'000;
  EXPECT_LE(drain(range), 5u);

  const Dataset count = bucket.open();
  EXPECT_LE(bucket.waves([&] { EXPECT_EQ(*count.count(*Where::parse("n < 50 and n != 7")), 49u); }),
            5u);

  const std::vector<float> query(kDim, 1.0f);
  const Dataset search = bucket.open();
  EXPECT_LE(bucket.waves([&] { ASSERT_TRUE(search.search("emb", query, 1, {})); }), 6u);
  SearchOptions filtered;
  filtered.where = *Where::parse("n < 500");
  const Dataset found = bucket.open();
  EXPECT_LE(bucket.waves([&] { ASSERT_TRUE(found.search("emb", query, 1, filtered)); }), 9u);
}

// 100,000 records, 100 at a time: the thousandth commit asks for as much as the tenth.
TEST(Far, ACommitCostsTheSameFromTheFirstToTheThousandth) {
  const Bucket bucket = Bucket().with(kWavesOnly);
  bucket.create(one_field(embedding_field("emb", 16)));
  Dataset ds = bucket.open();
  std::map<uint64_t, size_t> commits_by_requests;
  for (uint64_t n = 0; n < 1000; ++n) {
    const StoreCounts before = bucket.counted->snapshot();
    const std::vector<float> values(100 * 16, static_cast<float>(n + 1));
    NewRows rows = rows_at(anchors_of(n * 100, 100, false), {embedding_column("emb", 16, values)});
    const uint64_t waves = bucket.waves([&] { ASSERT_TRUE(ds.append(std::move(rows))); });
    const StoreCounts cost = bucket.counted->snapshot().since(before);
    ASSERT_EQ(cost.of(StoreOp::kGet), 0u) << n;
    ASSERT_EQ(waves, 2u) << n;
    ++commits_by_requests[cost.requests()];
  }
  EXPECT_EQ(*ds.count(), 100'000u);
  // Two segments, a page for each of two tracks, the manifest, the swap; once a track has more than
  // one page an inner page each, and when a page is full it is cut in two.
  for (const auto& [requests, commits] : commits_by_requests) {
    EXPECT_GE(requests, 6u);
    EXPECT_LE(requests, 6u + 2u + 4u);
    if (requests > 8) {
      EXPECT_LE(commits, 20u) << requests;
    }
    std::cout << commits << " commits of " << requests << " requests\n";
  }
}

// A read of more than a wave may carry is several, one after the other.
TEST(Far, AWaveIsBoundedInBytes) {
  const Bucket bucket;
  constexpr size_t kRows = 8'000;  // 400 MB
  fill(bucket, one_field(field_of("img", FieldType::kImage)), kRows, 4'000, blob_rows, true);
  const Dataset ds = bucket.open();
  auto batch = ds.take(anchors_of(0, kRows, true));
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->rows(), kRows);
  EXPECT_LE(bucket.far->bytes_under_way_max(), kWaveBytesMax);
  EXPECT_GT(bucket.far->bytes_under_way_max(), kWaveBytesMax / 2);
}

}  // namespace
}  // namespace dreamdb
