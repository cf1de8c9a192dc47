#include "tests/corruption/patch_store.h"

#include <algorithm>

namespace dreamdb::corruption {

namespace {

Status refuse() { return fail(Code::kUnsupported, "this store of a test is read-only"); }

}  // namespace

Result<std::shared_ptr<PatchStore>> PatchStore::copy_of(Store& source) {
  auto store = std::make_shared<PatchStore>();
  std::string after;
  for (;;) {
    DREAMDB_ASSIGN(const ListPage page, source.list("", after, 1000));
    for (const ListedObject& object : page.objects) {
      if (object.key.starts_with("refs/")) {
        DREAMDB_ASSIGN(const Loaded loaded, source.load(object.key));
        store->objects_[object.key] = loaded.body;
      } else {
        const ReadRequest request{.key = object.key};
        DREAMDB_ASSIGN(store->objects_[object.key], source.read_many({&request, 1})[0]);
      }
      after = object.key;
    }
    if (!page.more) return store;
  }
}

void PatchStore::set_patch(const std::string& key, std::optional<Buffer> body) {
  patches_.clear();
  add_patch(key, std::move(body));
}

void PatchStore::add_patch(const std::string& key, std::optional<Buffer> body) {
  patches_[key] = std::move(body);
}

Result<Buffer> PatchStore::find(const std::string& key) const {
  const auto patch = patches_.find(key);
  if (patch != patches_.end() && patch->second) return *patch->second;
  const auto object = objects_.find(key);
  if (patch == patches_.end() && object != objects_.end()) return object->second;
  return fail(Code::kNotFound, "object " + key + " is not in " + describe());
}

std::vector<Result<Buffer>> PatchStore::read_many(std::span<const ReadRequest> requests) {
  std::vector<Result<Buffer>> results;
  for (const ReadRequest& request : requests) {
    auto body = find(request.key);
    if (body) {
      const uint64_t offset = std::min<uint64_t>(request.offset, body->size());
      // A copy of its own size, so that a read beyond the end is seen by the sanitizer.
      body = Buffer::copy_of(
          body->slice(offset, std::min<uint64_t>(request.size, body->size() - offset)).span());
    }
    results.push_back(std::move(body));
  }
  return results;
}

Result<Loaded> PatchStore::load(std::string_view key) {
  DREAMDB_ASSIGN(Buffer body, find(std::string(key)));
  return Loaded{std::move(body), {"1"}};
}

Result<ListPage> PatchStore::list(std::string_view prefix, std::string_view start_after,
                                  size_t limit) {
  ListPage page;
  for (const auto& [key, body] : objects_) {
    if (!key.starts_with(prefix) || key <= start_after) continue;
    page.more = page.objects.size() == limit;
    if (page.more) break;
    page.objects.push_back({key, body.size(), 0});
  }
  return page;
}

std::vector<Status> PatchStore::put_many(std::span<const PutRequest> requests) {
  return std::vector<Status>(requests.size(), refuse());
}

Result<Version> PatchStore::swap(std::string_view, const std::optional<Version>&, const Buffer&) {
  return std::unexpected(refuse().error());
}

Status PatchStore::swap_delete(std::string_view, const Version&) { return refuse(); }

std::vector<Status> PatchStore::delete_many(std::span<const std::string> keys) {
  return std::vector<Status>(keys.size(), refuse());
}

Buffer flip_bit(const Buffer& body, size_t byte, unsigned bit) {
  MutableBuffer copy(body.size());
  std::copy(body.span().begin(), body.span().end(), copy.data());
  copy.span()[byte] ^= std::byte{1} << bit;
  return std::move(copy).freeze();
}

}  // namespace dreamdb::corruption
