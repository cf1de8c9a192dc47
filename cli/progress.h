// One line on standard error that says how far a long command is; silent when that is no terminal.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <string>

namespace dreamdb::cli {

class Progress {
 public:
  // `verb` as in "ingest". `wanted` false (--quiet) keeps it silent on terminals too.
  Progress(std::string verb, bool wanted);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Totals so far; draws at most five times a second.
  void update(uint64_t rows, uint64_t bytes);
  // The same with words of the command's own.
  void show(const std::string& text);
  // Says something at once, on a terminal or not, in a line of its own.
  void note(const std::string& text);
  // Takes the line away, before something else is printed.
  void clear();

  double seconds() const;

 private:
  std::string verb_;
  bool shown_;
  bool drawn_ = false;
  uint64_t began_ns_;
  uint64_t drawn_ns_ = 0;
};

// "12,000 rows, 24.6 MB in 0.31 s: 38,700 rows/s, 79.2 MB/s"
std::string throughput(uint64_t rows, uint64_t bytes, double seconds);

}  // namespace dreamdb::cli
