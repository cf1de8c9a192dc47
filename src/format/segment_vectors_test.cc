// The golden vectors of segments, written by an implementation of its own: same values, same
// refusals, and the same bytes where a writer has no choice.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "format/segment_testing.h"

namespace dreamdb {
namespace {

using namespace segment_testing;
using nlohmann::json;

json load(const std::string& file) {
  const std::string path = std::string(DREAMDB_SPEC_DIR) + "/vectors/" + file + ".json";
  std::ifstream in(path);
  EXPECT_TRUE(in.good()) << path;
  return json::parse(in);
}

std::string unhex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

Hash hash_from(const std::string& bytes) {
  Hash hash{};
  std::memcpy(hash.data(), bytes.data(), std::min(hash.size(), bytes.size()));
  return hash;
}

std::vector<uint64_t> anchors_from(const json& value, size_t rows) {
  if (value.is_array()) return value.get<std::vector<uint64_t>>();
  return steady(rows, value["first"].get<uint64_t>(), value["step"].get<uint64_t>());
}

std::optional<std::string> cell_from(const json& value, FieldType type) {
  if (value.is_null()) return std::nullopt;
  if (type == FieldType::kBool) return std::string(1, value.get<bool>() ? '\1' : '\0');
  if (type == FieldType::kFloat)
    return bytes_of(std::stoull(value["f64"].get<std::string>(), nullptr, 16));
  if (is_string(type)) return value.get<std::string>();
  return bytes_of(value.get<int64_t>());
}

// One accepted case, parsed; `built` has its object and the entry that the vectors give.
struct Case {
  json test;
  BuiltSegment built;
  Segment segment;

  explicit Case(const json& accepted) : test(accepted) {
    built.object = Buffer::copy_of(unhex(test["hex"].get<std::string>()));
    const json& entry = test["entry"];
    const std::string address = unhex(test["address"]["hex"].get<std::string>());
    built.entry.child = Address::from_bytes(std::as_bytes(std::span(address))).value();
    built.entry.footer = entry[8].get<uint64_t>();
    auto parsed = parse_whole_segment(built.object.span(), built.entry.child);
    if (parsed) {
      segment = *std::move(parsed);
    } else {
      ADD_FAILURE() << parsed.error().message;
    }
  }
  bool is_parsed() const { return segment.rows != 0; }
  const json& value() const { return test["value"]; }
  std::vector<uint64_t> anchors() const { return anchors_from(value()["anchors"], segment.rows); }
};

// The segment as the helpers read it.
Whole whole_of(const Case& c) { return Whole(c.built, c.segment); }

// The entry of what our builder makes of the values agrees with the vectors in all that does not
// depend on the choice of codecs.
void expect_same_entry(const Case& c, const BuiltSegment& ours) {
  const json& entry = c.test["entry"];
  EXPECT_EQ(ours.entry.first, entry[0].get<uint64_t>());
  EXPECT_EQ(ours.entry.last, entry[1].get<uint64_t>());
  EXPECT_EQ(ours.entry.step, entry[2].get<uint64_t>());
  EXPECT_EQ(ours.entry.rows, entry[3].get<uint64_t>());
  EXPECT_EQ(ours.entry.stats, c.segment.stats);
}

// Whether a run leaves the writer no choice: all of it raw.
bool is_raw(const std::optional<Run>& run) { return !run || run->codecs.empty(); }

// The bytes are those of the vector when all is raw here and there.
bool expect_same_bytes(const Case& c, const Result<BuiltSegment>& ours) {
  expect_same_entry(c, ours.value());
  const Whole mine(ours);
  const bool fixed = is_raw(mine.segment.anchors) && is_raw(c.segment.anchors) &&
                     is_raw(mine.segment.index) && is_raw(c.segment.index) &&
                     c.segment.payloads.codecs.empty();
  if (!fixed) return false;
  EXPECT_EQ(ours->object.view(), c.built.object.view());
  EXPECT_EQ(ours->entry.child, c.built.entry.child);
  EXPECT_EQ(ours->entry.size, c.test["entry"][7].get<uint64_t>());
  EXPECT_EQ(ours->entry.footer, c.test["entry"][8].get<uint64_t>());
  return true;
}

template <typename Check>
void for_each_accepted(const std::string& file, Check check) {
  const json cases = load(file);
  for (const json& test : cases["accept"]) {
    SCOPED_TRACE(file + ": " + test["name"].get<std::string>());
    const Case c(test);
    if (!c.is_parsed()) continue;
    EXPECT_EQ(segment_type_name(c.segment.type), c.value()["type"].get<std::string>());
    EXPECT_EQ(c.segment.rows, c.value()["rows"].get<uint64_t>());
    EXPECT_EQ(whole_of(c).anchors(), c.anchors());
    check(c);
  }
}

TEST(SegmentVectors, Matrices) {
  int same = 0;
  for_each_accepted("segment_matrix", [&](const Case& c) {
    const Segment& s = c.segment;
    EXPECT_EQ(dtype_name(s.dtype), c.value()["dtype"].get<std::string>());
    EXPECT_EQ(s.shape, c.value()["shape"].get<std::vector<uint64_t>>());
    EXPECT_EQ(static_cast<uint32_t>(s.field), c.value()["field"].get<uint32_t>());
    const auto data = c.built.object.span().subspan(s.data.at, s.data.end() - s.data.at);
    const json& expected = c.value()["data"];
    if (expected.contains("hex")) {
      EXPECT_EQ(Buffer::copy_of(data).view(), unhex(expected["hex"].get<std::string>()));
    } else {
      EXPECT_EQ(data.size(), expected["size"].get<uint64_t>());
      EXPECT_EQ(blake3(data), hash_from(unhex(expected["blake3"].get<std::string>())));
    }
    same += expect_same_bytes(
        c, build_matrix_segment(s.nonce, s.field, c.anchors(), s.dtype, s.shape, data));
  });
  EXPECT_GE(same, 15);
}

TEST(SegmentVectors, Blobs) {
  int same = 0;
  for_each_accepted("segment_blob", [&](const Case& c) {
    std::vector<std::string> expected;
    for (const json& index : c.value()["index"])
      expected.push_back(
          unhex(c.value()["payloads"][index.get<size_t>()]["hex"].get<std::string>()));
    EXPECT_EQ(whole_of(c).payloads(), expected);
    std::vector<Buffer> payloads;
    for (const std::string& payload : expected) payloads.push_back(Buffer::copy_of(payload));
    same += expect_same_bytes(
        c, build_blob_segment(c.segment.nonce, c.segment.field, c.anchors(), payloads, false));
  });
  EXPECT_GE(same, 2);
}

TEST(SegmentVectors, Scalars) {
  for (const char* file : {"segment_scalar", "segment_two_blocks", "segment_anchors"})
    for_each_accepted(file, [&](const Case& c) {
      std::vector<Column> columns;
      std::vector<FieldId> fields;
      for (const json& column : c.value()["columns"]) {
        const FieldType type = parse_type(column["type"].get<std::string>()).value();
        fields.push_back(FieldId{column["field"].get<uint32_t>()});
        Cells expected;
        for (const json& value : column["values"]) expected.push_back(cell_from(value, type));
        ASSERT_NE(c.segment.find_column(fields.back()), nullptr);
        EXPECT_EQ(c.segment.find_column(fields.back())->type, type);
        EXPECT_EQ(whole_of(c).cells(fields.back()), expected) << column["field"];
        columns.push_back(column_of(type, expected));
      }
      EXPECT_EQ(c.segment.columns.size(), columns.size());
      std::vector<ScalarInput> inputs;
      for (size_t i = 0; i < columns.size(); ++i) inputs.push_back({fields[i], &columns[i]});
      expect_same_entry(c, build_scalar_segment(c.segment.nonce, c.anchors(), inputs).value());
    });
}

TEST(SegmentVectors, BrokenOnesAreRefused) {
  const json file = load("segment_broken");
  EXPECT_GT(file["refuse"].size(), 100u);
  for (const json& test : file["refuse"]) {
    const std::string object = unhex(test["hex"].get<std::string>());
    const auto bytes = std::as_bytes(std::span(object));
    // The address is that of the footer, as far as there is one: the fault must be found, not it.
    uint64_t footer = 0;
    if (bytes.size() >= kSegmentTrailerBytes)
      std::memcpy(&footer, bytes.data() + bytes.size() - kSegmentTrailerBytes, sizeof footer);
    Address address;
    if (bytes.size() >= kSegmentTrailerBytes && footer <= bytes.size() - kSegmentTrailerBytes)
      address = Address::of(bytes.subspan(bytes.size() - kSegmentTrailerBytes - footer, footer));
    const auto parsed = parse_whole_segment(bytes, address);
    ASSERT_FALSE(parsed.has_value()) << test["name"];
    const Code expected =
        test.value("code", "Corruption") == "Unsupported" ? Code::kUnsupported : Code::kCorruption;
    EXPECT_EQ(parsed.error().code, expected) << test["name"] << ": " << parsed.error().message;
  }
}

}  // namespace
}  // namespace dreamdb
