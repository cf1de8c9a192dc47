// gc: the peak of memory of a collection, and objects a second: of a folder, and of a store that
// makes up its names, so that the collector's memory is all there is.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "bench/benches.h"
#include "bench/gc_space.h"
#include "object/objects.h"
#include "runtime/stopwatch.h"
#include "store/folder_store.h"
#include "upkeep/collect.h"

namespace dreamdb::bench {

namespace {

constexpr double kPeakMegabytes = 256;
constexpr time_t kLongAgo = 1'000'000'000;

Status write_old_file(int folder, const std::string& name, std::string_view body) {
  const int file = openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  const timespec times[2] = {{kLongAgo, 0}, {kLongAgo, 0}};
  const bool well =
      file >= 0 && write(file, body.data(), body.size()) >= 0 && futimens(file, times) == 0;
  if (file >= 0) close(file);
  return well ? Status() : fail(Code::kUnavailable, "gc: cannot write " + name);
}

// The space as files, not synced: it is to be deleted soon.
Status make_folder(const GcSpace& space, const std::string& path) {
  DREAMDB_ASSIGN(const auto store, open_folder_store(path, true));
  DREAMDB_TRY(space.put_rest(*store));
  for (const char* folder : {"/segments", "/pages"})
    std::filesystem::create_directories(path + folder);
  const int segments = open((path + "/segments").c_str(), O_RDONLY | O_DIRECTORY);
  const int pages = open((path + "/pages").c_str(), O_RDONLY | O_DIRECTORY);
  Status done;
  for (uint64_t i = 0; i < space.count() && done; ++i)
    done = write_old_file(segments, space.segment_text(i), "x");
  for (uint64_t i = 0; i < space.leaves().size() && done; ++i)
    done = write_old_file(pages, space.leaves()[i].text(), write_page(space.leaf(i)).view());
  close(segments);
  close(pages);
  return done;
}

}  // namespace

// folder|simulated PATH COUNT
Status gc_job(std::span<const std::string> args) {
  const uint64_t count = std::strtoull(args[2].c_str(), nullptr, 10);
  std::shared_ptr<Store> store;
  std::unique_ptr<GcSpace> space;
  if (args[0] == "folder") {
    DREAMDB_ASSIGN(store, open_folder_store(args[1], false));
  } else {
    space = std::make_unique<GcSpace>(count);
    store = std::make_shared<GcStore>(*space);
    DREAMDB_TRY(space->put_rest(*store));
  }
  Stopwatch watch;
  DREAMDB_ASSIGN(const GcReport report, collect(store, real_runtime(), {}));
  const double seconds = watch.lap();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  nlohmann::json line;
  line["peak_bytes"] = static_cast<double>(usage.ru_maxrss) * 1024;
  line["seconds"] = seconds;
  line["listed"] = report.by_kind.at("segments").listed.objects;
  line["deleted"] = report.by_kind.at("segments").condemned.objects;
  std::printf("%s\n", line.dump().c_str());
  return {};
}

Status gc_memory(const Settings& settings) {
  struct Kind {
    const char* name;
    uint64_t count;
  };
  for (const Kind& kind : {Kind{"folder", settings.quick ? 100'000u : 1'000'000u},
                           Kind{"simulated", settings.quick ? 1'000'000u : 10'000'000u}}) {
    const Scratch folder(settings.folder + "/gc");
    const std::string path = folder.path() + "/space";
    if (std::string(kind.name) == "folder") DREAMDB_TRY(make_folder(GcSpace(kind.count), path));
    DREAMDB_ASSIGN(const nlohmann::json line,
                   run_job("gc", {kind.name, path, std::to_string(kind.count)}));
    if (line["listed"].get<uint64_t>() != kind.count)
      return fail(Code::kInternal, "gc: " + line.dump());
    const double seconds = line["seconds"].get<double>();
    Figure peak(std::string("gc, ") + kind.name + ", peak", "MB", "256 MB");
    peak.at_most(1).note = std::to_string(kind.count) + " objects, " +
                           std::to_string(line["deleted"].get<uint64_t>()) +
                           " of them deleted, in " + std::to_string(seconds) + " s";
    peak.ours = line["peak_bytes"].get<double>() / 1e6;
    peak.ours_runs = {peak.ours};
    peak.baseline = kPeakMegabytes;
    peak.ratio = peak.ours / peak.baseline;
    print(peak);
  }
  return {};
}

}  // namespace dreamdb::bench
