// Parses the footer of a segment and checks all that can be checked without its blocks (spec 7.2).
#include <cstring>

#include "codec/cbor.h"
#include "format/envelope.h"
#include "format/segment_runs.h"

namespace dreamdb {
namespace {

Status read_type(CborReader& in, SegmentType& out) {
  DREAMDB_ASSIGN(const std::string_view name, in.text());
  for (const auto type : {SegmentType::kScalar, SegmentType::kBlob, SegmentType::kMatrix,
                          SegmentType::kCodes, SegmentType::kSpatial}) {
    if (segment_type_name(type) != name) continue;
    out = type;
    return {};
  }
  return corrupt("`scalar`, `blob`, `matrix`, `codes` or `spatial`", "another type");
}

Status read_field_id(CborReader& in, FieldId& out) {
  DREAMDB_ASSIGN(const uint64_t id, in.uint());
  if (id > UINT32_MAX) return corrupt("a field id of 32 bits", std::to_string(id));
  out = FieldId{static_cast<uint32_t>(id)};
  return {};
}

Status read_anchors(CborReader& in, Segment& segment) {
  DREAMDB_ASSIGN(const CborType kind, in.peek());
  if (kind != CborType::kArray) {
    DREAMDB_ASSIGN(segment.anchors, parse_run(in, "anchors"));
    return {};
  }
  DREAMDB_TRY(in.array(2));
  DREAMDB_ASSIGN(segment.first, in.uint());
  DREAMDB_ASSIGN(segment.step, in.uint());
  if (segment.step == 0) return corrupt("a step of at least 1", "0");
  return in.end();
}

// A reader of the run that is the value of a key.
template <typename Place>
auto run_into(Place& place, std::string_view name) {
  return [&place, name](CborReader& in) -> Status {
    DREAMDB_ASSIGN(place, parse_run(in, name));
    return {};
  };
}

auto uint_into(uint32_t& place) {
  return [&place](CborReader& in) -> Status {
    DREAMDB_ASSIGN(const uint64_t value, in.uint());
    if (value > UINT32_MAX) return corrupt("a number of 32 bits", std::to_string(value));
    place = static_cast<uint32_t>(value);
    return {};
  };
}

Result<ScalarColumn> read_column(CborReader& in) {
  ScalarColumn column;
  MapReader map(in);
  map.value("data", run_into(column.data, "data"));
  map.optional("dict", run_into(column.dict, "dict"));
  map.value("type", [&](CborReader& value) -> Status {
    DREAMDB_ASSIGN(const std::string_view name, value.text());
    DREAMDB_ASSIGN(column.type, parse_type(name));
    return {};
  });
  map.value("field", [&](CborReader& value) { return read_field_id(value, column.field); });
  map.optional("valid", run_into(column.valid, "valid"));
  DREAMDB_TRY(map.end());
  return column;
}

Status read_columns(CborReader& in, Segment& segment) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count > kFieldsMax) return corrupt("at most 1,024 columns", std::to_string(count));
  FieldId last = kRecordTrack;
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(ScalarColumn column, read_column(in));
    if (!(last < column.field))
      return corrupt("columns in ascending order of field ids from 1", "another order");
    last = column.field;
    segment.columns.push_back(std::move(column));
  }
  return in.end();
}

Status read_shape(CborReader& in, Segment& segment) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count > kMatrixDimensionsMax) return corrupt("at most 32 dimensions", std::to_string(count));
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const uint64_t dimension, in.uint());
    segment.shape.push_back(dimension);
  }
  return in.end();
}

Status read_dtype(CborReader& in, Segment& segment) {
  DREAMDB_ASSIGN(const std::string_view name, in.text());
  const auto dtype = parse_dtype(name);  // knows NumPy's names too, which no segment holds
  if (!dtype || dtype_name(*dtype) != name) return corrupt("a dtype of spec 5.1", "another");
  segment.dtype = *dtype;
  return {};
}

// A reader of numbers that stand one behind the other in a byte string.
template <typename T>
auto table_into(std::vector<T>& place) {
  return [&place](CborReader& in) -> Status {
    DREAMDB_ASSIGN(const auto bytes, in.bytes());
    if (bytes.size() % sizeof(T) != 0)
      return corrupt("whole items of " + std::to_string(sizeof(T)) + " bytes",
                     std::to_string(bytes.size()) + " bytes");
    place.resize(bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(place.data(), bytes.data(), bytes.size());
    return {};
  };
}

auto f64_into(double& place) {
  return [&place](CborReader& in) -> Status {
    DREAMDB_ASSIGN(const auto bytes, in.bytes());
    if (bytes.size() != sizeof place)
      return corrupt("a float of 8 bytes", std::to_string(bytes.size()) + " bytes");
    std::memcpy(&place, bytes.data(), sizeof place);
    return {};
  };
}

Status read_recall(CborReader& in, std::vector<RecallPoint>& out) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count > kRecallPointsMax) return corrupt("at most 64 of `recall`", std::to_string(count));
  for (uint64_t i = 0; i < count; ++i) {
    RecallPoint point;
    DREAMDB_TRY(in.array(2));
    DREAMDB_TRY(uint_into(point.probes)(in));
    DREAMDB_TRY(uint_into(point.permille)(in));
    DREAMDB_TRY(in.end());
    out.push_back(point);
  }
  return in.end();
}

// Which of the keys that belong to some types were there.
struct TypeKeys {
  bool columns = false, stats = false;
  bool payloads = false, index = false;
  bool dtype = false, shape = false, data = false;
  bool anchors = false, rows = false;
  // How many of those that only codes, only a spatial index, and both have.
  int codes = 0, spatial = 0, vectors = 0;
  bool extra = false;
};
constexpr int kCodeKeys = 4, kSpatialKeys = 9, kVectorKeys = 2;

Status check_keys(const TypeKeys& keys, SegmentType type) {
  const bool scalar = keys.columns && keys.stats;
  const bool blob = keys.payloads;
  const bool matrix = keys.dtype && keys.shape && keys.data;
  const bool no_scalar = !keys.columns && !keys.stats;
  const bool no_blob = !keys.payloads && !keys.index;
  const bool no_matrix = !keys.dtype && !keys.shape && !keys.data;
  const bool no_codes = keys.codes == 0 && !keys.extra;
  const bool values =
      keys.anchors && keys.rows && no_codes && keys.spatial == 0 && keys.vectors == 0;
  const bool vectors =
      !keys.anchors && keys.vectors == kVectorKeys && no_scalar && no_blob && no_matrix;
  const bool codes = vectors && keys.rows && keys.codes == kCodeKeys && keys.spatial == 0;
  const bool spatial = vectors && !keys.rows && no_codes && keys.spatial == kSpatialKeys;
  const bool exact = (type == SegmentType::kScalar && values && scalar && no_blob && no_matrix) ||
                     (type == SegmentType::kBlob && values && blob && no_scalar && no_matrix) ||
                     (type == SegmentType::kMatrix && values && matrix && no_scalar && no_blob) ||
                     (type == SegmentType::kCodes && codes) ||
                     (type == SegmentType::kSpatial && spatial);
  if (exact) return {};
  return corrupt("exactly the keys of a " + std::string(segment_type_name(type)) + " segment",
                 "others");
}

Status check_version(uint64_t version, SegmentType type) {
  if (version == segment_version(type)) return {};
  return corrupt("version " + std::to_string(segment_version(type)) + " of a " +
                     std::string(segment_type_name(type)) + " segment",
                 std::to_string(version) + " (S7.1)");
}

Result<Segment> parse_footer(std::span<const std::byte> footer, const Address& address,
                             std::string_view name) {
  Segment segment;
  segment.address = address;
  TypeKeys keys;
  CodeParts codes;
  SpatialParts spatial;
  uint32_t dim = 0, bits = 0;
  Envelope map(footer, name, "segment", kFooterBytesMax, segment.nonce, kSegmentVersionMax);
  keys.vectors += map.optional("dim", uint_into(dim));
  map.uint("end", segment.end);
  keys.vectors += map.optional("bits", uint_into(bits));
  keys.data = map.optional("data", run_into(segment.data, "data"));
  keys.codes += map.optional("ends", table_into(codes.ends));
  keys.rows = map.optional("rows", [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(segment.rows, in.uint());
    return {};
  });
  map.value("type", [&](CborReader& in) { return read_type(in, segment.type); });
  keys.codes += map.optional("cells", table_into(codes.cells));
  keys.codes += map.optional("codes", run_into(codes.codes, "codes"));
  keys.dtype = map.optional("dtype", [&](CborReader& in) { return read_dtype(in, segment); });
  keys.extra = map.optional("extra", run_into(codes.extra, "extra"));
  map.value("field", [&](CborReader& in) { return read_field_id(in, segment.field); });
  keys.index = map.optional("index", run_into(segment.index, "index"));
  keys.shape = map.optional("shape", [&](CborReader& in) { return read_shape(in, segment); });
  keys.spatial += map.optional("signs", table_into(spatial.signs));
  keys.stats = map.optional("stats", [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(segment.stats, parse_stats(in));
    return {};
  });
  keys.spatial += map.optional("origin", table_into(spatial.origin));
  keys.spatial +=
      map.optional("recall", [&](CborReader& in) { return read_recall(in, spatial.recall); });
  keys.spatial += map.optional("routes", run_into(spatial.routes, "routes"));
  keys.spatial += map.optional("spread", f64_into(spatial.spread));
  keys.anchors = map.optional("anchors", [&](CborReader& in) { return read_anchors(in, segment); });
  keys.columns = map.optional("columns", [&](CborReader& in) { return read_columns(in, segment); });
  keys.codes += map.optional("spatial", [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(const auto bytes, in.bytes());
    DREAMDB_ASSIGN(codes.spatial, Address::from_bytes(bytes));
    return {};
  });
  keys.spatial += map.optional("trained", [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(spatial.trained, in.uint());
    return {};
  });
  keys.payloads = map.optional("payloads", run_into(segment.payloads, "payloads"));
  keys.spatial += map.optional("algorithm", [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(spatial.algorithm, in.text());
    return {};
  });
  keys.spatial += map.optional("centroids", run_into(spatial.centroids, "centroids"));
  keys.spatial += map.optional("level_scale", f64_into(spatial.level_scale));
  map.check([&] { return check_keys(keys, segment.type); });
  map.check([&] { return check_version(map.version(), segment.type); });
  codes.dim = spatial.dim = dim;
  codes.bits = spatial.bits = bits;
  if (segment.type == SegmentType::kCodes) segment.codes = std::move(codes);
  if (segment.type == SegmentType::kSpatial) segment.spatial = std::move(spatial);
  map.check([&] { return check_segment(segment, footer.size()); });
  DREAMDB_TRY(map.finish());
  return segment;
}

}  // namespace

Result<Segment> parse_segment_footer(std::span<const std::byte> footer, const Address& address) {
  if (footer.size() > kFooterBytesMax)
    return segment_corrupt(address, "a footer of " + std::to_string(footer.size()) +
                                        " bytes, expected at most 16 MiB");
  const Address found = Address::of(footer);
  if (found != address)
    return segment_corrupt(address, "the footer of " + std::to_string(footer.size()) +
                                        " bytes hashes to " + found.text() +
                                        ", expected the address");
  const std::string key = segment_key(address);
  Result<Segment> segment = parse_footer(footer, address, key);
  if (segment || segment.error().code == Code::kUnsupported) return segment;
  return fail(Code::kCorruption, segment.error().message + "; restore the object from a copy");
}

}  // namespace dreamdb
