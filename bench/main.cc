// dreamdb_bench: measures figures and prints each as a line of JSON; bench/run.py makes the table.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "bench/benches.h"
#include "runtime/thread_pool.h"
#include "simd/simd.h"

namespace dreamdb::bench {

namespace {

struct Named {
  const char* name;
  Status (*measure)(const Settings&);
};

constexpr Named kFigures[] = {
    {"ingest-vectors", ingest_vectors},
    {"ingest-blobs", ingest_blobs},
    {"stream-vectors", stream_vectors},
    {"stream-blobs", stream_blobs},
    {"stream-all", stream_all},
    {"take", take},
    {"search-exact", search_exact},
    {"search", search_index},
    {"search-filtered", search_filtered},
    {"search-costs", search_costs},
    {"scan", scan},
    {"encode", encode},
    {"codes", codes},
    {"open", open_million},
    {"growth", growth},
    {"merge", merge_branches},
    {"delete", delete_records},
    {"commits", commits},
    {"memory", memory},
    {"compact", compact_memory},
    {"gc", gc_memory},
    {"bucket-ingest", bucket_ingest},
    {"bucket-stream", bucket_stream},
    {"bucket-commits", bucket_commits},
};

struct NamedJob {
  const char* name;
  Status (*run)(std::span<const std::string>);
};

constexpr NamedJob kJobs[] = {
    {"make", make_job},       {"columns", columns_job}, {"memory", memory_job},
    {"commits", commits_job}, {"vectors", vectors_job}, {"gc", gc_job},
    {"compact", compact_job},
};

constexpr const char* kUsage =
    "usage: dreamdb_bench --folder DIR [--size BYTES] [--repeats N] [--quick | --full]\n"
    "                     FIGURE...\n"
    "       dreamdb_bench --list | --simd | --job NAME ARGS...\n";

std::unexpected<Error> bad_usage(const std::string& what) {
  return fail(Code::kInvalidArgument, what + "\n" + kUsage);
}

Result<uint64_t> parse_number(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0 || value == 0)
    return bad_usage("\"" + text + "\" is no positive number");
  return value;
}

Status measure_all(std::span<const std::string> args) {
  Settings settings;
  settings.threads = std::max<size_t>(1, shared_pool().thread_count());
  std::vector<const Named*> chosen;
  for (size_t i = 0; i < args.size(); ++i) {
    const bool has_next = i + 1 < args.size();
    if (args[i] == "--quick") {
      settings.quick = true;
    } else if (args[i] == "--full") {
      settings.full = true;
    } else if (args[i] == "--folder" && has_next) {
      settings.folder = std::filesystem::absolute(args[++i]);
    } else if (args[i] == "--size" && has_next) {
      DREAMDB_ASSIGN(settings.size_bytes, parse_number(args[++i]));
    } else if (args[i] == "--repeats" && has_next) {
      DREAMDB_ASSIGN(settings.repeats, parse_number(args[++i]));
    } else {
      const auto* found = std::find_if(std::begin(kFigures), std::end(kFigures),
                                       [&](const Named& figure) { return args[i] == figure.name; });
      if (found == std::end(kFigures)) return bad_usage("there is no figure \"" + args[i] + "\"");
      chosen.push_back(found);
    }
  }
  if (settings.folder.empty() || chosen.empty()) return bad_usage("give a folder and figures");
  std::filesystem::create_directories(settings.folder);
  for (const Named* figure : chosen) DREAMDB_TRY(figure->measure(settings));
  return {};
}

Status run(std::span<const std::string> args) {
  if (args.empty()) return bad_usage("give figures to measure");
  if (args[0] == "--list") {
    for (const Named& figure : kFigures) std::puts(figure.name);
    return {};
  }
  if (args[0] == "--simd") {
    std::puts(simd::active().name);
    return {};
  }
  if (args[0] == "--job" && args.size() > 1) {
    for (const NamedJob& job : kJobs)
      if (args[1] == job.name) return job.run(args.subspan(2));
    return bad_usage("there is no job \"" + args[1] + "\"");
  }
  return measure_all(args);
}

}  // namespace

}  // namespace dreamdb::bench

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const dreamdb::Status status = dreamdb::bench::run(args);
  if (status) return 0;
  std::fprintf(stderr, "dreamdb_bench: %s: %s\n",
               std::string(dreamdb::code_name(status.error().code)).c_str(),
               status.error().message.c_str());
  return 1;
}
