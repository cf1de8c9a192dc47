// One line of the table: ours, what it is measured against in the same run, and the bar.
//
// Thread rule: values; `alternate` runs its two sides on the calling thread, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "dreamdb/result.h"

namespace dreamdb::bench {

// What all figures are measured with.
struct Settings {
  std::string folder;                   // scratch space, made and removed by the figures
  uint64_t size_bytes = 1'000'000'000;  // of the data whose size is free
  size_t repeats = 5;                   // pairs of ours and baseline
  size_t threads = 1;                   // of a baseline; those of the library's pool
  bool quick = false;                   // smaller where a figure has a size of its own
  bool full = false;                    // the largest sizes, which need 12 GB of disk
};

enum class Bar : uint8_t {
  kNone,     // information
  kAtLeast,  // the ratio is at least `bar`
  kAtMost,   // the ratio is at most `bar`
};

struct Figure {
  std::string name;
  std::string unit;
  double ours = 0;      // median
  std::string against;  // what the baseline is
  double baseline = 0;  // median
  double ratio = 0;     // median of ours / baseline of each pair
  Bar kind = Bar::kNone;
  double bar = 0;
  std::string note;
  std::vector<double> ours_runs, baseline_runs;
  // Processor seconds of the baseline / of ours: what others do to the machine hardly touches it.
  double cpu_ratio = 0;

  Figure(std::string figure, std::string of_unit, std::string measured_against)
      : name(std::move(figure)), unit(std::move(of_unit)), against(std::move(measured_against)) {}
  Figure& at_least(double value) { return set_bar(Bar::kAtLeast, value); }
  Figure& at_most(double value) { return set_bar(Bar::kAtMost, value); }

 private:
  Figure& set_bar(Bar bar_kind, double value) {
    kind = bar_kind;
    bar = value;
    return *this;
  }
};

// One measurement: what was reached, in the figure's unit.
using Side = std::function<Result<double>()>;

// Runs both sides in turn, `repeats` times, the one that begins changing, and fills the numbers of
// `figure`. The ratio is the median over the pairs: what disturbs the machine for longer than one
// run falls on both sides of a pair.
Result<Figure> alternate(Figure figure, size_t repeats, const Side& ours, const Side& baseline);

double median(std::vector<double> values);

// One line of JSON on stdout.
void print(const Figure& figure);

double now_seconds();

// Seconds that `work` took.
Result<double> timed(const std::function<Status()>& work);

}  // namespace dreamdb::bench
