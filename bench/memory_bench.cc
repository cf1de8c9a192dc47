// Memory: the peak of ingest, stream, take and search, each in a process of its own, at two sizes
// of the dataset; against 400 MB, and what the larger one takes more against 64 MB.
#include <sys/resource.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"

namespace dreamdb::bench {

namespace {

constexpr double kPeakMegabytes = 400;
constexpr double kGrowthMegabytes = 64;
constexpr size_t kTaken = 1000;
constexpr size_t kTakes = 10;

struct Kind {
  const char* name;
  Fields fields;
};

const Kind kKinds[] = {{"vectors", {false, true, true}}, {"blobs", {true, true, true}}};
constexpr const char* kJobs[] = {"ingest", "stream", "take+search"};

const Kind& kind_of(const std::string& name) {
  return name == kKinds[0].name ? kKinds[0] : kKinds[1];
}

Result<double> peak_megabytes(const std::string& job, const Kind& kind, const std::string& folder,
                              uint64_t count) {
  DREAMDB_ASSIGN(const nlohmann::json line,
                 run_job("memory", {job, kind.name, folder, std::to_string(count)}));
  return line["peak_bytes"].get<double>() / 1e6;
}

Status stream_all_rows(const Dataset& dataset, uint64_t count) {
  DREAMDB_ASSIGN(BatchStream stream, dataset.stream());
  uint64_t rows = 0;
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, stream.next());
    if (!batch) break;
    rows += batch->rows();
  }
  if (rows == count) return {};
  return fail(Code::kInternal, "memory: streamed " + std::to_string(rows) + " rows");
}

Status take_and_search(const Dataset& dataset, uint64_t count) {
  std::mt19937_64 random(7);
  for (size_t i = 0; i < kTakes; ++i) {
    std::vector<uint64_t> anchors(kTaken);
    for (uint64_t& anchor : anchors) anchor = random() % count * kAnchorStep;
    DREAMDB_TRY(dataset.take(anchors));
  }
  std::vector<float> query(kDim);
  fill_floats(query, 1);
  DREAMDB_TRY(dataset.search("embedding", query, 1));
  DREAMDB_TRY(dataset.search("embedding", query, 1));
  return {};
}

}  // namespace

Status memory(const Settings& settings) {
  const uint64_t small = settings.size_bytes;
  const uint64_t large = small * (settings.full ? 10 : 4);
  for (const Kind& kind : kKinds) {
    double peaks[2][std::size(kJobs)];
    for (size_t size = 0; size < 2; ++size) {
      const Scratch folder(settings.folder + "/memory");
      const uint64_t count = (size == 0 ? small : large) / kind.fields.row_bytes();
      for (size_t job = 0; job < std::size(kJobs); ++job) {
        DREAMDB_ASSIGN(peaks[size][job], peak_megabytes(kJobs[job], kind, folder.path(), count));
      }
    }
    for (size_t job = 0; job < std::size(kJobs); ++job) {
      const std::string name = std::string("memory, ") + kJobs[job] + ", " + kind.name;
      const std::string sizes = std::to_string(small / 1'000'000) + " and " +
                                std::to_string(large / 1'000'000) + " MB of data";
      Figure peak(name + ", peak", "MB", "400 MB");
      peak.at_most(1).note = sizes;
      peak.ours_runs = {peaks[0][job], peaks[1][job]};
      peak.ours = std::max(peaks[0][job], peaks[1][job]);
      peak.baseline = kPeakMegabytes;
      peak.ratio = peak.ours / peak.baseline;
      print(peak);
      Figure growth(name + ", growth", "MB", "64 MB");
      growth.at_most(1).note = sizes;
      growth.ours = peaks[1][job] - peaks[0][job];
      growth.baseline = kGrowthMegabytes;
      growth.ratio = growth.ours / growth.baseline;
      print(growth);
    }
  }
  return {};
}

// args: ingest, stream or take+search; kind; folder; number of records.
Status memory_job(std::span<const std::string> args) {
  if (args.size() != 4) return fail(Code::kInvalidArgument, "memory: expected 4 arguments");
  const uint64_t count = std::strtoull(args[3].c_str(), nullptr, 10);
  if (args[0] == "ingest") {
    DREAMDB_TRY(make_dataset(args[2], kind_of(args[1]).fields, count));
  } else {
    DREAMDB_ASSIGN(const Dataset dataset, Dataset::open(locator_of(args[2])));
    DREAMDB_TRY(args[0] == "stream" ? stream_all_rows(dataset, count)
                                    : take_and_search(dataset, count));
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const nlohmann::json line = {{"peak_bytes", usage.ru_maxrss * 1024}};
  std::puts(line.dump().c_str());
  return {};
}

}  // namespace dreamdb::bench
