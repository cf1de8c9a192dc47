// A bucket: ingest to and streams from a real S3 server, against bare parallel puts and range reads
// of the same bytes by the same client. The server is that of AWS_ENDPOINT_URL; its bucket `bench`
// must be there and empty (run.py starts one).
#include <atomic>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"
#include "store/locator.h"
#include "store/remote_locator.h"

namespace dreamdb::bench {

namespace {

constexpr double kIngestBar = 0.7;
constexpr double kStreamBar = 0.8;
constexpr uint64_t kPieceBytes = 8 << 20;
constexpr size_t kDeleteKeys = 1000;
constexpr std::string_view kBucket = "s3://bench/";
// Requests in flight of the bare sides: the best of 4, 8, 16 and 32 on this machine's server.
constexpr size_t kInFlight = 8;

struct Object {
  std::string key;
  uint64_t size = 0;
};

// The keys below `prefix` with their sizes.
Result<std::vector<Object>> objects_below(Store& store, std::string_view prefix) {
  std::vector<Object> all;
  for (std::string last;;) {
    DREAMDB_ASSIGN(const ListPage page, store.list(prefix, last, kDeleteKeys));
    for (const ListedObject& listed : page.objects) all.push_back({listed.key, listed.size_bytes});
    if (!page.more || page.objects.empty()) return all;
    last = all.back().key;
  }
}

// A prefix of the bucket; emptied of immutable objects at the end.
class Space {
 public:
  static Result<Space> open(const std::string& name) {
    DREAMDB_ASSIGN(auto store, open_remote_store(std::string(kBucket) + name));
    return Space(name, std::move(store));
  }

  std::string locator() const { return std::string(kBucket) + name_ + "@main"; }
  Store& store() { return *store_; }

  Status clear() {
    DREAMDB_ASSIGN(const std::vector<Object> objects, objects_below(*store_, ""));
    std::vector<std::string> keys;
    for (const Object& object : objects) keys.push_back(object.key);
    for (Status& status : store_->delete_many(keys)) DREAMDB_TRY(std::move(status));
    return {};
  }

 private:
  Space(std::string name, std::shared_ptr<Store> store)
      : name_(std::move(name)), store_(std::move(store)) {}

  std::string name_;
  std::shared_ptr<Store> store_;
};

// Seconds to put `bytes` as objects of 8 MiB, some at a time.
Result<double> put_bare(Store& store, const Buffer& bytes) {
  const size_t pieces = (bytes.size() + kPieceBytes - 1) / kPieceBytes;
  return timed([&] {
    return on_threads(kInFlight, pieces, [&](size_t piece) -> Status {
      const uint64_t begin = piece * kPieceBytes;
      const PutRequest request{
          "segments/" + std::to_string(piece),
          bytes.slice(begin, std::min<uint64_t>(kPieceBytes, bytes.size() - begin))};
      return std::move(store.put_many({&request, 1}).front());
    });
  });
}

// Seconds to read all `objects` in ranges of at most 8 MiB, some at a time.
Result<double> read_bare(Store& store, const std::vector<Object>& objects) {
  std::vector<ReadRequest> ranges;
  for (const Object& object : objects)
    for (uint64_t at = 0; at < object.size; at += kPieceBytes)
      ranges.push_back({object.key, at, std::min(kPieceBytes, object.size - at)});
  return timed([&] {
    return on_threads(kInFlight, ranges.size(), [&](size_t i) -> Status {
      DREAMDB_ASSIGN(const Buffer body, std::move(store.read_many({&ranges[i], 1}).front()));
      if (body.size() == ranges[i].size) return {};
      return fail(Code::kInternal, ranges[i].key + " is shorter than its listing says");
    });
  });
}

}  // namespace

Status bucket_ingest(const Settings& settings) {
  const Fields fields{.embedding = true};
  const Records records(fields, 0, settings.size_bytes / fields.row_bytes());
  const auto megabytes = static_cast<double>(records.vectors().size()) / 1e6;
  DREAMDB_ASSIGN(Space dataset, Space::open("ingest"));
  DREAMDB_ASSIGN(Space bare, Space::open("puts"));
  size_t runs = 0;
  const Side ours = [&]() -> Result<double> {
    DREAMDB_TRY(dataset.clear());
    DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                     const std::string locator =
                         std::string(kBucket) + "ingest@run" + std::to_string(++runs);
                     DREAMDB_ASSIGN(Dataset made, Dataset::create(locator, schema_of(fields)));
                     return append_all(made, records);
                   }));
    return megabytes / seconds;
  };
  const Side baseline = [&]() -> Result<double> {
    DREAMDB_TRY(bare.clear());
    DREAMDB_ASSIGN(const double seconds, put_bare(bare.store(), records.vectors()));
    return megabytes / seconds;
  };
  Figure figure("bucket-ingest", "MB/s", "bare parallel puts");
  figure.at_least(kIngestBar).note = "the same client and server";
  DREAMDB_ASSIGN(figure, alternate(std::move(figure), settings.repeats, ours, baseline));
  DREAMDB_TRY(dataset.clear());
  DREAMDB_TRY(bare.clear());
  print(figure);
  return {};
}

Status bucket_stream(const Settings& settings) {
  const Fields fields{.embedding = true};
  const uint64_t count = settings.size_bytes / fields.row_bytes();
  DREAMDB_ASSIGN(Space space, Space::open("stream"));
  {
    const Records records(fields, 0, count);
    DREAMDB_ASSIGN(Dataset made, Dataset::create(space.locator(), schema_of(fields)));
    DREAMDB_TRY(append_all(made, records));
  }
  DREAMDB_ASSIGN(const std::vector<Object> objects, objects_below(space.store(), "segments/"));
  uint64_t total = 0;
  for (const Object& object : objects) total += object.size;
  const Side ours = [&]() -> Result<double> {
    DREAMDB_ASSIGN(const double seconds, timed([&]() -> Status {
                     DREAMDB_ASSIGN(const Dataset dataset, Dataset::open(space.locator()));
                     DREAMDB_ASSIGN(const uint64_t rows, stream_rows(dataset));
                     if (rows == count) return {};
                     return fail(Code::kInternal, "streamed " + std::to_string(rows) + " of " +
                                                      std::to_string(count) + " rows");
                   }));
    return static_cast<double>(total) / 1e6 / seconds;
  };
  const Side baseline = [&]() -> Result<double> {
    DREAMDB_ASSIGN(const double seconds, read_bare(space.store(), objects));
    return static_cast<double>(total) / 1e6 / seconds;
  };
  Figure figure("bucket-stream", "MB/s", "bare parallel range reads");
  figure.at_least(kStreamBar).note = "the same client and server";
  DREAMDB_ASSIGN(figure, alternate(std::move(figure), settings.repeats, ours, baseline));
  DREAMDB_TRY(space.clear());
  print(figure);
  return {};
}

}  // namespace dreamdb::bench
