#include "index/row_encoder.h"

#include "runtime/thread_pool.h"

namespace dreamdb {

Status RowEncoder::add(std::span<const RowPiece> pieces, Dtype dtype) {
  std::vector<CodeTable> tables(pieces.size(), CodeTable(*index_));
  shared_pool().parallel_for(
      pieces.size(), [&](size_t i) { tables[i].add(pieces[i].anchors, pieces[i].values, dtype); });
  for (const CodeTable& table : tables) DREAMDB_TRY(spill_.add(table));
  return {};
}

Result<std::vector<Entry>> RowEncoder::finish(Objects& objects, const Nonce& nonce, FieldId field,
                                              const Address& spatial, const Report& report) {
  std::vector<Entry> out;
  uint64_t written = 0;
  const auto write = [&](const CodeTable& codes) -> Status {
    DREAMDB_TRY(report("write", written, rows()));
    DREAMDB_ASSIGN(BuiltSegment built, codes.build(nonce, field, spatial));
    const PutRequest put[] = {{segment_key(built.entry.child), std::move(built.object)}};
    DREAMDB_TRY(objects.put(put));
    out.push_back(std::move(built.entry));
    written += codes.rows();
    return {};
  };
  DREAMDB_TRY(spill_.finish(write));
  return out;
}

}  // namespace dreamdb
