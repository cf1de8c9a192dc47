// The cells of queries are the same whether an index has its centroids or reads those it needs, and
// the pages that a search wants next come along.
#include "index/cell_choice.h"

#include <gtest/gtest.h>

#include <random>

#include "plan/tree.h"
#include "store/counting_store.h"
#include "store/memory_store.h"

namespace dreamdb {
namespace {

constexpr size_t kDim = 40, kPadded = 64, kCells = 16'000;
constexpr FieldId kField{1};
constexpr uint64_t kLargeCache = 64 << 20, kSmallCache = 4 << 20;
constexpr uint64_t kEntries = 1500;  // of a tree: more than a page has

std::vector<float> normals(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

// An index and three trees over segments that are not there.
struct Fixture {
  std::shared_ptr<CountingStore> store =
      std::make_shared<CountingStore>(std::make_shared<MemoryStore>("cells"));
  Field field;
  Manifest manifest;
  FieldIndex place;

  Fixture() {
    field.id = kField;
    field.name = "emb";
    field.type = FieldType::kEmbedding;
    field.shape = {kDim};
    make_index();
    place.codes = make_tree(kField, 1);
    manifest.tracks = {make_tree(kRecordTrack, 2), make_tree(kField, 3)};
  }

  void make_index() {
    SpatialParts parts;
    parts.algorithm = "dreamdb.ivf-l2";
    parts.dim = kDim;
    parts.signs = make_signs(kPadded, 5);
    parts.origin.assign(kPadded, 0.1f);
    const std::vector<float> rows = normals(kCells * kDim, 1);
    std::vector<float> padded(kCells * kPadded);
    for (size_t i = 0; i < rows.size(); ++i) padded[i / kDim * kPadded + i % kDim] = rows[i];
    const Routes routes = make_routes({Metric::kL2, parts.origin, parts.signs}, padded);
    const auto built = build_spatial_segment(
        Nonce{}, kField, parts, {rows, routes.bits, routes.add, routes.scale, routes.error});
    place.field = kField;
    place.spatial = built->entry.child;
    place.size = built->entry.size;
    place.footer = built->entry.footer;
    put(segment_key(place.spatial), built->object);
  }

  Root make_tree(FieldId track, uint64_t seed) {
    std::vector<Entry> entries;
    for (uint64_t i = 0; i < kEntries; ++i) {
      const uint64_t name[] = {seed, i};
      Entry entry;
      entry.first = i * 10;
      entry.last = i * 10 + 9;
      entry.step = 1;
      entry.rows = entry.records = 10;
      entry.child = Address::of(std::as_bytes(std::span(name)));
      entry.size = entry.bytes = 1000;
      entry.footer = 100;
      entries.push_back(entry);
    }
    const auto made = insert_entries(std::nullopt, track, entries, Nonce{}, {});
    for (const NewPage& page : made->pages) put(page_key(page.address), page.body);
    EXPECT_EQ(made->root->height, 1u);
    return *made->root;
  }

  void put(const std::string& key, const Buffer& body) {
    const PutRequest request{key, body};
    ASSERT_TRUE(store->put_many({&request, 1})[0]);
  }

  SpatialIndexPtr load(Objects& objects, IndexUse use) const {
    const auto index =
        load_spatial_index(objects, place, field,
                           {manifest.find_track(kRecordTrack), manifest.find_track(kField)}, use);
    EXPECT_TRUE(index) << index.error().message;
    return *index;
  }

  std::vector<ProbeQuery> choose(Objects& objects, const SpatialIndex& index,
                                 std::span<const size_t> counts) const {
    std::vector<ProbeQuery> queries;
    for (size_t q = 0; q < counts.size(); ++q) {
      std::vector<float> placed(kPadded);
      place_vector(Metric::kL2, normals(kDim, 100 + q), placed);
      queries.emplace_back(index, placed, bound_deviations(0));
    }
    const Root* const tracks[] = {manifest.find_track(kField), manifest.find_track(kRecordTrack)};
    const Status chosen = choose_cells(objects, index, queries, counts, *place.codes, tracks);
    EXPECT_TRUE(chosen) << chosen.error().message;
    return queries;
  }

  uint64_t pages_asked() const { return store->snapshot().requests_by_prefix["pages"]; }
  uint64_t waves() const { return store->snapshot().waves; }
};

TEST(CellChoice, IsTheSameWithoutCentroids) {
  const Fixture f;
  Objects large(f.store, kLargeCache), small(f.store, kSmallCache);
  const SpatialIndexPtr whole = f.load(large, IndexUse::kSearch);
  const uint64_t before = f.store->snapshot().read_bytes;
  const SpatialIndexPtr part = f.load(small, IndexUse::kSearch);
  EXPECT_LT(f.store->snapshot().read_bytes - before, f.place.size / 2);
  EXPECT_TRUE(whole->has_centroids());
  EXPECT_FALSE(part->has_centroids());
  EXPECT_TRUE(f.load(small, IndexUse::kEncode)->has_centroids());
  EXPECT_EQ(part->cells(), kCells);
  const size_t counts[] = {1, 8, 100, 3000, kCells, 0};
  const auto expected = f.choose(large, *whole, counts);
  for (size_t again = 0; again < 2; ++again) {
    const auto found = f.choose(small, *part, counts);
    for (size_t q = 0; q < std::size(counts); ++q) {
      ASSERT_EQ(found[q].cells.size(), counts[q]);
      for (size_t i = 0; i < counts[q]; ++i) {
        EXPECT_EQ(found[q].cells[i].cell, expected[q].cells[i].cell) << q << " " << i;
        EXPECT_NEAR(found[q].cells[i].base, expected[q].cells[i].base, 1e-3);
        EXPECT_NEAR(found[q].cells[i].distance, expected[q].cells[i].distance, 1e-3);
      }
    }
  }
}

TEST(CellChoice, BringsThePagesThatAreWantedNext) {
  const Fixture f;
  const size_t counts[] = {8};
  for (const uint64_t cache_bytes : {kLargeCache, kSmallCache}) {
    Objects objects(f.store, cache_bytes);
    uint64_t waves = f.waves(), pages = f.pages_asked();
    const SpatialIndexPtr index = f.load(objects, IndexUse::kSearch);
    EXPECT_EQ(f.waves(), waves + 1);
    EXPECT_EQ(f.pages_asked(), pages + 3);
    f.choose(objects, *index, counts);
    EXPECT_EQ(f.waves(), waves + 2);
    pages = f.pages_asked();
    for (const Root& root : {*f.place.codes, f.manifest.tracks[0], f.manifest.tracks[1]})
      EXPECT_EQ(list_entries(objects, TreeCursor(root, 0, UINT64_MAX))->size(), kEntries);
    EXPECT_EQ(f.pages_asked(), pages);
    waves = f.waves();
    f.choose(objects, *index, counts);
    EXPECT_EQ(f.waves(), waves);
  }
}

}  // namespace
}  // namespace dreamdb
