#include "bench/figure.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace dreamdb::bench {

namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Result<Figure> alternate(Figure figure, size_t repeats, const Side& ours, const Side& baseline) {
  std::vector<double> ratios, cpu_ratios;
  for (size_t i = 0; i < repeats; ++i) {
    double pair[2] = {};
    double cpu[2] = {};
    for (size_t turn = 0; turn < 2; ++turn) {
      const bool is_ours = (i + turn) % 2 == 0;
      const double before = cpu_seconds();
      DREAMDB_ASSIGN(pair[is_ours ? 0 : 1], is_ours ? ours() : baseline());
      cpu[is_ours ? 0 : 1] = cpu_seconds() - before;
    }
    figure.ours_runs.push_back(pair[0]);
    figure.baseline_runs.push_back(pair[1]);
    ratios.push_back(pair[0] / pair[1]);
    cpu_ratios.push_back(cpu[1] / cpu[0]);
  }
  figure.ours = median(figure.ours_runs);
  figure.baseline = median(figure.baseline_runs);
  figure.ratio = median(ratios);
  figure.cpu_ratio = median(cpu_ratios);
  return figure;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void print(const Figure& figure) {
  nlohmann::ordered_json line;
  line["figure"] = figure.name;
  line["unit"] = figure.unit;
  line["ours"] = figure.ours;
  line["against"] = figure.against;
  line["baseline"] = figure.baseline;
  line["ratio"] = figure.ratio;
  if (figure.kind != Bar::kNone) {
    line["bar"] = figure.bar;
    line["bar_is"] = figure.kind == Bar::kAtLeast ? "at least" : "at most";
    line["ok"] =
        figure.kind == Bar::kAtLeast ? figure.ratio >= figure.bar : figure.ratio <= figure.bar;
  }
  if (!figure.note.empty()) line["note"] = figure.note;
  if (figure.cpu_ratio > 0) line["cpu_ratio"] = figure.cpu_ratio;
  line["ours_runs"] = figure.ours_runs;
  line["baseline_runs"] = figure.baseline_runs;
  std::puts(line.dump().c_str());
  std::fflush(stdout);
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Result<double> timed(const std::function<Status()>& work) {
  const double start = now_seconds();
  DREAMDB_TRY(work());
  return now_seconds() - start;
}

}  // namespace dreamdb::bench
