#include "dataset/merge_restate.h"

#include <algorithm>

#include "runtime/interrupt.h"
#include "track/columns.h"
#include "track/row_reader.h"

namespace dreamdb {

namespace {

constexpr uint64_t kValueBytes = 16ull << 20;
constexpr size_t kValueRows = 4096;

Result<BuiltSegment> build(const Field& field, const Batch& rows, const Nonce& nonce) {
  const std::span<const uint64_t> anchors(rows.anchors(), rows.rows());
  const Column& column = rows.columns[0];
  if (is_blob(field.type))
    return build_blob_segment(nonce, field.id, anchors, column.blobs,
                              field.type == FieldType::kText);
  if (is_matrix(field.type))
    return build_matrix_segment(nonce, field.id, anchors, field.dtype, field.shape,
                                column.values.span());
  const ScalarInput input{field.id, &column};
  return build_scalar_segment(nonce, anchors, {&input, 1});
}

}  // namespace

Result<std::vector<std::pair<FieldId, BuiltSegment>>> restate_values(Objects& objects,
                                                                     const ManifestPtr& version,
                                                                     const ValuePlaces& places,
                                                                     const Nonce& nonce) {
  std::vector<std::pair<FieldId, BuiltSegment>> out;
  const RowReader reader(objects, version);
  for (const auto& [id, set] : places) {
    const Field* const field = version->schema.find(id);
    const std::vector<uint64_t> anchors(set.begin(), set.end());
    size_t count = kValueRows;
    for (size_t at = 0; at < anchors.size();) {
      DREAMDB_TRY(check_interrupt());
      count = std::min(count, anchors.size() - at);
      const auto some = std::span(anchors).subspan(at, count);
      DREAMDB_ASSIGN(const RowPlan plan,
                     reader.plan(Buffer::copy_of(std::as_bytes(some)), {&field, 1}));
      if (count > 1 && plan.bytes > kValueBytes) {
        count /= 2;
        continue;
      }
      DREAMDB_ASSIGN(const Batch rows, reader.fetch(plan));
      DREAMDB_ASSIGN(BuiltSegment built, build(*field, rows, nonce));
      out.emplace_back(id, std::move(built));
      at += count;
    }
  }
  return out;
}

}  // namespace dreamdb
