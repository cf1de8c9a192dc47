#include "dataset/space.h"

#include "dreamdb/size.h"
#include "store/locator.h"
#include "store/s3_credentials.h"
#include "store/wire_counts.h"

namespace dreamdb {

namespace {

constexpr uint64_t kDiskCacheBytes = 20'000'000'000;
constexpr uint64_t kNonceKeptNs = 900'000'000'000;  // S2.2: 15 minutes
constexpr const char* kFolderVariable = "DREAMDB_CACHE";
constexpr const char* kSizeVariable = "DREAMDB_CACHE_SIZE";

// `given` with what the environment says; an empty folder: no cache.
Result<DiskCache> with_environment(DiskCache given) {
  const Environment environment = process_environment();
  if (given.folder.empty()) given.folder = environment(kFolderVariable);
  if (given.folder.empty()) {
    if (given.size_bytes == 0) return given;
    return fail(
        Code::kInvalidArgument,
        std::string("a cache size was given, but no folder for the cache; give one, or set ") +
            kFolderVariable);
  }
  if (given.size_bytes != 0) return given;
  given.size_bytes = kDiskCacheBytes;
  const std::string text = environment(kSizeVariable);
  if (text.empty()) return given;
  auto size = parse_size(text);
  if (!size)
    return fail(Code::kInvalidArgument, std::string(kSizeVariable) + ": " + size.error().message);
  given.size_bytes = *size;
  return given;
}

}  // namespace

Result<std::shared_ptr<Space>> Space::open(std::string_view store_url, uint64_t cache_bytes,
                                           bool create, const DiskCache& disk_cache) {
  DREAMDB_ASSIGN(const DiskCache disk, with_environment(disk_cache));
  DREAMDB_ASSIGN(std::shared_ptr<Store> store, open_store(store_url, create));
  auto space = std::make_shared<Space>();
  space->url_ = store_url;
  space->store_ = std::make_shared<CountingStore>(std::move(store));
  if (!disk.folder.empty()) {
    CacheOptions options{.folder = disk.folder, .size_bytes = disk.size_bytes};
    DREAMDB_ASSIGN(space->disk_cache_, open_cache_store(space->store_, std::move(options)));
  }
  space->build(cache_bytes, real_runtime());
  return space;
}

std::shared_ptr<Space> Space::on(std::shared_ptr<Store> store, std::string url,
                                 uint64_t cache_bytes, Runtime& runtime) {
  auto space = std::make_shared<Space>();
  space->url_ = std::move(url);
  space->store_ = std::make_shared<CountingStore>(std::move(store));
  space->build(cache_bytes, runtime);
  return space;
}

void Space::build(uint64_t cache_bytes, Runtime& runtime) {
  runtime_ = &runtime;
  std::shared_ptr<Store> top = store_;
  if (disk_cache_) top = disk_cache_;
  objects_ = std::make_shared<Objects>(std::move(top), cache_bytes);
  runtime.random(writer_.nonce);
  nonce_drawn_ = moment_of(runtime);
  nonce_generation_ = fork_generation();
  writer_.program = "dreamdb/" DREAMDB_VERSION;
}

WriterIdentity Space::writer() {
  const Moment now = moment_of(*runtime_);
  {
    const std::lock_guard lock(writer_mutex_);
    const bool is_ours = nonce_generation_ == fork_generation();
    if (is_ours && ns_between(nonce_drawn_, now) <= kNonceKeptNs) return writer_;
  }
  Nonce fresh{};
  runtime_->random(fresh);
  const std::lock_guard lock(writer_mutex_);
  writer_.nonce = fresh;
  nonce_drawn_ = now;
  nonce_generation_ = fork_generation();
  return writer_;
}

StoreStats Space::stats() const {
  const StoreCounts counts = store_->snapshot();
  StoreStats out;
  add_asked(out, counts);
  if (disk_cache_) {
    const CacheCounts cache = disk_cache_->counts();
    out.cache_hits = cache.hits;
    out.cache_misses = cache.misses;
    out.cache_bytes_read = cache.read_bytes;
    out.cache_bytes_written = cache.stored_bytes;
    out.cache_damaged = cache.damaged;
  }
  add_sent(out, store_->wire());
  return out;
}

}  // namespace dreamdb
