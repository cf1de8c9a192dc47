// Numbers and tables as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dreamdb::cli {

std::string with_commas(uint64_t value);  // 1,234,567
// "1 row", "1,234 rows"
std::string counted(uint64_t count, const std::string& one, const std::string& many);
std::string human_bytes(uint64_t bytes);    // 512 B, 1.4 KB, 3.2 MB, 1.1 GB: powers of 1,000
std::string human_rate(double per_second);  // three digits: 0.52, 12.3, 4,560
std::string short_double(double value);     // the shortest text that reads back equal
std::string short_float(float value);
std::string percent_encoded(std::string_view name);  // safe as a file name

// One line of text for a cell or a message: control characters as \n, \x1b; cut after `max_chars`
// characters (0: never) with "...". Bytes that are no UTF-8 as \xNN.
std::string one_line(std::string_view text, size_t max_chars = 0);

// How many columns of a terminal a text takes, one for each code point.
size_t display_width(std::string_view text);

// Rows of cells, padded to columns; columns of numbers are right-aligned.
class Table {
 public:
  // A name that begins with '>' is right-aligned (the sign is left out).
  explicit Table(std::vector<std::string> header);
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace dreamdb::cli
