// Commits: 16 processes that append to one ref of a folder or bucket, against one process; commits
// a second of all together. What was counted must be there at the end.
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/data.h"
#include "runtime/runtime.h"

namespace dreamdb::bench {

namespace {

constexpr size_t kProcesses = 16;
constexpr uint64_t kSeconds = 10;
constexpr uint64_t kQuickSeconds = 3;
constexpr double kStartDelaySeconds = 1;         // until all processes are there
constexpr uint64_t kRecordsAProcess = 1u << 30;  // anchors that are its own
const Fields kFields{false, false, true};

// Commits a second that `processes` reach together on a new dataset at `locator`, which stays.
Result<double> commit_rate(const std::string& locator, size_t processes, uint64_t seconds) {
  DREAMDB_ASSIGN(Dataset dataset, Dataset::create(locator, schema_of(kFields)));
  settle_disk();
  const double start = now_seconds() + kStartDelaySeconds;
  std::vector<std::vector<std::string>> args;
  for (size_t i = 0; i < processes; ++i)
    args.push_back({locator, std::to_string(i), std::to_string(start), std::to_string(seconds)});
  DREAMDB_ASSIGN(const std::vector<nlohmann::json> lines, run_jobs("commits", args));
  uint64_t total = 0;
  double longest = 0;
  for (const nlohmann::json& line : lines) {
    const auto commits = line["commits"].get<uint64_t>();
    if (commits == 0) return fail(Code::kInternal, "commits: a process made no progress");
    total += commits;
    longest = std::max(longest, line["seconds"].get<double>());
  }
  DREAMDB_TRY(dataset.refresh());
  DREAMDB_ASSIGN(const uint64_t records, dataset.count());
  DREAMDB_ASSIGN(const DatasetStat stat, dataset.stat());
  if (records != total || stat.commits < total)
    return fail(Code::kInternal, "commits: " + std::to_string(total) + " were acknowledged, " +
                                     std::to_string(records) + " records are there");
  return static_cast<double>(total) / longest;
}

// `locator_of_run` is asked for a new one each time.
Status measure(const Settings& settings, const std::string& name,
               const std::function<std::string(size_t)>& locator_of_run) {
  const uint64_t seconds = settings.quick ? kQuickSeconds : kSeconds;
  size_t runs = 0;
  const auto rate = [&](size_t processes) {
    return commit_rate(locator_of_run(++runs), processes, seconds);
  };
  Figure figure(name, "commits/s", "one process");
  figure.at_least(1).note = "one record a commit, all on one ref";
  DREAMDB_ASSIGN(figure, alternate(
                             std::move(figure), std::min<size_t>(settings.repeats, 3),
                             [&] { return rate(kProcesses); }, [&] { return rate(1); }));
  print(figure);
  return {};
}

}  // namespace

Status commits(const Settings& settings) {
  // All datasets are removed at the end: ext4 without a journal avoids inodes that were freed a
  // minute ago, so files made after many were removed cost a search each.
  const Scratch scratch(settings.folder + "/commits");
  return measure(settings, "commits, 16 processes", [&](size_t run) {
    return locator_of(scratch.path() + "/" + std::to_string(run));
  });
}

Status bucket_commits(const Settings& settings) {
  return measure(settings, "bucket-commits, 16 processes",
                 [](size_t run) { return "s3://bench/commits" + std::to_string(run) + "@main"; });
}

// args: locator, number of the process, start (monotonic seconds), seconds to run.
Status commits_job(std::span<const std::string> args) {
  if (args.size() != 4) return fail(Code::kInvalidArgument, "commits: expected 4 arguments");
  const uint64_t number = std::strtoull(args[1].c_str(), nullptr, 10);
  const double start = std::strtod(args[2].c_str(), nullptr);
  const double end = start + std::strtod(args[3].c_str(), nullptr);
  DREAMDB_ASSIGN(Dataset dataset, Dataset::open(args[0]));
  if (const double wait = start - now_seconds(); wait > 0)
    real_runtime().sleep_ns(static_cast<uint64_t>(wait * 1e9));
  uint64_t done = 0;
  while (now_seconds() < end) {
    const Records record(kFields, number * kRecordsAProcess + done, 1);
    DREAMDB_TRY(dataset.append(record.rows(0, 1)));
    ++done;
  }
  const nlohmann::json line = {{"commits", done}, {"seconds", now_seconds() - start}};
  std::puts(line.dump().c_str());
  return {};
}

}  // namespace dreamdb::bench
