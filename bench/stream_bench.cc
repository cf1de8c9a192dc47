// Streams: all records, every byte verified, from a folder whose files are in the page cache;
// against reading the same files into reused buffers and hashing them in blocks of the same size.
#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"

namespace dreamdb::bench {

namespace {

constexpr double kBar = 0.8;
// A buffer of this size stays in the processor's cache: the best of all sizes from 256 KiB to 8
// MiB.
constexpr uint64_t kReadPieceBytes = 1 << 20;

Status stream(const Settings& settings, const std::string& name, const Fields& fields,
              uint64_t block_bytes) {
  const uint64_t count = settings.size_bytes / fields.row_bytes();
  const Scratch folder(settings.folder + "/" + name);
  DREAMDB_TRY(make_apart(folder.path(), fields, count));
  settle_disk();
  const std::vector<std::string> files = files_below(folder.path() + "/segments");
  uint64_t total = 0;
  DREAMDB_TRY(read_and_hash(files, kReadPieceBytes, block_bytes, settings.threads, total));

  const Side ours = [&]() -> Result<double> {
    DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                     DREAMDB_ASSIGN(const Dataset dataset,
                                    Dataset::open(locator_of(folder.path())));
                     DREAMDB_ASSIGN(const uint64_t rows, stream_rows(dataset));
                     if (rows == count) return {};
                     return fail(Code::kInternal, name + ": streamed " + std::to_string(rows) +
                                                      " of " + std::to_string(count) + " rows");
                   }));
    return static_cast<double>(total) / 1e6 / seconds;
  };
  const Side baseline = [&]() -> Result<double> {
    DREAMDB_ASSIGN(const double seconds,
                   read_and_hash(files, kReadPieceBytes, block_bytes, settings.threads, total));
    return static_cast<double>(total) / 1e6 / seconds;
  };
  Figure figure(name, "MB/s", "read and hash the same files");
  figure.at_least(kBar);
  DREAMDB_ASSIGN(figure, alternate(std::move(figure), settings.repeats, ours, baseline));
  print(figure);
  return {};
}

}  // namespace

Result<uint64_t> stream_rows(const Dataset& dataset) {
  DREAMDB_ASSIGN(BatchStream stream, dataset.stream());
  uint64_t rows = 0;
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, stream.next());
    if (!batch) return rows;
    rows += batch->rows();
  }
}

Status stream_vectors(const Settings& settings) {
  return stream(settings, "stream-vectors", {.embedding = true}, 16 * 1024);
}

Status stream_blobs(const Settings& settings) {
  return stream(settings, "stream-blobs", {.blob = true}, kBlobBytes);
}

Status stream_all(const Settings& settings) {
  return stream(settings, "stream-all", {.blob = true, .embedding = true, .scalars = true},
                kBlobBytes);
}

}  // namespace dreamdb::bench
