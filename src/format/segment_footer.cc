// Parses the footer of a segment and checks all that can be checked without its blocks (spec 7.2).
#include "codec/cbor.h"
#include "format/envelope.h"
#include "format/segment_runs.h"

namespace dreamdb {
namespace {

Status read_type(CborReader& in, SegmentType& out) {
  DREAMDB_ASSIGN(const std::string_view name, in.text());
  for (const auto type : {SegmentType::kScalar, SegmentType::kBlob, SegmentType::kMatrix}) {
    if (segment_type_name(type) != name) continue;
    out = type;
    return {};
  }
  return corrupt("`scalar`, `blob` or `matrix`", "another type");
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

// Which of the keys that belong to one type were there.
struct TypeKeys {
  bool columns = false, stats = false;
  bool payloads = false, index = false;
  bool dtype = false, shape = false, data = false;
};

Status check_keys(const TypeKeys& keys, SegmentType type) {
  const bool scalar = keys.columns && keys.stats;
  const bool blob = keys.payloads;
  const bool matrix = keys.dtype && keys.shape && keys.data;
  const bool no_scalar = !keys.columns && !keys.stats;
  const bool no_blob = !keys.payloads && !keys.index;
  const bool no_matrix = !keys.dtype && !keys.shape && !keys.data;
  const bool exact = (type == SegmentType::kScalar && scalar && no_blob && no_matrix) ||
                     (type == SegmentType::kBlob && blob && no_scalar && no_matrix) ||
                     (type == SegmentType::kMatrix && matrix && no_scalar && no_blob);
  if (exact) return {};
  return corrupt("exactly the keys of a " + std::string(segment_type_name(type)) + " segment",
                 "others");
}

Result<Segment> parse_footer(std::span<const std::byte> footer, const Address& address,
                             std::string_view name) {
  Segment segment;
  segment.address = address;
  TypeKeys keys;
  Envelope map(footer, name, "segment", kFooterBytesMax, segment.nonce);
  map.uint("end", segment.end);
  keys.data = map.optional("data", run_into(segment.data, "data"));
  map.uint("rows", segment.rows);
  map.value("type", [&](CborReader& in) { return read_type(in, segment.type); });
  keys.dtype = map.optional("dtype", [&](CborReader& in) { return read_dtype(in, segment); });
  map.value("field", [&](CborReader& in) { return read_field_id(in, segment.field); });
  keys.index = map.optional("index", run_into(segment.index, "index"));
  keys.shape = map.optional("shape", [&](CborReader& in) { return read_shape(in, segment); });
  keys.stats = map.optional("stats", [&](CborReader& in) -> Status {
    DREAMDB_ASSIGN(segment.stats, parse_stats(in));
    return {};
  });
  map.value("anchors", [&](CborReader& in) { return read_anchors(in, segment); });
  keys.columns = map.optional("columns", [&](CborReader& in) { return read_columns(in, segment); });
  keys.payloads = map.optional("payloads", run_into(segment.payloads, "payloads"));
  map.check([&] { return check_keys(keys, segment.type); });
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
