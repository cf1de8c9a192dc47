// The made-up embeddings of a preset and queries about them, as files that programs in other
// languages read: bench/peers measures other engines on them.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "bench/baseline.h"
#include "bench/benches.h"
#include "bench/clip_like.h"

namespace dreamdb::bench {

namespace {

constexpr uint64_t kPieceRows = 20'000;  // 41 MB at once
constexpr uint64_t kShareRows = 500;     // of a piece, for one thread
constexpr uint64_t kSeed = 1;            // the vectors of the figure `search`

// Writes `count` vectors that `make(first, count, out)` makes: float32, row after row, no header.
template <class Make>
Status write_vectors(const std::string& path, uint64_t count, const Make& make) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const size_t threads = std::max<size_t>(1, std::thread::hardware_concurrency());
  std::vector<float> values(std::min(count, kPieceRows) * kDim);
  for (uint64_t first = 0; first < count; first += kPieceRows) {
    const uint64_t rows = std::min(kPieceRows, count - first);
    DREAMDB_TRY(on_threads(threads, (rows + kShareRows - 1) / kShareRows, [&](size_t i) -> Status {
      const uint64_t at = i * kShareRows;
      make(first + at, std::min(kShareRows, rows - at), values.data() + at * kDim);
      return {};
    }));
    file.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(rows * kVectorBytes));
  }
  file.close();
  if (file.fail())
    return fail(Code::kExhausted, "cannot write " + path + ": is there space on the disk?");
  return {};
}

}  // namespace

// args: name of a preset, folder, number of vectors, number of queries of each kind. Writes
// base.f32, in.f32 (queries like the data) and out.f32 (like texts about it) into the folder.
Status vectors_job(std::span<const std::string> args) {
  if (args.size() != 4) return fail(Code::kInvalidArgument, "vectors: expected 4 arguments");
  const ClipPreset* preset = find_clip_preset(args[0]);
  if (preset == nullptr) {
    std::string names;
    for (const ClipPreset& each : clip_presets()) names.append(" ").append(each.name);
    return fail(Code::kInvalidArgument,
                "there is no preset \"" + args[0] + "\"; there are" + names);
  }
  const std::string& folder = args[1];
  const uint64_t rows = std::strtoull(args[2].c_str(), nullptr, 10);
  const uint64_t queries = std::strtoull(args[3].c_str(), nullptr, 10);
  std::filesystem::create_directories(folder);
  const ClipLike source(*preset, kDim, kSeed);
  const auto base = [&](auto... to) { source.vectors(to...); };
  const auto in = [&](auto... to) { source.queries_like_data(to...); };
  const auto out = [&](auto... to) { source.queries_like_text(to...); };
  DREAMDB_TRY(write_vectors(folder + "/base.f32", rows, base));
  DREAMDB_TRY(write_vectors(folder + "/in.f32", queries, in));
  DREAMDB_TRY(write_vectors(folder + "/out.f32", queries, out));
  const nlohmann::json line = {{"rows", rows}, {"queries", queries}, {"dim", kDim}};
  std::puts(line.dump().c_str());
  return {};
}

}  // namespace dreamdb::bench
