#include "bench/baseline.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>

#include "bench/figure.h"
#include "codec/address.h"
#include "store/posix_file.h"

namespace dreamdb::bench {

namespace {

constexpr uint64_t kWritePieceBytes = 4 << 20;
constexpr uint64_t kMemoryPieceBytes = 8 << 20;

// Keeps results alive that nobody reads, so that the work for them is done.
std::atomic<uint64_t> sink{0};

void hash_blocks(std::span<const std::byte> bytes, uint64_t block_bytes) {
  uint64_t sum = 0;
  for (uint64_t at = 0; at < bytes.size(); at += block_bytes) {
    const Hash hash = blake3(bytes.subspan(at, std::min(block_bytes, bytes.size() - at)));
    sum ^= static_cast<uint64_t>(hash[0]);
  }
  sink ^= sum;
}

Status write_at(int fd, std::span<const std::byte> bytes, uint64_t offset,
                const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t size = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return posix_error(errno, "write", path);
    bytes = bytes.subspan(static_cast<size_t>(size));
    offset += static_cast<uint64_t>(size);
  }
  return {};
}

typedef uint64_t Lanes __attribute__((vector_size(64)));

#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
uint64_t
sum_words(const std::byte* data, size_t size_bytes) {
  Lanes sums[8] = {};
  for (size_t at = 0; at + sizeof sums <= size_bytes; at += sizeof sums)
    for (size_t i = 0; i < 8; ++i) {
      Lanes lanes;
      std::memcpy(&lanes, data + at + i * sizeof lanes, sizeof lanes);
      sums[i] += lanes;
    }
  uint64_t total = 0;
  for (const Lanes& lanes : sums)
    for (size_t i = 0; i < sizeof lanes / 8; ++i) total += lanes[i];
  return total;
}

}  // namespace

Status on_threads(size_t threads, size_t pieces, const std::function<Status(size_t)>& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status first;
  std::vector<std::thread> running;
  for (size_t t = 0; t < threads; ++t)
    running.emplace_back([&] {
      for (size_t piece; (piece = next.fetch_add(1)) < pieces;) {
        Status status = work(piece);
        if (status) continue;
        const std::lock_guard lock(mutex);
        if (first) first = std::move(status);
        next = pieces;
      }
    });
  for (std::thread& thread : running) thread.join();
  return first;
}

Result<double> hash_and_write(const std::string& path, std::span<const std::byte> bytes,
                              uint64_t block_bytes, size_t threads) {
  return timed([&]() -> Status {
    DREAMDB_ASSIGN(const UniqueFd fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL));
    const uint64_t piece_bytes =
        std::max(block_bytes, kWritePieceBytes / block_bytes * block_bytes);
    DREAMDB_TRY(on_threads(
        threads, (bytes.size() + piece_bytes - 1) / piece_bytes, [&](size_t piece) -> Status {
          const uint64_t at = piece * piece_bytes;
          const auto part = bytes.subspan(at, std::min(piece_bytes, bytes.size() - at));
          hash_blocks(part, block_bytes);
          return write_at(fd.get(), part, at, path);
        }));
    DREAMDB_TRY(sync_file(fd.get(), path));
    return sync_directory(std::filesystem::path(path).parent_path());
  });
}

Result<double> read_and_hash(const std::vector<std::string>& files, uint64_t piece_bytes,
                             uint64_t block_bytes, size_t threads, uint64_t& total) {
  struct Piece {
    const std::string* path;
    int fd;
    uint64_t offset;
    size_t size;
  };
  std::vector<UniqueFd> opened;
  std::vector<Piece> pieces;
  total = 0;
  return timed([&]() -> Status {
    for (const std::string& path : files) {
      DREAMDB_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
      struct stat info{};
      if (fstat(fd.get(), &info) != 0) return posix_error(errno, "examine", path);
      const auto size = static_cast<uint64_t>(info.st_size);
      for (uint64_t at = 0; at < size; at += piece_bytes)
        pieces.push_back({&path, fd.get(), at, std::min(piece_bytes, size - at)});
      total += size;
      opened.push_back(std::move(fd));
    }
    return on_threads(threads, pieces.size(), [&](size_t i) -> Status {
      thread_local std::vector<std::byte> buffer;
      buffer.resize(piece_bytes);
      const Piece& piece = pieces[i];
      const std::span<std::byte> into(buffer.data(), piece.size);
      DREAMDB_TRY(read_at(piece.fd, piece.offset, into, *piece.path));
      hash_blocks(into, block_bytes);
      return {};
    });
  });
}

Result<double> read_scattered(const std::vector<std::string>& files, size_t blocks,
                              uint64_t block_bytes, size_t threads) {
  struct File {
    UniqueFd fd;
    uint64_t blocks;
  };
  std::vector<File> opened;
  for (const std::string& path : files) {
    DREAMDB_ASSIGN(UniqueFd fd, open_file(path, O_RDONLY));
    struct stat info{};
    if (fstat(fd.get(), &info) != 0) return posix_error(errno, "examine", path);
    const uint64_t whole = static_cast<uint64_t>(info.st_size) / block_bytes;
    if (whole > 0) opened.push_back({std::move(fd), whole});
  }
  constexpr size_t kBlocksAPiece = 16;
  return timed([&]() -> Status {
    return on_threads(threads, (blocks + kBlocksAPiece - 1) / kBlocksAPiece, [&](size_t piece) {
      thread_local std::vector<std::byte> buffer;
      buffer.resize(block_bytes);
      std::mt19937_64 random(piece);
      Status status;
      for (size_t i = piece * kBlocksAPiece;
           status && i < std::min(blocks, (piece + 1) * kBlocksAPiece); ++i) {
        const File& file = opened[random() % opened.size()];
        const uint64_t offset = random() % file.blocks * block_bytes;
        if (auto got = read_at(file.fd.get(), offset, buffer, "a segment"); !got)
          status = std::unexpected(std::move(got).error());
        hash_blocks(buffer, block_bytes);
      }
      return status;
    });
  });
}

std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  return files;
}

double read_memory(std::span<const std::byte> memory, size_t threads) {
  const double start = now_seconds();
  const size_t pieces = (memory.size() + kMemoryPieceBytes - 1) / kMemoryPieceBytes;
  [[maybe_unused]] const Status never_fails = on_threads(threads, pieces, [&](size_t i) -> Status {
    const uint64_t at = i * kMemoryPieceBytes;
    sink += sum_words(memory.data() + at, std::min<size_t>(kMemoryPieceBytes, memory.size() - at));
    return {};
  });
  return now_seconds() - start;
}

void settle_disk() { sync(); }

}  // namespace dreamdb::bench
