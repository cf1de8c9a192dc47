// Parses the footer of a segment and checks all that can be checked without its blocks (spec 7.2).
#include <algorithm>
#include <array>

#include "base/checked.h"
#include "codec/cbor.h"
#include "format/segment_runs.h"

namespace dreamdb {
namespace {

using Keys = std::vector<std::string_view>;

bool has(const Keys& keys, std::string_view key) { return std::ranges::find(keys, key) != keys.end(); }

// `kind` and `v` are looked for first: the keys of a newer version are not ours to judge.
Status check_envelope(std::span<const std::byte> footer) {
  CborReader in(footer);
  std::optional<std::string_view> kind;
  std::optional<uint64_t> version;
  DREAMDB_ASSIGN(const uint64_t pairs, in.map());
  for (uint64_t i = 0; i < pairs; ++i) {
    DREAMDB_ASSIGN(const std::string_view key, in.key());
    if (key == "kind") {
      DREAMDB_ASSIGN(kind, in.text());
    } else if (key == "v") {
      DREAMDB_ASSIGN(version, in.uint());
    } else {
      DREAMDB_TRY(in.skip());
    }
  }
  DREAMDB_TRY(in.end());
  DREAMDB_TRY(in.finish());
  if (kind != "segment")
    return footer_bad("expected kind `segment`, found `" + std::string(kind.value_or("")) + "`");
  if (!version || *version == 0) return footer_bad("expected a version `v` of at least 1");
  if (*version > kSegmentVersion)
    return fail(Code::kUnsupported, "has format version " + std::to_string(*version) +
                                        ", this program reads up to " +
                                        std::to_string(kSegmentVersion) +
                                        "; upgrade DreamDB to read it");
  return {};
}

Result<FieldId> read_field_id(CborReader& in) {
  DREAMDB_ASSIGN(const uint64_t id, in.uint());
  if (id > UINT32_MAX) return footer_bad("field id " + std::to_string(id) + " exceeds 32 bits");
  return FieldId{static_cast<uint32_t>(id)};
}

Result<SegmentType> read_type(CborReader& in) {
  DREAMDB_ASSIGN(const std::string_view name, in.text());
  for (const auto type : {SegmentType::kScalar, SegmentType::kBlob, SegmentType::kMatrix})
    if (segment_type_name(type) == name) return type;
  return footer_bad("expected type `scalar`, `blob` or `matrix`, found `" + std::string(name) + "`");
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
  if (segment.step == 0) return footer_bad("the step of the anchors is 0, expected at least 1");
  return in.end();
}

Result<ScalarColumn> read_column(CborReader& in) {
  ScalarColumn column;
  Keys seen;
  DREAMDB_ASSIGN(const uint64_t pairs, in.map());
  for (uint64_t i = 0; i < pairs; ++i) {
    DREAMDB_ASSIGN(const std::string_view key, in.key());
    seen.push_back(key);
    if (key == "field") {
      DREAMDB_ASSIGN(column.field, read_field_id(in));
    } else if (key == "type") {
      DREAMDB_ASSIGN(const std::string_view name, in.text());
      DREAMDB_ASSIGN(column.type, parse_type(name));
    } else if (key == "valid") {
      DREAMDB_ASSIGN(column.valid, parse_run(in, "valid"));
    } else if (key == "dict") {
      DREAMDB_ASSIGN(column.dict, parse_run(in, "dict"));
    } else if (key == "data") {
      DREAMDB_ASSIGN(column.data, parse_run(in, "data"));
    } else {
      return footer_bad("a column has the unknown key `" + std::string(key) + "`");
    }
  }
  DREAMDB_TRY(in.end());
  if (!has(seen, "field") || !has(seen, "type") || !has(seen, "data"))
    return footer_bad("a column lacks one of `field`, `type`, `data`");
  return column;
}

Status read_columns(CborReader& in, Segment& segment) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count > kFieldsMax)
    return footer_bad(std::to_string(count) + " columns, expected at most 1,024");
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(ScalarColumn column, read_column(in));
    if (column.field == kRecordTrack ||
        (!segment.columns.empty() && !(segment.columns.back().field < column.field)))
      return footer_bad("columns do not stand in ascending order of field ids from 1");
    segment.columns.push_back(std::move(column));
  }
  return in.end();
}

Status read_shape(CborReader& in, Segment& segment) {
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count > kMatrixDimensionsMax)
    return footer_bad("a shape of " + std::to_string(count) + " dimensions, expected at most 32");
  for (uint64_t i = 0; i < count; ++i) {
    DREAMDB_ASSIGN(const uint64_t dimension, in.uint());
    segment.shape.push_back(dimension);
  }
  return in.end();
}

Result<Dtype> read_dtype(CborReader& in) {
  DREAMDB_ASSIGN(const std::string_view name, in.text());
  const auto dtype = parse_dtype(name);  // knows NumPy's names too, which no segment holds
  if (!dtype || dtype_name(*dtype) != name)
    return footer_bad("unknown dtype `" + std::string(name) + "`");
  return *dtype;
}

Status read_value(CborReader& in, std::string_view key, Segment& segment) {
  if (key == "kind" || key == "v") return in.skip();  // checked by check_envelope
  if (key == "nonce") {
    DREAMDB_ASSIGN(const auto nonce, in.bytes(segment.nonce.size()));
    std::ranges::copy(nonce, segment.nonce.begin());
  } else if (key == "type") {
    DREAMDB_ASSIGN(segment.type, read_type(in));
  } else if (key == "rows") {
    DREAMDB_ASSIGN(segment.rows, in.uint());
  } else if (key == "field") {
    DREAMDB_ASSIGN(segment.field, read_field_id(in));
  } else if (key == "end") {
    DREAMDB_ASSIGN(segment.end, in.uint());
  } else if (key == "anchors") {
    return read_anchors(in, segment);
  } else if (key == "columns") {
    return read_columns(in, segment);
  } else if (key == "stats") {
    DREAMDB_ASSIGN(segment.stats, parse_stats(in));
  } else if (key == "payloads") {
    DREAMDB_ASSIGN(segment.payloads, parse_run(in, key));
  } else if (key == "index") {
    DREAMDB_ASSIGN(segment.index, parse_run(in, key));
  } else if (key == "data") {
    DREAMDB_ASSIGN(segment.data, parse_run(in, key));
  } else if (key == "dtype") {
    DREAMDB_ASSIGN(segment.dtype, read_dtype(in));
  } else if (key == "shape") {
    return read_shape(in, segment);
  } else {
    return footer_bad("unknown key `" + std::string(key) + "`");
  }
  return {};
}

// Each type has exactly its keys; only `index` may be absent.
Status check_keys(const Keys& seen, SegmentType type) {
  Keys expected = {"kind", "v", "nonce", "type", "rows", "anchors", "field", "end"};
  switch (type) {
    case SegmentType::kScalar: expected.insert(expected.end(), {"columns", "stats"}); break;
    case SegmentType::kBlob:
      expected.push_back("payloads");
      if (has(seen, "index")) expected.push_back("index");
      break;
    case SegmentType::kMatrix: expected.insert(expected.end(), {"dtype", "shape", "data"}); break;
  }
  for (const std::string_view key : expected)
    if (!has(seen, key)) return footer_bad("lacks the key `" + std::string(key) + "`");
  for (const std::string_view key : seen)
    if (!has(expected, key))
      return footer_bad("the key `" + std::string(key) + "` does not belong to a " +
                        std::string(segment_type_name(type)) + " segment");
  return {};
}

}  // namespace

Result<Segment> parse_segment_footer(std::span<const std::byte> footer, const Address& address) {
  if (footer.size() > kFooterBytesMax)
    return segment_corrupt(address, "a footer of " + std::to_string(footer.size()) +
                                        " bytes, expected at most 16 MiB");
  if (Address::of(footer) != address)
    return segment_corrupt(address, "the footer of " + std::to_string(footer.size()) +
                                        " bytes hashes to " + Address::of(footer).text() +
                                        ", expected the address");
  const auto parse = [&]() -> Result<Segment> {
    DREAMDB_TRY(check_envelope(footer));
    Segment segment;
    segment.address = address;
    CborReader in(footer);
    Keys seen;
    DREAMDB_ASSIGN(const uint64_t pairs, in.map());
    for (uint64_t i = 0; i < pairs; ++i) {
      DREAMDB_ASSIGN(const std::string_view key, in.key());
      DREAMDB_TRY(read_value(in, key, segment));
      seen.push_back(key);
    }
    DREAMDB_TRY(in.end());
    DREAMDB_TRY(check_keys(seen, segment.type));
    DREAMDB_TRY(check_segment(segment, footer.size()));
    return segment;
  };
  Result<Segment> segment = parse();
  if (segment) return segment;
  const Error& error = segment.error();
  if (error.code == Code::kUnsupported)
    return fail(error.code, segment_key(address) + " " + error.message);
  return segment_corrupt(address, error.message);
}

}  // namespace dreamdb
