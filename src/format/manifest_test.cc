// Manifests: round trips, flipped bytes, limits of users' parts, and the jump list at any depth.
#include "format/manifest.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <random>

namespace dreamdb {
namespace {

Address address_of(uint64_t number) {
  Address address;
  std::memcpy(address.hash.data(), &number, sizeof number);
  return address;
}

Schema small_schema() {
  Schema schema;
  Field image;
  image.name = "photo";
  image.type = FieldType::kImage;
  image.mime = "png";
  EXPECT_TRUE(schema.add(image));
  Field label;
  label.name = "label";
  label.type = FieldType::kCategorical;
  label.info = {{"unit", "none"}};
  EXPECT_TRUE(schema.add(label));
  Field vector;
  vector.name = "vector";
  vector.type = FieldType::kEmbedding;
  vector.shape = {8};
  vector.dtype = Dtype::kF32;
  vector.algorithm = "dreamdb.ivf-cosine";
  EXPECT_TRUE(schema.add(vector));
  return schema;
}

// The version at `depth` with first parents address_of(0), address_of(1), ...
Manifest version_at(uint64_t depth) {
  Manifest version;
  while (version.depth < depth) {
    Manifest child;
    child.ancestors = ancestors_of_child(version, address_of(version.depth));
    child.depth = version.depth + 1;
    version = std::move(child);
  }
  if (depth > 0) version.parents = {address_of(depth - 1)};
  version.generation = depth;
  return version;
}

Root root_at(FieldId field) {
  return {.field = field,
          .page = address_of(77),
          .page_size = 4000,
          .height = 1,
          .first = 3,
          .last = 900,
          .rows = 500,
          .records = 400,
          .segments = 7,
          .bytes = 1ull << 40};
}

void expect_equal(const Manifest& a, const Manifest& b) {
  EXPECT_EQ(a.nonce, b.nonce);
  EXPECT_EQ(a.timeline, b.timeline);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.depth, b.depth);
  EXPECT_EQ(a.parents, b.parents);
  EXPECT_EQ(a.ancestors, b.ancestors);
  EXPECT_EQ(a.schema, b.schema);
  EXPECT_EQ(a.tracks, b.tracks);
  EXPECT_EQ(a.indexes, b.indexes);
  EXPECT_EQ(a.ledger, b.ledger);
  EXPECT_EQ(a.tombstones, b.tombstones);
  EXPECT_EQ(a.replaced, b.replaced);
  EXPECT_EQ(a.operation, b.operation);
  EXPECT_EQ(a.writer, b.writer);
  EXPECT_EQ(a.write, b.write);
  EXPECT_EQ(a.time_ns, b.time_ns);
  EXPECT_EQ(a.meta, b.meta);
}

Manifest full_manifest() {
  Manifest m = version_at(13);
  m.nonce.fill(std::byte{5});
  m.write.fill(std::byte{6});
  m.timeline = address_of(99);
  m.generation = 20;
  m.parents.push_back(address_of(1234));
  m.schema = small_schema();
  m.tracks = {root_at(kRecordTrack), root_at(FieldId{1})};
  m.ledger = root_at(kRecordTrack);
  m.operation = "append";
  m.writer = "test 1";
  m.time_ns = 1'700'000'000'000'000'000;
  m.meta = {{"owner", "me"}, {"a", "shorter keys first"}, {"", ""}};
  return m;
}

// The same with an index of the embedding, field 3.
Manifest indexed_manifest() {
  Manifest m = full_manifest();
  m.indexes = {{FieldId{3}, address_of(5), 9000, 700, root_at(FieldId{3}), std::nullopt}};
  return m;
}

// The same with deleted records, deleted values of field 2, and entries that were replaced.
Manifest deleted_manifest() {
  Manifest m = indexed_manifest();
  m.tombstones = {root_at(kRecordTrack), root_at(FieldId{2})};
  m.tombstones[0].records = 150;
  m.replaced = root_at(kRecordTrack);
  return m;
}

TEST(Manifest, RoundTrips) {
  Manifest replaced = full_manifest();
  replaced.replaced = root_at(kRecordTrack);
  for (const Manifest& m : {full_manifest(), indexed_manifest(), deleted_manifest(), replaced,
                            version_at(0), version_at(1), version_at(1000)}) {
    const auto bytes = write_manifest(m);
    ASSERT_TRUE(bytes);
    const auto back = parse_manifest(bytes->span(), "manifests/x");
    ASSERT_TRUE(back) << back.error().message;
    expect_equal(*back, m);
  }
}

TEST(Manifest, FindsTracks) {
  const Manifest m = full_manifest();
  EXPECT_EQ(m.record_count(), 400u);
  EXPECT_EQ(m.find_track(FieldId{1})->field, FieldId{1});
  EXPECT_EQ(m.find_track(FieldId{2}), nullptr);
  EXPECT_EQ(version_at(0).record_count(), 0u);
}

TEST(Manifest, DeletedRecordsAreNotCounted) {
  EXPECT_EQ(deleted_manifest().record_count(), 250u);
  EXPECT_EQ(deleted_manifest().find_tombstones(FieldId{2})->field, FieldId{2});
  EXPECT_EQ(deleted_manifest().find_tombstones(FieldId{1}), nullptr);
}

TEST(Manifest, ListsEachOfItsTrees) {
  Manifest m = deleted_manifest();
  m.indexes[0].covered = root_at(FieldId{3});
  m.set_tombstones(root_at(FieldId{1}));
  std::vector<std::pair<TreeKind, uint32_t>> found;
  for (const TreeOfVersion& tree : m.trees())
    found.emplace_back(tree.kind, static_cast<uint32_t>(tree.root->field));
  const std::vector<std::pair<TreeKind, uint32_t>> expected{
      {TreeKind::kTrack, 0},      {TreeKind::kTrack, 1},      {TreeKind::kCodes, 3},
      {TreeKind::kCovered, 3},    {TreeKind::kLedger, 0},     {TreeKind::kTombstones, 0},
      {TreeKind::kTombstones, 1}, {TreeKind::kTombstones, 2}, {TreeKind::kReplaced, 0}};
  EXPECT_EQ(found, expected);
  EXPECT_TRUE(version_at(0).trees().empty());
}

TEST(Manifest, IndexesAreOfEmbeddings) {
  for (const auto& change : std::vector<std::function<void(FieldIndex&)>>{
           [](FieldIndex& i) { i.field = FieldId{1}; },
           [](FieldIndex& i) { i.field = FieldId{9}; },
           [](FieldIndex& i) { i.codes->field = FieldId{1}; },
           [](FieldIndex& i) { i.footer = i.size; },
           [](FieldIndex& i) { i.footer = i.size - 79; },
       }) {
    Manifest m = indexed_manifest();
    change(m.indexes[0]);
    const auto parsed = parse_manifest(write_manifest(m).value().span(), "manifests/x");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, Code::kCorruption);
  }
  EXPECT_EQ(indexed_manifest().find_index(FieldId{3})->size, 9000u);
  EXPECT_EQ(indexed_manifest().find_index(FieldId{1}), nullptr);
}

void check_flips(const Buffer& good) {
  size_t refused = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::byte> bytes(good.span().begin(), good.span().end());
      bytes[i] ^= static_cast<std::byte>(1 << bit);
      const auto parsed = parse_manifest(bytes, "manifests/x");
      if (!parsed) {
        ++refused;
        continue;
      }
      const auto written = write_manifest(*parsed);
      ASSERT_TRUE(written);
      ASSERT_TRUE(std::ranges::equal(written->span(), bytes)) << "byte " << i << ", bit " << bit;
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(Manifest, FlippedBitsAreRefusedOrWrittenAgain) {
  check_flips(write_manifest(full_manifest()).value());
  check_flips(write_manifest(indexed_manifest()).value());
  check_flips(write_manifest(deleted_manifest()).value());
}

TEST(Manifest, WriterRefusesWhatUsersMakeTooLong) {
  const auto code = [](auto change) {
    Manifest m = full_manifest();
    change(m);
    const auto written = write_manifest(m);
    return written ? Code{} : written.error().code;
  };
  EXPECT_EQ(code([](Manifest&) {}), Code{});
  EXPECT_EQ(code([](Manifest& m) { m.operation = std::string(64, 'x'); }), Code{});
  EXPECT_EQ(code([](Manifest& m) { m.operation = std::string(65, 'x'); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Manifest& m) { m.writer = std::string(1025, 'x'); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Manifest& m) { m.meta = {{"k", std::string(256 * 1024, 'x')}}; }),
            Code::kInvalidArgument);
  EXPECT_EQ(code([](Manifest& m) { m.meta = {{"k", std::string(256 * 1024 - 1, 'x')}}; }), Code{});
  EXPECT_EQ(code([](Manifest& m) { m.meta = {{"k", "\xff"}}; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Manifest& m) { m.operation = "\xff"; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Manifest& m) {
              for (int i = 0; i < 257; ++i) m.meta[std::to_string(i)] = "";
            }),
            Code::kInvalidArgument);
  EXPECT_EQ(code([](Manifest& m) {
              for (uint64_t i = 0; i < 40'000; ++i) m.parents.push_back(address_of(5000 + i));
            }),
            Code::kInvalidArgument);
}

TEST(Ancestors, ListsAreShortAndJumpsAreFew) {
  constexpr uint64_t kGenerations = 100'000;
  std::vector<Manifest> versions(1);
  versions.reserve(kGenerations + 1);
  std::mt19937_64 random(1);
  uint64_t hops_most = 0;
  for (uint64_t depth = 1; depth <= kGenerations; ++depth) {
    Manifest child;
    child.depth = depth;
    child.ancestors = ancestors_of_child(versions.back(), address_of(depth - 1));
    versions.push_back(std::move(child));
    const Manifest& m = versions.back();
    const auto log = static_cast<uint64_t>(std::bit_width(depth)) - 1;  // floor(log2(depth))
    ASSERT_LE(m.ancestors.size(), 1 + log) << depth;
    for (const uint64_t target : {uint64_t{0}, depth - 1, depth / 2, random() % depth}) {
      const Manifest* at = &m;
      uint64_t hops = 0;
      while (at->depth != target) {
        const Ancestor& next = ancestor_towards(*at, target);
        ASSERT_EQ(next.manifest, address_of(next.depth));
        ASSERT_GE(next.depth, target);
        ASSERT_LT(next.depth, at->depth);
        at = &versions[next.depth];
        ++hops;
      }
      ASSERT_LE(hops, 2 * log + 2) << depth << " to " << target;
      hops_most = std::max(hops_most, hops);
    }
  }
  EXPECT_GT(hops_most, 8u);  // the bound above is not idle
}

TEST(Ancestors, ParserKnowsTheOneListOfADepth) {
  for (uint64_t depth = 1; depth < 300; ++depth) {
    Manifest m = version_at(depth);
    ASSERT_TRUE(parse_manifest(write_manifest(m)->span(), "m")) << depth;
    m.ancestors.back().depth += 1;
    ASSERT_FALSE(parse_manifest(write_manifest(m)->span(), "m")) << depth;
    m = version_at(depth);
    m.ancestors.pop_back();
    ASSERT_FALSE(parse_manifest(write_manifest(m)->span(), "m")) << depth;
  }
  // The largest depth there is: its one ancestor above all others is checked without overflow.
  Manifest deepest = version_at(1);
  deepest.depth = deepest.generation = UINT64_MAX;
  deepest.ancestors[0].depth = UINT64_MAX - 1;
  EXPECT_TRUE(parse_manifest(write_manifest(deepest)->span(), "m"));
}

}  // namespace
}  // namespace dreamdb
