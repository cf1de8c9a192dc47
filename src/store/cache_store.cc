#include "store/cache_store.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>

#include "runtime/fork.h"
#include "runtime/thread_pool.h"
#include "store/key.h"

namespace dreamdb {

namespace {

constexpr uint64_t kPauseNs = 30'000'000'000;  // after a failure that others may mend
constexpr std::array<std::string_view, 4> kContentFolders = {"genesis/", "manifests/", "pages/",
                                                             "segments/"};

void warn(const CacheOptions& options, const std::string& message) {
  if (options.warn)
    options.warn(message);
  else
    std::fprintf(stderr, "dreamdb: warning: %s\n", message.c_str());
}

// A disk that is full, read-only or another user's is no reason not to read; a folder that cannot
// be one, such as a file, is a mistake in its name.
bool goes_without_cache(const Error& error) {
  return error.code == Code::kExhausted || error.code == Code::kDenied;
}

// Many handles of a process may be opened with one cache.
bool is_first_warning_of(const std::string& folder) {
  static ForkSafeMutex mutex;
  static std::set<std::string> folders;
  const std::lock_guard lock(mutex);
  return folders.insert(folder).second;
}

}  // namespace

bool is_content_key(std::string_view key) {
  return std::any_of(kContentFolders.begin(), kContentFolders.end(), [&](std::string_view folder) {
    return key.starts_with(folder) && Address::parse(key.substr(folder.size()));
  });
}

// A span of grains, what the disk has of it, and what it becomes.
struct CacheStore::Reading {
  GrainSpan span;
  Hash name{};
  CachedGrains cached;
  std::vector<MissingGrains> missing;
  size_t first_asked = 0;   // of `missing`, among the requests to the store
  uint64_t disk_bytes = 0;  // of `bytes`
  Result<Buffer> bytes;     // from the span's first byte to its end, or the object's
};

Result<std::shared_ptr<CacheStore>> open_cache_store(std::shared_ptr<Store> inner,
                                                     CacheOptions options) {
  if (options.folder.empty())
    return fail(Code::kInvalidArgument, "the cache needs a folder on a local disk");
  if (options.size_bytes < kCacheBytesMin)
    return fail(Code::kInvalidArgument,
                "a cache of " + std::to_string(options.size_bytes) + " bytes is too small; give " +
                    std::to_string(kCacheBytesMin >> 20) + " MiB at least, for example 20GB");
  std::error_code error;
  const std::filesystem::path full = std::filesystem::absolute(options.folder, error);
  if (error)
    return fail(Code::kInvalidArgument, "cannot make the cache folder \"" +
                                            printable(options.folder) +
                                            "\" absolute: " + error.message());
  // The working directory may change later.
  const std::string path = full.lexically_normal().string();
  auto folder = CacheFolder::open(path, *options.runtime);
  if (!folder && goes_without_cache(folder.error())) {
    if (is_first_warning_of(path))
      warn(options, "reading goes on without the cache in " + path + ": " + folder.error().message);
    return nullptr;
  }
  if (!folder) return std::unexpected(std::move(folder).error());
  return std::make_shared<CacheStore>(std::move(inner), *std::move(folder), std::move(options));
}

CacheStore::CacheStore(std::shared_ptr<Store> inner, CacheFolder folder, CacheOptions options)
    : inner_(std::move(inner)),
      folder_(std::move(folder)),
      usage_(folder_.root(), options.size_bytes, *options.runtime),
      options_(std::move(options)),
      identity_(inner_->identity()) {}

CacheCounts CacheStore::counts() const {
  return {hits_, misses_, read_bytes_, stored_bytes_, damaged_};
}

void CacheStore::look_up(Reading& reading) {
  reading.name = CacheFolder::name_of(identity_, reading.span.key);
  reading.cached = folder_.load(reading.name, reading.span.first, reading.span.count);
  reading.missing = missing_grains(reading.cached.sizes, reading.span.count);
  damaged_ += reading.cached.damaged;
}

std::vector<Result<Buffer>> CacheStore::read_many(std::span<const ReadRequest> requests) {
  std::vector<bool> kept(requests.size());
  for (size_t i = 0; i < requests.size(); ++i)
    kept[i] = check_key(requests[i].key) && options_.keeps(requests[i].key);
  const CachePlan plan = plan_cache(requests, kept);
  std::vector<Reading> readings(plan.spans.size());
  shared_pool().parallel_for(readings.size(), [&](size_t i) {
    readings[i].span = plan.spans[i];
    look_up(readings[i]);
  });

  std::vector<ReadRequest> asked;
  for (Reading& reading : readings) {
    reading.first_asked = asked.size();
    for (const MissingGrains& missing : reading.missing) {
      ReadRequest request{std::string(reading.span.key),
                          (reading.span.first + missing.first) * kGrainBytes};
      if (missing.count != kToTheEnd) request.size = missing.count * kGrainBytes;
      asked.push_back(std::move(request));
    }
  }
  const size_t grain_requests = asked.size();
  for (size_t i = 0; i < requests.size(); ++i)
    if (plan.places[i] == CachePlan::kNone) asked.push_back(requests[i]);
  std::vector<Result<Buffer>> replies;
  if (!asked.empty()) replies = inner_->read_many(asked);
  const auto grain_replies = std::span(replies).first(grain_requests);

  for (Reading& reading : readings) {
    put_together(reading, grain_replies, asked);
    read_bytes_ += reading.disk_bytes;
  }
  if (grain_requests > 0) keep(readings, grain_replies, asked);

  std::vector<Result<Buffer>> results(requests.size());
  for (size_t i = 0, passed = grain_requests; i < requests.size(); ++i) {
    if (plan.places[i] == CachePlan::kNone) {
      results[i] = std::move(replies[passed++]);
      continue;
    }
    const Reading& reading = readings[plan.places[i]];
    ++(reading.missing.empty() ? hits_ : misses_);
    if (!reading.bytes) {
      results[i] = reading.bytes;
      continue;
    }
    const Buffer& whole = *reading.bytes;
    const uint64_t begin =
        std::min<uint64_t>(requests[i].offset - reading.span.offset(), whole.size());
    const Buffer part = whole.slice(begin, std::min(requests[i].size, whole.size() - begin));
    // Do not keep alive what nobody asked for.
    const bool is_sparse = reading.span.wanted < whole.size() / 4 * 3;
    results[i] = is_sparse ? Buffer::copy_of(part.span()) : part;
  }
  return results;
}

void CacheStore::put_together(Reading& reading, std::span<Result<Buffer>> replies,
                              std::span<const ReadRequest> asked) {
  const CachedGrains& cached = reading.cached;
  const uint64_t cached_size =
      cached.sizes.empty()
          ? 0
          : (cached.sizes.size() - 1) * kGrainBytes + static_cast<uint64_t>(cached.sizes.back());
  std::vector<Buffer> parts;
  uint64_t at = 0;  // in the span
  bool is_end = false;
  for (size_t m = 0; m < reading.missing.size() && !is_end; ++m) {
    const size_t index = reading.first_asked + m;
    if (!replies[index]) {
      reading.bytes = std::unexpected(replies[index].error());
      return;
    }
    const uint64_t begin = reading.missing[m].first * kGrainBytes;
    if (at < begin) {
      parts.push_back(cached.bytes.slice(at, begin - at));
      reading.disk_bytes += begin - at;
    }
    parts.push_back(*replies[index]);
    is_end = replies[index]->size() < asked[index].size;
    at = begin + replies[index]->size();
  }
  if (!is_end && at < cached_size) {
    parts.push_back(cached.bytes.slice(at, cached_size - at));
    reading.disk_bytes += cached_size - at;
  }
  if (parts.size() == 1) {
    reading.bytes = std::move(parts.front());
    return;
  }
  size_t size = 0;
  for (const Buffer& part : parts) size += part.size();
  MutableBuffer whole(size);
  std::byte* to = whole.data();
  for (const Buffer& part : parts) to = std::copy_n(part.data(), part.size(), to);
  reading.bytes = std::move(whole).freeze();
}

void CacheStore::keep(std::span<const Reading> readings, std::span<const Result<Buffer>> replies,
                      std::span<const ReadRequest> asked) {
  if (options_.runtime->monotonic_ns() < paused_until_ns_) return;
  struct Piece {
    const Reading* reading;
    uint64_t first;
    std::span<const std::byte> bytes;
    bool is_end;
  };
  std::vector<Piece> pieces;
  uint64_t cost = 0;
  for (const Reading& reading : readings) {
    for (size_t m = 0; m < reading.missing.size(); ++m) {
      const size_t index = reading.first_asked + m;
      if (!replies[index]) continue;
      const Buffer& body = *replies[index];
      // Where an empty reply lies, only the start of an object says.
      const uint64_t first = reading.span.first + reading.missing[m].first;
      const bool is_end = body.size() < asked[index].size && (!body.empty() || first == 0);
      if (body.empty() && !is_end) continue;
      const uint64_t more = CacheFolder::cost_of(first, body.size(), is_end);
      if (cost + more > usage_.limit_bytes() / 10 * 9) continue;  // the rest may be kept next time
      cost += more;
      pieces.push_back({&reading, first, body.span(), is_end});
    }
  }
  if (pieces.empty()) return;
  if (const Status taken = usage_.take(cost); !taken) return pause(taken.error());
  std::vector<Status> statuses(pieces.size());
  shared_pool().parallel_for(pieces.size(), [&](size_t i) {
    const Piece& piece = pieces[i];
    statuses[i] = folder_.save(piece.reading->name, piece.first, piece.bytes, piece.is_end);
    if (statuses[i]) stored_bytes_ += piece.bytes.size();
  });
  for (const Status& status : statuses)
    if (!status) return pause(status.error());
}

void CacheStore::pause(const Error& error) {
  paused_until_ns_ = options_.runtime->monotonic_ns() + kPauseNs;
  if (has_warned_.exchange(true)) return;
  warn(options_,
       "reading goes on without adding to the cache in " + folder_.root() + ": " + error.message);
}

std::vector<Status> CacheStore::delete_many(std::span<const std::string> keys) {
  std::vector<Status> statuses = inner_->delete_many(keys);
  forget(keys);
  return statuses;
}

void CacheStore::forget(std::span<const std::string> keys) {
  std::vector<Hash> names;
  for (const std::string& key : keys)
    if (options_.keeps(key)) names.push_back(CacheFolder::name_of(identity_, key));
  folder_.remove(names);
  inner_->forget(keys);
}

}  // namespace dreamdb
