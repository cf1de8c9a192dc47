// Made-up records: vectors of 512 floats, payloads of 50 KB, scalars; and datasets of them.
//
// Thread rule: functions may be called from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "dreamdb/dataset.h"

namespace dreamdb::bench {

inline constexpr uint64_t kDim = 512;
inline constexpr uint64_t kVectorBytes = kDim * sizeof(float);
inline constexpr uint64_t kBlobBytes = 50'000;
// Anchors of record i: i * kAnchorStep.
inline constexpr uint64_t kAnchorStep = 1000;
// Rows are handed over in pieces of about this size, as a program that reads a file would do.
inline constexpr uint64_t kPieceBytes = 16 << 20;

// Which fields a dataset of the benchmark has, in this order.
struct Fields {
  bool blob = false;       // "blob": kBlobBytes of noise, all different
  bool embedding = false;  // "embedding": kDim floats in [-0.5, 0.5)
  bool scalars = false;    // "label": one of 100 texts; "score": a float
  bool numbers = false;    // "label": 0 to 99; "score": a float

  uint64_t row_bytes() const;
};

Schema schema_of(const Fields& fields);

// Fills `out` with floats in [-0.5, 0.5) that depend on `seed` alone; several GB a second.
void fill_floats(std::span<float> out, uint64_t seed);
// The same with bytes that no codec shrinks.
void fill_noise(std::span<std::byte> out, uint64_t seed);

// Records [first, first + count) of a data set, one after the other in one Buffer a field, so that
// slices of it can be appended again and again.
class Records {
 public:
  Records(const Fields& fields, uint64_t first, uint64_t count);

  uint64_t count() const { return count_; }
  uint64_t bytes() const { return count_ * fields_.row_bytes(); }
  // Rows [begin, begin + count) of these, without a copy of vectors and payloads.
  NewRows rows(uint64_t begin, uint64_t count) const;
  const Buffer& vectors() const { return vectors_; }
  const Buffer& payloads() const { return payloads_; }

 private:
  Fields fields_;
  uint64_t first_, count_;
  Buffer vectors_, payloads_, scores_;
};

// Appends all of `records` in pieces and commits.
Status append_all(Dataset& dataset, const Records& records);

// A new dataset in `folder` (which must not exist) with `count` records, never more than a few
// pieces of them in memory.
Result<Dataset> make_dataset(const std::string& folder, const Fields& fields, uint64_t count,
                             const CreateOptions& options = {});

std::string locator_of(const std::string& folder);

void remove_folder(const std::string& folder);
// Removes `path` when it goes out of scope.
class Scratch {
 public:
  explicit Scratch(std::string path);
  ~Scratch() { remove_folder(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace dreamdb::bench
