// Writes the footer of a segment: the inverse of parse_segment_footer (spec 7.2).
#include "codec/cbor.h"
#include "format/envelope.h"
#include "format/segment_runs.h"

namespace dreamdb {
namespace {

template <typename T>
std::span<const std::byte> table(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

void write_run(const Run& run, CborWriter& out) {
  CborMap map;
  map["at"].uint(run.at);
  map["items"].uint(run.items);
  map["per"].uint(run.per);
  map["sizes"].bytes(table(run.sizes));
  map["hashes"].bytes(table(run.hashes));
  if (!run.codecs.empty()) {
    map["codecs"].bytes(table(run.codecs));
    map["raws"].bytes(table(run.raws));
  }
  map.write(out);
}

void write_column(const ScalarColumn& column, CborWriter& out) {
  CborMap map;
  map["field"].uint(static_cast<uint32_t>(column.field));
  map["type"].text(type_name(column.type));
  if (column.valid) write_run(*column.valid, map["valid"]);
  if (column.dict) write_run(*column.dict, map["dict"]);
  write_run(column.data, map["data"]);
  map.write(out);
}

void write_scalar(const Segment& segment, CborMap& map) {
  CborWriter& columns = map["columns"];
  columns.array(segment.columns.size());
  for (const ScalarColumn& column : segment.columns) write_column(column, columns);
  write_stats(segment.stats, map["stats"]);
}

void write_matrix(const Segment& segment, CborMap& map) {
  map["dtype"].text(dtype_name(segment.dtype));
  CborWriter& shape = map["shape"];
  shape.array(segment.shape.size());
  for (const uint64_t dimension : segment.shape) shape.uint(dimension);
  write_run(segment.data, map["data"]);
}

void write_codes(const CodeParts& codes, CborMap& map) {
  map["spatial"].bytes(codes.spatial.bytes());
  map["dim"].uint(codes.dim);
  map["bits"].uint(codes.bits);
  map["cells"].bytes(table(codes.cells));
  map["ends"].bytes(table(codes.ends));
  write_run(codes.codes, map["codes"]);
  if (codes.extra) write_run(*codes.extra, map["extra"]);
}

void write_f64(double value, CborWriter& out) { out.bytes(std::as_bytes(std::span(&value, 1))); }

void write_spatial(const SpatialParts& spatial, CborMap& map) {
  map["algorithm"].text(spatial.algorithm);
  map["dim"].uint(spatial.dim);
  map["bits"].uint(spatial.bits);
  write_f64(spatial.level_scale, map["level_scale"]);
  map["signs"].bytes(table(spatial.signs));
  map["origin"].bytes(table(spatial.origin));
  write_run(spatial.centroids, map["centroids"]);
  write_run(spatial.routes, map["routes"]);
  map["trained"].uint(spatial.trained);
  write_f64(spatial.spread, map["spread"]);
  CborWriter& recall = map["recall"];
  recall.array(spatial.recall.size());
  for (const RecallPoint& point : spatial.recall) {
    recall.array(2);
    recall.uint(point.probes);
    recall.uint(point.permille);
  }
}

void write_anchors(const Segment& segment, CborMap& map) {
  if (segment.anchors) {
    write_run(*segment.anchors, map["anchors"]);
  } else {
    CborWriter& anchors = map["anchors"];
    anchors.array(2);
    anchors.uint(segment.first);
    anchors.uint(segment.step);
  }
}

}  // namespace

std::vector<std::byte> write_segment_footer(const Segment& segment) {
  CborMap map = new_envelope("segment", segment.nonce, segment_version(segment.type));
  map["type"].text(segment_type_name(segment.type));
  map["field"].uint(static_cast<uint32_t>(segment.field));
  map["end"].uint(segment.end);
  if (segment.type != SegmentType::kSpatial) map["rows"].uint(segment.rows);
  if (has_anchors(segment.type)) write_anchors(segment, map);
  switch (segment.type) {
    case SegmentType::kScalar: write_scalar(segment, map); break;
    case SegmentType::kBlob:
      if (segment.index) write_run(*segment.index, map["index"]);
      write_run(segment.payloads, map["payloads"]);
      break;
    case SegmentType::kMatrix: write_matrix(segment, map); break;
    case SegmentType::kCodes: write_codes(*segment.codes, map); break;
    case SegmentType::kSpatial: write_spatial(*segment.spatial, map); break;
  }
  return map.encode();
}

}  // namespace dreamdb
