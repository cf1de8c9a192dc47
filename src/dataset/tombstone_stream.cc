// What a version has deleted, told anchor by anchor.
#include "dataset/dataset_impl.h"
#include "track/record_scan.h"

namespace dreamdb {

namespace {

constexpr size_t kAnchorsAtOnce = 65'536;

}  // namespace

class TombstoneStream::Impl {
 public:
  Impl(std::shared_ptr<Space> space, const ManifestPtr& manifest, FieldId field, uint64_t start,
       uint64_t end)
      : space_(std::move(space)) {
    const Root* const root = manifest->find_tombstones(field);
    if (root != nullptr && start < end)
      scan_.emplace(RecordScan::of_tombstones(space_->objects(), manifest, *root, start, end - 1));
  }

  Result<std::optional<Buffer>> next() {
    if (!scan_) return std::optional<Buffer>();
    DREAMDB_ASSIGN(Buffer anchors, scan_->next(kAnchorsAtOnce));
    if (anchors.empty()) return std::optional<Buffer>();
    return std::optional(std::move(anchors));
  }

 private:
  const std::shared_ptr<Space> space_;
  std::optional<RecordScan> scan_;
};

TombstoneStream::TombstoneStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TombstoneStream::TombstoneStream(TombstoneStream&&) noexcept = default;
TombstoneStream& TombstoneStream::operator=(TombstoneStream&&) noexcept = default;
TombstoneStream::~TombstoneStream() = default;

Result<std::optional<Buffer>> TombstoneStream::next() { return impl_->next(); }

Result<TombstoneStream> Dataset::tombstones(const std::optional<std::string>& field, uint64_t start,
                                            uint64_t end) const {
  const ManifestPtr manifest = impl_->manifest();
  FieldId id = kRecordTrack;
  if (field) {
    DREAMDB_ASSIGN(const Field* found, manifest->schema.get(*field));
    id = found->id;
  }
  return TombstoneStream(
      std::make_unique<TombstoneStream::Impl>(impl_->shared_space(), manifest, id, start, end));
}

}  // namespace dreamdb
