// Hostile footers with a fitting address: each lie is refused, and no number of it is trusted.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <functional>

#include "format/segment_testing.h"

namespace dreamdb {
namespace {

using namespace segment_testing;

Whole matrix(size_t rows = 5000) {
  return Whole(build_matrix_segment(test_nonce(), FieldId{2}, jittered(rows), Dtype::kF32, {3},
                                    noise(rows * 12)));
}

Whole blob() {
  std::vector<Buffer> payloads;
  for (size_t i = 0; i < 5000; ++i) payloads.push_back(Buffer::copy_of(std::to_string(i % 9)));
  payloads[0] = Buffer::copy_of(std::string(3000, 'z'));
  return Whole(build_blob_segment(test_nonce(), FieldId{3}, steady(5000), payloads, true));
}

Whole scalar() {
  Cells words, numbers, floats, flags;
  for (size_t i = 0; i < 5000; ++i) {
    words.push_back("word " + std::to_string(i % 10));
    numbers.push_back(i % 3 == 0 ? std::nullopt : std::optional(bytes_of(int64_t(i % 50))));
    floats.push_back(bytes_of(1.0 / double(i + 1)));
    flags.push_back(std::string(1, static_cast<char>(i % 2)));
  }
  return Whole(build_columns(
      steady(5000), {column_of(FieldType::kString, words), column_of(FieldType::kInt, numbers),
                     column_of(FieldType::kFloat, floats), column_of(FieldType::kBool, flags)}));
}

Result<Segment> parse(std::span<const std::byte> footer) {
  return parse_segment_footer(footer, Address::of(footer));
}

struct Lie {
  const char* what;
  std::function<void(Segment&)> tell;
};

void expect_refused(const Whole& whole, const std::vector<Lie>& lies) {
  ASSERT_TRUE(parse(write_segment_footer(whole.segment)).has_value());
  for (const Lie& lie : lies) {
    Segment segment = whole.segment;
    lie.tell(segment);
    const auto footer = write_segment_footer(segment);
    const auto parsed = parse(footer);
    ASSERT_FALSE(parsed.has_value()) << lie.what;
    EXPECT_EQ(parsed.error().code, Code::kCorruption) << lie.what;
    EXPECT_NE(parsed.error().message.find(Address::of(footer).text()), std::string::npos);
  }
}

constexpr uint64_t kHuge = UINT64_MAX;

// Lies about one run that any use of it must refuse.
std::vector<Lie> lies_about(const std::function<Run&(Segment&)>& run) {
  return {
      {"at 0", [=](Segment& s) { run(s).at = 0; }},
      {"at not a multiple of 64", [=](Segment& s) { run(s).at += 8; }},
      {"at behind the end", [=](Segment& s) { run(s).at = s.end + 64; }},
      {"at near 2^64", [=](Segment& s) { run(s).at = kHuge - 63; }},
      {"no items a block", [=](Segment& s) { run(s).per = 0; }},
      {"other items a block", [=](Segment& s) { run(s).per += 1; }},
      {"2^64-1 items a block", [=](Segment& s) { run(s).per = kHuge; }},
      {"one item more", [=](Segment& s) { run(s).items += 1; }},
      {"2^64-1 items", [=](Segment& s) { run(s).items = kHuge; }},
      {"a size of 4 GiB", [=](Segment& s) { run(s).sizes.back() = UINT32_MAX; }},
      {"a block less", [=](Segment& s) { run(s).sizes.pop_back(); }},
      {"a hash less", [=](Segment& s) { run(s).hashes.pop_back(); }},
      {"a hash more", [=](Segment& s) { run(s).hashes.emplace_back(); }},
      {"an unknown codec",
       [=](Segment& s) {
         run(s).codecs.assign(run(s).blocks(), static_cast<Codec>(4));
         run(s).raws = run(s).sizes;
       }},
      {"raw sizes of 4 GiB",
       [=](Segment& s) {
         run(s).codecs.assign(run(s).blocks(), Codec::kZstd);
         run(s).raws.assign(run(s).blocks(), UINT32_MAX);
       }},
      {"a raw block of another size",
       [=](Segment& s) {
         run(s).codecs.assign(run(s).blocks(), Codec::kRaw);
         run(s).raws = run(s).sizes;
         ++run(s).raws.back();
       }},
      {"codecs of fewer blocks",
       [=](Segment& s) {
         run(s).codecs.assign(run(s).blocks() + 1, Codec::kRaw);
         run(s).raws = run(s).sizes;
       }},
  };
}

TEST(SegmentFooter, LiesOfAnySegmentAreRefused) {
  for (const Whole& whole : {matrix(), blob(), scalar()})
    expect_refused(
        whole,
        {
            {"no rows", [](Segment& s) { s.rows = 0; }},
            {"a row more", [](Segment& s) { s.rows += 1; }},
            {"2^24 + 1 rows", [](Segment& s) { s.rows = (1 << 24) + 1; }},
            {"2^64-1 rows", [](Segment& s) { s.rows = kHuge; }},
            {"an end of 0", [](Segment& s) { s.end = 0; }},
            {"an end not aligned", [](Segment& s) { s.end += 1; }},
            {"an end before the blocks", [](Segment& s) { s.end = 64; }},
            {"an end near 2^64", [](Segment& s) { s.end = kHuge - 63; }},
            {"an end of 4 GiB", [](Segment& s) { s.end = 4ull << 30; }},
            {"a field that does not fit the type",
             [](Segment& s) { s.field = FieldId{s.field == kRecordTrack ? 1u : 0u}; }},
            {"a step of 0", [](Segment& s) { s.anchors.reset(), s.step = 0; }},
            {"anchors that reach 2^64-1",
             [](Segment& s) { s.anchors.reset(), s.step = 1, s.first = kHuge - s.rows + 1; }},
            {"anchors that overflow",
             [](Segment& s) { s.anchors.reset(), s.step = kHuge / 2, s.first = 7; }},
        });
}

TEST(SegmentFooter, LiesAboutRunsAreRefused) {
  const Whole m = matrix(), b = blob(), s = scalar();
  expect_refused(m, lies_about([](Segment& x) -> dreamdb::Run& { return *x.anchors; }));
  expect_refused(m, lies_about([](Segment& x) -> dreamdb::Run& { return x.data; }));
  expect_refused(b, lies_about([](Segment& x) -> dreamdb::Run& { return *x.index; }));
  expect_refused(b, lies_about([](Segment& x) -> dreamdb::Run& { return x.payloads; }));
  for (size_t i = 0; i < s.segment.columns.size(); ++i)
    expect_refused(s, lies_about([i](Segment& x) -> dreamdb::Run& { return x.columns[i].data; }));
  expect_refused(s, lies_about([](Segment& x) -> dreamdb::Run& { return *x.columns[1].valid; }));
  expect_refused(s, lies_about([](Segment& x) -> dreamdb::Run& { return *x.columns[0].dict; }));
}

TEST(SegmentFooter, RunsInAnotherOrderAreRefused) {
  expect_refused(matrix(),
                 {{"data before anchors", [](Segment& s) { s.data.at = s.anchors->at; }}});
  expect_refused(blob(), {{"swapped", [](Segment& s) {
                             s.payloads.at = 64;
                             s.index->at = align_run(64 + s.payloads.end() - s.payloads.starts[0]);
                           }}});
}

void set_codecs(Run& run, Codec codec) {
  if (run.raws.empty()) run.raws = run.sizes;
  run.codecs.assign(run.blocks(), codec);
}

TEST(SegmentFooter, CodecsThatAUseDoesNotAllowAreRefused) {
  const auto data = [](size_t column, Codec codec) {
    return [=](Segment& s) { set_codecs(s.columns[column].data, codec); };
  };
  expect_refused(
      matrix(),
      {{"zstd matrix", [](Segment& s) { set_codecs(s.data, Codec::kZstd); }},
       {"frame of anchors", [](Segment& s) { set_codecs(*s.anchors, Codec::kFrameOfReference); }}});
  expect_refused(blob(),
                 {{"delta payload", [](Segment& s) { set_codecs(s.payloads, Codec::kDelta); }},
                  {"delta index", [](Segment& s) { set_codecs(*s.index, Codec::kDelta); }}});
  expect_refused(scalar(), {{"delta of word indexes", data(0, Codec::kDelta)},
                            {"delta of integers", data(1, Codec::kDelta)},
                            {"frame of floats", data(2, Codec::kFrameOfReference)},
                            {"frame of bools", data(3, Codec::kFrameOfReference)},
                            {"frame of a bitmap", [](Segment& s) {
                               set_codecs(*s.columns[1].valid, Codec::kFrameOfReference);
                             }}});
}

TEST(SegmentFooter, LiesOfMatricesAreRefused) {
  expect_refused(
      matrix(),
      {
          {"33 dimensions", [](Segment& s) { s.shape.assign(33, 1); }},
          {"another dimension", [](Segment& s) { s.shape = {4}; }},
          {"a product that wraps to 12", [](Segment& s) { s.shape = {(1ull << 62) + 3}; }},
          {"no bytes, yet blocks", [](Segment& s) { s.shape = {0}; }},
          {"hidden overflow", [](Segment& s) { s.shape = {0, 1ull << 60, 1ull << 60}; }},
          {"another dtype", [](Segment& s) { s.dtype = Dtype::kF64; }},
      });
}

TEST(SegmentFooter, LiesOfBlobsAreRefused) {
  expect_refused(blob(), {{"no index", [](Segment& s) { s.index.reset(); }}});
}

TEST(SegmentFooter, LiesOfColumnsAreRefused) {
  const auto stats = [](uint32_t field, const std::function<void(ColumnStats&)>& tell) {
    return [=](Segment& s) { tell(s.stats.at(FieldId{field})); };
  };
  expect_refused(
      scalar(),
      {
          {"field 0", [](Segment& s) { s.columns[0].field = kRecordTrack; }},
          {"a field twice", [](Segment& s) { s.columns[1].field = FieldId{1}; }},
          {"descending", [](Segment& s) { std::swap(s.columns[2], s.columns[3]); }},
          {"a blob type", [](Segment& s) { s.columns[1].type = FieldType::kImage; }},
          {"an array type", [](Segment& s) { s.columns[1].type = FieldType::kArray; }},
          {"strings that are integers", [](Segment& s) { s.columns[0].type = FieldType::kInt; }},
          {"a dictionary of no words", [](Segment& s) { s.columns[0].dict = dreamdb::Run{}; }},
          {"no statistics", [](Segment& s) { s.stats.clear(); }},
          {"statistics of another field",
           [](Segment& s) {
             s.stats[FieldId{9}] = s.stats[FieldId{1}];
             s.stats.erase(FieldId{1});
           }},
          {"more values than rows", stats(2, [](ColumnStats& c) { c.present = 5001; })},
          {"no values", stats(2, [](ColumnStats& c) { c.present = 0; })},
          {"nulls without a bitmap", stats(1, [](ColumnStats& c) { c.present = 4999; })},
          {"a bound of another type", stats(2, [](ColumnStats& c) { c.min = std::string("a"); })},
          {"a bool bound of an int", stats(2, [](ColumnStats& c) { c.max = true; })},
          {"an int bound of a float", stats(3, [](ColumnStats& c) { c.min = int64_t{1}; })},
          {"float statistics of an int", stats(2, [](ColumnStats& c) { c.is_float = true; })},
          {"words of an int",
           stats(2, [](ColumnStats& c) { c.distinct = std::vector<std::string>{"a"}; })},
      });
}

// A footer as it would be written with other keys: the map of `segment` after `edit`.
std::vector<std::byte> edited(const Segment& segment, std::string_view without,
                              const std::function<void(CborMap&)>& add) {
  const auto footer = write_segment_footer(segment);
  CborReader in(footer);
  CborMap map;
  const uint64_t pairs = in.map().value();
  for (uint64_t i = 0; i < pairs; ++i) {
    const std::string key(in.key().value());
    const auto value = in.raw_item().value();
    if (key != without) map[key].raw(value);
  }
  add(map);
  return map.encode();
}

TEST(SegmentFooter, ExactlyTheKeysOfTheTypeAreTaken) {
  for (const Whole& whole : {matrix(10), blob(), scalar()}) {
    const auto same = edited(whole.segment, "", [](CborMap&) {});
    ASSERT_TRUE(parse(same).has_value());
    for (const char* key : {"kind", "v", "nonce", "type", "rows", "anchors", "field", "end",
                            "columns", "stats", "payloads", "dtype", "shape", "data"}) {
      const auto footer = edited(whole.segment, key, [](CborMap&) {});
      EXPECT_TRUE(footer == same || !parse(footer).has_value()) << key;
    }
    EXPECT_FALSE(parse(edited(whole.segment, "", [](CborMap& m) { m["zz"].uint(1); })));
    EXPECT_FALSE(parse(edited(whole.segment, "", [](CborMap& m) { m["a"].uint(1); })));
    EXPECT_FALSE(parse(edited(whole.segment, "v", [](CborMap& m) { m["v"].uint(0); })));
    EXPECT_FALSE(parse(edited(whole.segment, "kind", [](CborMap& m) { m["kind"].text("page"); })));
    EXPECT_FALSE(parse(edited(whole.segment, "type", [](CborMap& m) { m["type"].text("code"); })));
  }
  EXPECT_FALSE(
      parse(edited(matrix(10).segment, "dtype", [](CborMap& m) { m["dtype"].text("float32"); })));
  EXPECT_FALSE(parse(edited(matrix(10).segment, "", [](CborMap& m) { m["stats"].map(0); })));
}

TEST(SegmentFooter, ANewerVersionIsUnsupported) {
  const auto footer = edited(scalar().segment, "v", [](CborMap& m) {
    m["v"].uint(3);
    m["a"].text("a key that version 2 does not have");
  });
  const auto parsed = parse(footer);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, Code::kUnsupported);
  for (const std::string& part :
       {Address::of(footer).text(), std::string("version 3"), std::string("upgrade")})
    EXPECT_NE(parsed.error().message.find(part), std::string::npos) << parsed.error().message;
}

TEST(SegmentFooter, AFooterAboveItsLimitIsRefused) {
  const std::vector<std::byte> footer((16 << 20) + 1);
  EXPECT_EQ(parse(footer).error().code, Code::kCorruption);
  EXPECT_EQ(parse({}).error().code, Code::kCorruption);
}

// Any damage that still has a meaning is written back as the very same bytes: one encoding each.
RC_GTEST_PROP(SegmentFooter, DamagedFootersAreRefusedOrCanonical, ()) {
  static const std::vector<std::vector<std::byte>> footers = [] {
    std::vector<std::vector<std::byte>> out;
    for (const Whole& whole : {matrix(5), blob(), scalar()})
      out.push_back(write_segment_footer(whole.segment));
    return out;
  }();
  auto footer = *rc::gen::elementOf(footers);
  const auto hits = *rc::gen::inRange(1, 4);
  for (int i = 0; i < hits; ++i)
    footer[*rc::gen::inRange<size_t>(0, footer.size())] =
        static_cast<std::byte>(*rc::gen::inRange(0, 256));
  const auto parsed = parse(footer);
  if (parsed) {
    RC_ASSERT(write_segment_footer(*parsed) == footer);
  } else {
    RC_ASSERT(parsed.error().code == Code::kCorruption ||
              parsed.error().code == Code::kUnsupported);
  }
}

}  // namespace
}  // namespace dreamdb
