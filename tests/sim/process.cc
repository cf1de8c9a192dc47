#include "tests/sim/process.h"

#include <cstring>

namespace dreamdb::sim {

void SimRuntime::random(std::span<std::byte> out) {
  while (!out.empty()) {
    const uint64_t word = random_();
    const size_t size = std::min(out.size(), sizeof(word));
    std::memcpy(out.data(), &word, size);
    out = out.subspan(size);
  }
}

void StepStore::step(StoreOp op, std::string_view key) {
  if ((at_ & ops(op)) == 0) return;
  scheduler_.step(std::string(store_op_name(op)) + " " + std::string(key));
}

std::vector<Result<Buffer>> StepStore::read_many(std::span<const ReadRequest> requests) {
  if (!requests.empty()) step(StoreOp::kGet, requests[0].key);
  return inner_->read_many(requests);
}

std::vector<Status> StepStore::put_many(std::span<const PutRequest> requests) {
  if (!requests.empty()) step(StoreOp::kPut, requests[0].key);
  for (const PutRequest& request : requests) witness_.before_put(request.key);
  return inner_->put_many(requests);
}

Result<Loaded> StepStore::load(std::string_view key) {
  step(StoreOp::kLoad, key);
  return inner_->load(key);
}

Result<Version> StepStore::swap(std::string_view key, const std::optional<Version>& expected,
                                const Buffer& body) {
  step(StoreOp::kSwap, key);
  auto swapped = inner_->swap(key, expected, body);
  if (swapped) witness_.swapped(std::string(key));
  return swapped;
}

Status StepStore::swap_delete(std::string_view key, const Version& expected) {
  step(StoreOp::kSwap, key);
  Status deleted = inner_->swap_delete(key, expected);
  if (deleted) witness_.swapped(std::string(key));
  return deleted;
}

Result<ListPage> StepStore::list(std::string_view prefix, std::string_view start_after,
                                 size_t limit) {
  step(StoreOp::kList, prefix);
  return inner_->list(prefix, start_after, limit);
}

std::vector<Status> StepStore::delete_many(std::span<const std::string> keys) {
  if (!keys.empty()) step(StoreOp::kDelete, keys[0]);
  return inner_->delete_many(keys);
}

}  // namespace dreamdb::sim
