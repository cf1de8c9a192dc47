// Ingest: columns in memory become a committed, synced dataset in a folder; against hashing the
// same bytes at the same granularity and writing them to one synced file with as many threads.
#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"

namespace dreamdb::bench {

namespace {

constexpr double kBar = 0.5;

Status ingest(const Settings& settings, const std::string& name, const Fields& fields,
              uint64_t block_bytes) {
  const Records records(fields, 0, settings.size_bytes / fields.row_bytes());
  const Buffer& bytes = fields.blob ? records.payloads() : records.vectors();
  const auto megabytes = static_cast<double>(bytes.size()) / 1e6;
  const Scratch folder(settings.folder + "/" + name);
  const Scratch file(settings.folder + "/" + name + ".bin");

  const Side ours = [&]() -> Result<double> {
    remove_folder(folder.path());
    settle_disk();
    DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                     DREAMDB_ASSIGN(Dataset dataset,
                                    Dataset::create(locator_of(folder.path()), schema_of(fields)));
                     return append_all(dataset, records);
                   }));
    return megabytes / seconds;
  };
  const Side baseline = [&]() -> Result<double> {
    remove_folder(file.path());
    settle_disk();
    DREAMDB_ASSIGN(const double seconds,
                   hash_and_write(file.path(), bytes.span(), block_bytes, settings.threads));
    return megabytes / seconds;
  };
  Figure figure(name, "MB/s", "hash, write one file, sync");
  figure.at_least(kBar);
  DREAMDB_ASSIGN(figure, alternate(std::move(figure), settings.repeats, ours, baseline));
  print(figure);
  return {};
}

}  // namespace

Status ingest_vectors(const Settings& settings) {
  return ingest(settings, "ingest-vectors", {.embedding = true}, 16 * 1024);
}

Status ingest_blobs(const Settings& settings) {
  return ingest(settings, "ingest-blobs", {.blob = true}, kBlobBytes);
}

}  // namespace dreamdb::bench
