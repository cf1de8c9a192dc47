// The golden vectors of segments, written by an implementation of its own: same values, same
// refusals, and the same bytes where a writer has no choice.
#include <gtest/gtest.h>

#include <bit>
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
    if (!c.segment.codes) {
      EXPECT_EQ(whole_of(c).anchors(), c.anchors());
    }
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

std::vector<float> factors_from(const json& value) {
  const std::string bytes = unhex(value["hex"].get<std::string>());
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

TEST(SegmentVectors, Codes) {
  int checked = 0;
  for_each_accepted("segment_codes", [&](const Case& c) {
    const CodeParts& parts = *c.segment.codes;
    EXPECT_EQ(parts.dim, c.value()["dim"].get<uint32_t>());
    EXPECT_EQ(parts.bits, c.value()["bits"].get<uint32_t>());
    std::vector<uint64_t> anchors, bits;
    std::vector<uint32_t> cells;
    std::vector<float> add, scale, error;
    for (size_t i = 0; i < parts.codes.blocks(); ++i) {
      const Buffer stored = borrow_block(c.built.object.span(), parts.codes, i);
      const CodeBlock view = view_codes(c.segment, i, *decode_codes(c.segment, i, stored));
      anchors.insert(anchors.end(), view.anchors.begin(), view.anchors.end());
      bits.insert(bits.end(), view.bits.begin(), view.bits.end());
      add.insert(add.end(), view.add.begin(), view.add.end());
      scale.insert(scale.end(), view.scale.begin(), view.scale.end());
      error.insert(error.end(), view.error.begin(), view.error.end());
    }
    size_t row = 0;
    for (const json& expected : c.value()["codes"]) {
      EXPECT_EQ(anchors[row], expected["anchor"].get<uint64_t>());
      EXPECT_EQ((std::vector{add[row], scale[row], error[row]}), factors_from(expected["factors"]));
      cells.push_back(expected["cell"].get<uint32_t>());
      ++row;
    }
    EXPECT_EQ(row, anchors.size());
    if (parts.bits > 1) return;
    const auto ours =
        build_code_segment(c.segment.nonce, c.segment.field, parts.spatial, parts.dim, 1,
                           {cells, anchors, bits, add, scale, error, {}, {}, {}, {}});
    ASSERT_TRUE(ours) << ours.error().message;
    EXPECT_EQ(ours->object.view(), c.built.object.view());
    EXPECT_EQ(ours->entry.first, c.test["entry"][0].get<uint64_t>());
    EXPECT_EQ(ours->entry.last, c.test["entry"][1].get<uint64_t>());
    EXPECT_EQ(ours->entry.step, c.test["entry"][2].get<uint64_t>());
    EXPECT_EQ(ours->entry.records, c.test["entry"][4].get<uint64_t>());
    EXPECT_EQ(std::get<int64_t>(ours->entry.stats.at(c.segment.field).max), cells.back());
    ++checked;
  });
  EXPECT_GE(checked, 4);
}

template <typename T>
std::vector<T> table_from(const json& value) {
  const std::string bytes = unhex(value["hex"].get<std::string>());
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

double f64_from(const json& value) {
  return std::bit_cast<double>(
      static_cast<uint64_t>(std::stoull(value["f64"].get<std::string>(), nullptr, 16)));
}

// Short ones stand in a vector as they are, long ones by their hash.
template <typename T>
void expect_bytes(const json& value, const std::vector<T>& found) {
  const auto bytes = std::as_bytes(std::span(found));
  if (value.contains("hex")) {
    EXPECT_EQ(table_from<T>(value), found);
  } else {
    EXPECT_EQ(bytes.size(), value["size"].get<size_t>());
    EXPECT_EQ(blake3(bytes), hash_from(unhex(value["blake3"].get<std::string>())));
  }
}

struct SpatialValues {
  std::vector<float> centroids, add, scale, error;
  std::vector<uint64_t> bits;

  void read(const Segment& segment, std::span<const std::byte> object) {
    const SpatialParts& parts = *segment.spatial;
    for (size_t i = 0; i < parts.centroids.blocks(); ++i) {
      const auto raw = decode_centroids(segment, i, borrow_block(object, parts.centroids, i));
      const auto* values = reinterpret_cast<const float*>(raw->data());
      centroids.insert(centroids.end(), values, values + raw->size() / sizeof(float));
    }
    for (size_t i = 0; i < parts.routes.blocks(); ++i) {
      const auto raw = decode_routes(segment, i, borrow_block(object, parts.routes, i));
      const RouteBlock view = view_routes(segment, i, *raw);
      bits.insert(bits.end(), view.bits.begin(), view.bits.end());
      add.insert(add.end(), view.add.begin(), view.add.end());
      scale.insert(scale.end(), view.scale.begin(), view.scale.end());
      error.insert(error.end(), view.error.begin(), view.error.end());
    }
  }
};

// Read, and written again from what the vector says: a writer has no choice but the nonce.
TEST(SegmentVectors, Spatial) {
  const json cases = load("segment_spatial");
  EXPECT_GE(cases["accept"].size(), 5u);
  for (const json& test : cases["accept"]) {
    SCOPED_TRACE(test["name"].get<std::string>());
    const std::string object = unhex(test["hex"].get<std::string>());
    const auto place = table_from<uint8_t>(test["spatial"][0]);
    const auto address = Address::from_bytes(std::as_bytes(std::span(place)));
    const auto segment = parse_whole_segment(std::as_bytes(std::span(object)), address.value());
    ASSERT_TRUE(segment) << segment.error().message;
    const json& value = test["value"];
    SpatialParts parts;
    parts.algorithm = value["algorithm"].get<std::string>();
    parts.dim = value["dim"].get<uint32_t>();
    parts.bits = value["bits"].get<uint32_t>();
    parts.level_scale = f64_from(value["level_scale"]);
    parts.signs = table_from<uint64_t>(value["signs"]);
    parts.origin = table_from<float>(value["origin"]);
    parts.trained = value["trained"].get<uint64_t>();
    parts.spread = f64_from(value["spread"]);
    for (const json& point : value["recall"])
      parts.recall.push_back({point[0].get<uint32_t>(), point[1].get<uint32_t>()});
    EXPECT_EQ(segment->spatial->recall, parts.recall);
    EXPECT_EQ(segment->spatial->origin, parts.origin);
    SpatialValues held;
    held.read(*segment, std::as_bytes(std::span(object)));
    expect_bytes(value["centroids"], held.centroids);
    expect_bytes(value["routes"]["bits"], held.bits);
    std::vector<float> factors = held.add;
    factors.insert(factors.end(), held.scale.begin(), held.scale.end());
    factors.insert(factors.end(), held.error.begin(), held.error.end());
    expect_bytes(value["routes"]["factors"], factors);
    const auto ours =
        build_spatial_segment(segment->nonce, segment->field, parts,
                              {held.centroids, held.bits, held.add, held.scale, held.error});
    ASSERT_TRUE(ours) << ours.error().message;
    EXPECT_EQ(ours->object.view(), object);
    EXPECT_EQ(ours->entry.size, test["spatial"][1].get<uint64_t>());
    EXPECT_EQ(ours->entry.footer, test["spatial"][2].get<uint64_t>());
  }
}

void expect_all_refused(const json& file) {
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

TEST(SegmentVectors, BrokenOnesAreRefused) {
  const json file = load("segment_broken"), codes = load("segment_codes");
  EXPECT_GT(file["refuse"].size(), 100u);
  EXPECT_GT(codes["refuse"].size(), 20u);
  expect_all_refused(file);
  expect_all_refused(codes);
  expect_all_refused(load("segment_spatial"));
}

}  // namespace
}  // namespace dreamdb
