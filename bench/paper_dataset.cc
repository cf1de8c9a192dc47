#include "bench/paper_dataset.h"

#include "dataset/space.h"
#include "version/commit.h"

namespace dreamdb::bench {

namespace {

Entry entry_of(uint64_t i) {
  Entry entry;
  entry.first = i * kRowsASegment * kAnchorStep;
  entry.last = entry.first + (kRowsASegment - 1) * kAnchorStep;
  entry.step = kAnchorStep;
  entry.rows = entry.records = kRowsASegment;
  entry.child = Address::of(std::as_bytes(std::span(&i, 1)));
  entry.size = entry.bytes = kRowsASegment * kVectorBytes + 8192;
  entry.footer = 6000;
  return entry;
}

}  // namespace

Status make_pages(const std::string& folder, uint64_t segments) {
  DREAMDB_ASSIGN(const Dataset dataset,
                 Dataset::create(locator_of(folder), schema_of(kPaperFields)));
  DREAMDB_ASSIGN(const auto space, Space::open("file://" + folder, 64 << 20, false));
  DREAMDB_ASSIGN(const Tip tip, load_tip(space->objects(), "main"));
  Change change;
  change.operation = "append";
  for (const FieldId track : {kRecordTrack, dataset.schema().fields()[0].id}) {
    std::vector<Entry>& entries = change.entries[track];
    for (uint64_t i = 0; i < segments; ++i) entries.push_back(entry_of(i));
  }
  Committer committer(space->objects(), space->runtime(), space->writer());
  DREAMDB_TRY(committer.commit(tip, std::move(change),
                               [](const Tip&, Change&) -> Result<bool> { return true; }));
  return {};
}

}  // namespace dreamdb::bench
