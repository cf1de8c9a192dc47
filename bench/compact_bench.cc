// compact: the peak of memory of a plan for a dataset of many small segments. They are named by
// real pages and are not there: a plan reads none.
#include <sys/resource.h>

#include "bench/benches.h"
#include "bench/paper_dataset.h"
#include "dreamdb/upkeep.h"
#include "runtime/stopwatch.h"

namespace dreamdb::bench {

namespace {

constexpr double kPeakMegabytes = 256;
constexpr uint64_t kCacheBytes = 64 << 20;  // of pages, within the peak

}  // namespace

// FOLDER
Status compact_job(std::span<const std::string> args) {
  OpenOptions open;
  open.cache_bytes = kCacheBytes;
  DREAMDB_ASSIGN(Dataset dataset, Dataset::open(locator_of(args[0]), open));
  CompactOptions options;
  options.dry_run = true;
  Stopwatch watch;
  DREAMDB_ASSIGN(const CompactReport report, compact(dataset, options));
  const double seconds = watch.lap();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  nlohmann::json line;
  line["peak_bytes"] = static_cast<double>(usage.ru_maxrss) * 1024;
  line["seconds"] = seconds;
  uint64_t segments = 0;
  for (const CompactedTrack& track : report.tracks) segments += track.segments_read;
  line["segments"] = segments;
  std::printf("%s\n", line.dump().c_str());
  return {};
}

Status compact_memory(const Settings& settings) {
  const uint64_t most = settings.quick ? 100'000 : 1'000'000;
  for (const uint64_t segments : {most / 10, most}) {
    const Scratch folder(settings.folder + "/compact-" + std::to_string(segments));
    DREAMDB_TRY(make_pages(folder.path(), segments));
    DREAMDB_ASSIGN(const nlohmann::json line, run_job("compact", {folder.path()}));
    if (line["segments"].get<uint64_t>() < 2 * segments * 99 / 100)
      return fail(Code::kInternal, "compact: " + line.dump());
    Figure peak("compact, plan of " + std::to_string(2 * segments) + " segments, peak", "MB",
                "256 MB");
    peak.at_most(1).note = "in " + std::to_string(line["seconds"].get<double>()) + " s";
    peak.ours = line["peak_bytes"].get<double>() / 1e6;
    peak.ours_runs = {peak.ours};
    peak.baseline = kPeakMegabytes;
    peak.ratio = peak.ours / peak.baseline;
    print(peak);
  }
  return {};
}

}  // namespace dreamdb::bench
