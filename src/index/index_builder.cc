#include "index/index_builder.h"

#include <algorithm>

#include "index/sample.h"

namespace dreamdb {

namespace {

constexpr size_t kRowsAPiece = 2048;
constexpr uint64_t kMeasureSeed = 0x6d6561737572650a;

}  // namespace

Status IndexBuilder::train() {
  DREAMDB_ASSIGN(trained_, train_index(objects_, root_, field_, options_, report_));
  encoder_.emplace(*trained_.index, root_.rows, trained_.cell_rows);
  return {};
}

Status IndexBuilder::add(std::span<const uint64_t> anchors, std::span<const std::byte> values) {
  DREAMDB_TRY(report_("encode", encoder_->rows(), root_.rows));
  const uint64_t one_in = root_.rows / kRecallRows + 1, row_bytes = field_.row_bytes();
  std::vector<RowPiece> pieces, shown;
  for (size_t first = 0; first < anchors.size(); first += kRowsAPiece) {
    const size_t count = std::min(kRowsAPiece, anchors.size() - first);
    pieces.push_back({nullptr, anchors.subspan(first, count),
                      values.subspan(first * row_bytes, count * row_bytes)});
    if (pieces_++ % one_in == 0) shown.push_back(pieces.back());
  }
  trained_.recall.look_at(shown, field_.dtype);
  return encoder_->add(pieces, field_.dtype);
}

Result<BuiltIndex> IndexBuilder::put_index() {
  DREAMDB_ASSIGN(auto recall, trained_.recall.measure(objects_, root_, field_, *trained_.index));
  DREAMDB_ASSIGN(const BuiltSegment spatial,
                 build_spatial(trained_, std::move(recall), nonce_, field_.id));
  const PutRequest put[] = {{segment_key(spatial.entry.child), spatial.object}};
  DREAMDB_TRY(objects_.put(put));
  BuiltIndex out;
  out.place.field = field_.id;
  out.place.spatial = spatial.entry.child;
  out.place.size = spatial.entry.size;
  out.place.footer = spatial.entry.footer;
  return out;
}

Result<BuiltIndex> IndexBuilder::finish() {
  DREAMDB_TRY(report_("measure", 0, 1));
  DREAMDB_ASSIGN(BuiltIndex out, put_index());
  DREAMDB_ASSIGN(out.codes,
                 encoder_->finish(objects_, nonce_, field_.id, out.place.spatial, report_));
  return out;
}

Result<BuiltIndex> IndexBuilder::finish_without_codes() {
  if (trained_.recall.has_queries()) {
    DREAMDB_ASSIGN(const auto entries, list_entries(objects_, TreeCursor(root_, 0, UINT64_MAX)));
    const uint64_t wanted = std::min(root_.rows, kRecallRows);
    uint64_t seen = 0;
    const auto look = [&](std::span<const RowPiece> pieces) -> Status {
      DREAMDB_TRY(report_("measure", std::min(seen, wanted), wanted));
      trained_.recall.look_at(pieces, field_.dtype);
      for (const RowPiece& piece : pieces) seen += piece.anchors.size();
      return {};
    };
    // Other rows than those of the sample, whose draw begins with the seed itself.
    const uint64_t seed = options_.seed.value_or(0) ^ kMeasureSeed;
    const RowChoice choice{part_of(root_, wanted), seed, true};
    DREAMDB_TRY(feed_rows(objects_, field_, entries, choice, look));
  }
  return put_index();
}

}  // namespace dreamdb
