// Two maps behind one mutex: immutable objects and mutable keys.
#include "store/memory_store.h"

#include <algorithm>
#include <mutex>

#include "store/key.h"

namespace dreamdb {

namespace {

// Blocks are aligned inside their object, so the object must be: a block read from here is then
// as aligned in memory as one read from a file.
Buffer aligned(const Buffer& body) {
  constexpr uintptr_t kAlignment = 64;
  const bool is_aligned = reinterpret_cast<uintptr_t>(body.data()) % kAlignment == 0;
  return is_aligned ? body : Buffer::copy_of(body.span());
}

}  // namespace

MemoryStore::MemoryStore(std::string name, Runtime& runtime)
    : name_(std::move(name)), runtime_(runtime) {}

std::string MemoryStore::describe() const { return "memory://" + name_; }

std::vector<Result<Buffer>> MemoryStore::read_many(std::span<const ReadRequest> requests) {
  std::vector<Result<Buffer>> results;
  results.reserve(requests.size());
  const std::lock_guard lock(mutex_);
  for (const ReadRequest& request : requests) results.push_back(read_one(request));
  return results;
}

Result<Buffer> MemoryStore::read_one(const ReadRequest& request) const {
  DREAMDB_TRY(check_key(request.key));
  const auto found = objects_.find(request.key);
  if (found == objects_.end()) {
    return fail(Code::kNotFound, "object " + request.key + " is not in " + describe());
  }
  const Buffer& body = found->second.body;
  const size_t offset = static_cast<size_t>(std::min<uint64_t>(request.offset, body.size()));
  const size_t size = static_cast<size_t>(std::min<uint64_t>(request.size, body.size() - offset));
  return body.slice(offset, size);
}

std::vector<Status> MemoryStore::put_many(std::span<const PutRequest> requests) {
  std::vector<Status> results;
  std::vector<Buffer> bodies;
  results.reserve(requests.size());
  bodies.reserve(requests.size());
  for (const PutRequest& request : requests) bodies.push_back(aligned(request.body));
  const uint64_t now_ns = runtime_.now_ns();
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < requests.size(); ++i) {
    results.push_back(check_key(requests[i].key));
    if (!results.back()) continue;
    const auto [place, is_new] = objects_.try_emplace(requests[i].key);
    Entry& entry = place->second;
    if (is_new || entry.body.size() != bodies[i].size()) entry = {bodies[i], now_ns, 0};
  }
  return results;
}

Result<Loaded> MemoryStore::load(std::string_view key) {
  DREAMDB_TRY(check_key(key));
  const std::lock_guard lock(mutex_);
  const auto found = mutables_.find(key);
  if (found == mutables_.end()) {
    return fail(Code::kNotFound, "key " + std::string(key) + " is not in " + describe());
  }
  return Loaded{found->second.body, {std::to_string(found->second.sequence)}};
}

Result<Version> MemoryStore::swap(std::string_view key, const std::optional<Version>& expected,
                                  const Buffer& body) {
  DREAMDB_TRY(check_key(key));
  const uint64_t now_ns = runtime_.now_ns();
  const std::lock_guard lock(mutex_);
  DREAMDB_TRY(check_expected(key, expected));
  mutables_[std::string(key)] = {body, now_ns, ++last_sequence_};
  return Version{std::to_string(last_sequence_)};
}

Status MemoryStore::swap_delete(std::string_view key, const Version& expected) {
  DREAMDB_TRY(check_key(key));
  const std::lock_guard lock(mutex_);
  DREAMDB_TRY(check_expected(key, expected));
  mutables_.erase(mutables_.find(key));
  return {};
}

Status MemoryStore::check_expected(std::string_view key,
                                   const std::optional<Version>& expected) const {
  const auto found = mutables_.find(key);
  std::optional<Version> current;
  if (found != mutables_.end()) current = Version{std::to_string(found->second.sequence)};
  if (current == expected) return {};
  return fail(Code::kConflict, "key " + std::string(key) + " of " + describe() +
                                   (current ? " was changed by another writer"
                                            : " is gone, removed by another writer") +
                                   ": load it again and decide");
}

Result<ListPage> MemoryStore::list(std::string_view prefix, std::string_view start_after,
                                   size_t limit) {
  if (limit == 0) return fail(Code::kInvalidArgument, "list: the limit is 0, at least 1 is needed");
  ListPage page;
  const std::lock_guard lock(mutex_);
  const auto start = [&](const Entries& entries) {
    return start_after >= prefix ? entries.upper_bound(start_after) : entries.lower_bound(prefix);
  };
  auto object = start(objects_);
  auto mutable_key = start(mutables_);
  while (true) {
    const bool has_object = object != objects_.end() && object->first.starts_with(prefix);
    const bool has_mutable =
        mutable_key != mutables_.end() && mutable_key->first.starts_with(prefix);
    if (!has_object && !has_mutable) return page;
    if (page.objects.size() == limit) {
      page.more = true;
      return page;
    }
    const bool take_mutable = has_mutable && (!has_object || mutable_key->first <= object->first);
    if (take_mutable && has_object && mutable_key->first == object->first) ++object;
    auto& next = take_mutable ? mutable_key : object;
    page.objects.push_back({next->first, next->second.body.size(), next->second.time_ns});
    ++next;
  }
}

std::vector<Status> MemoryStore::delete_many(std::span<const std::string> keys) {
  std::vector<Status> results;
  results.reserve(keys.size());
  const std::lock_guard lock(mutex_);
  for (const std::string& key : keys) {
    results.push_back(check_key(key));
    if (results.back()) objects_.erase(key);
  }
  return results;
}

std::shared_ptr<Store> shared_memory_store(std::string_view name) {
  using Stores = std::map<std::string, std::shared_ptr<Store>, std::less<>>;
  static auto* const stores = new Stores;  // never destroyed: a store lives as long as the process
  static auto* const mutex = new ForkSafeMutex;
  {
    const std::lock_guard lock(*mutex);
    if (const auto found = stores->find(name); found != stores->end()) return found->second;
  }
  auto made = std::make_shared<MemoryStore>(std::string(name));  // outside: it makes a leaf lock
  const std::lock_guard lock(*mutex);
  return stores->try_emplace(std::string(name), std::move(made)).first->second;
}

}  // namespace dreamdb
