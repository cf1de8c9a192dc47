#include "dataset/space.h"

#include "store/locator.h"

namespace dreamdb {

Result<std::shared_ptr<Space>> Space::open(std::string_view store_url, uint64_t cache_bytes,
                                           bool create) {
  DREAMDB_ASSIGN(std::shared_ptr<Store> store, open_store(store_url, create));
  return on(std::move(store), std::string(store_url), cache_bytes);
}

std::shared_ptr<Space> Space::on(std::shared_ptr<Store> store, std::string url,
                                 uint64_t cache_bytes, Runtime& runtime) {
  auto space = std::make_shared<Space>();
  space->runtime_ = &runtime;
  space->url_ = std::move(url);
  space->store_ = std::make_shared<CountingStore>(std::move(store));
  space->objects_ = std::make_shared<Objects>(space->store_, cache_bytes);
  space->runtime().random(space->writer_.nonce);
  space->writer_.program = "dreamdb/" DREAMDB_VERSION;
  return space;
}

StoreStats Space::stats() const {
  const StoreCounts counts = store_->snapshot();
  StoreStats out;
  out.gets = counts.of(StoreOp::kGet);
  out.puts = counts.of(StoreOp::kPut);
  out.loads = counts.of(StoreOp::kLoad);
  out.swaps = counts.of(StoreOp::kSwap);
  out.lists = counts.of(StoreOp::kList);
  out.deletes = counts.of(StoreOp::kDelete);
  out.bytes_read = counts.read_bytes;
  out.bytes_written = counts.written_bytes;
  out.waves = counts.waves;
  return out;
}

}  // namespace dreamdb
