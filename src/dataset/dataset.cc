// Opening, making and naming datasets.
#include "dreamdb/dataset.h"

#include <algorithm>

#include "dataset/dataset_impl.h"
#include "runtime/thread_pool.h"
#include "store/locator.h"
#include "version/history.h"

namespace dreamdb {

namespace {

// A genesis and an empty first version.
Result<Committer::Built> first_version(Space& space, const Schema& schema, int64_t origin_ns,
                                       const WriteId& write) {
  const Genesis genesis{space.writer().nonce, origin_ns, space.runtime().now_ns()};
  Buffer body = write_genesis(genesis);
  const Address timeline = Address::of(body.span());
  Change change;
  change.operation = "create";
  change.edit = [&](Manifest& manifest) -> Status {
    manifest.timeline = timeline;
    manifest.schema = schema;
    return {};
  };
  Committer committer(space.objects(), space.runtime(), space.writer());
  DREAMDB_ASSIGN(Committer::Built built, committer.build(nullptr, change, write));
  built.objects.push_back({genesis_key(timeline), std::move(body)});
  return built;
}

Result<Address> parse_manifest_address(const std::string& text) {
  auto address = Address::parse(text);
  if (address) return address;
  return fail(Code::kInvalidArgument,
              "`" + text + "` is not a manifest: " + address.error().message);
}

RefInfo ref_info(const std::string& name, const Ref& ref) {
  return {name, ref.manifest.text(), ref.snapshot, ref.time_ns};
}

Result<std::vector<RefInfo>> list_refs_of(Store& store, std::string_view prefix,
                                          std::string_view start_after, size_t limit) {
  std::vector<RefInfo> out;
  std::string after = start_after.empty() ? "" : ref_key(start_after);
  while (out.size() < limit) {
    DREAMDB_ASSIGN(const ListPage page,
                   store.list(ref_key(prefix), after, std::min<size_t>(limit - out.size(), 1000)));
    std::vector<std::string> names;
    for (const ListedObject& object : page.objects) {
      // A listing that goes back would be repeated for ever, or miss what it jumped over.
      if (object.key <= after || !object.key.starts_with(ref_key(prefix)))
        return fail(Code::kUnavailable, "listing of " + ref_key(prefix) + " in " +
                                            store.describe() + " names " + object.key + " after " +
                                            after +
                                            ": out of order; try again, and let the "
                                            "server's operator know if it persists");
      after = object.key;
      names.push_back(object.key.substr(ref_key("").size()));
    }
    // One wave of single requests where a wave is what costs.
    std::vector<Result<LoadedRef>> loaded(names.size(), fail(Code::kInternal, "not loaded"));
    const auto load_one = [&](size_t i) { loaded[i] = load_ref(store, names[i]); };
    if (store.is_far()) {
      waiting_pool().parallel_for(names.size(), load_one);
    } else {
      for (size_t i = 0; i < names.size(); ++i) load_one(i);
    }
    for (size_t i = 0; i < names.size(); ++i) {
      if (!loaded[i] && loaded[i].error().code == Code::kNotFound) continue;  // deleted meanwhile
      if (!loaded[i]) return std::unexpected(std::move(loaded[i]).error());
      out.push_back(ref_info(names[i], loaded[i]->ref));
    }
    if (!page.more || page.objects.empty()) break;
  }
  return out;
}

}  // namespace

Dataset::Dataset(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

namespace {

// A name that a branch may have: `main@v1` is the snapshot v1 of main, and says that it never
// moves.
Status check_branch_name(std::string_view name) {
  DREAMDB_TRY(check_ref_name(name));
  if (name.find('@') == std::string_view::npos) return {};
  std::string other(name);
  std::replace(other.begin(), other.end(), '@', '-');
  return fail(Code::kInvalidArgument,
              "`" + std::string(name) +
                  "` is the name of a snapshot, which never moves; a branch has no @ in its name: "
                  "choose another, as " +
                  other + ", or make a snapshot");
}

// A snapshot of `main` is found by its label alone, where no ref has that name.
bool may_be_label(std::string_view name) {
  return name.find_first_of("@/") == std::string_view::npos && name != "main";
}

}  // namespace

Result<Dataset> Dataset::create(std::string_view locator, const Schema& schema,
                                const CreateOptions& options) {
  DREAMDB_ASSIGN(const Locator parsed, parse_locator(locator));
  DREAMDB_TRY(check_branch_name(parsed.ref));
  DREAMDB_ASSIGN(const auto space,
                 Space::open(parsed.store_url, options.cache_bytes, true, options.disk_cache));
  auto made = create_in(space, parsed.ref, schema, options);
  if (!made && options.cost_of_failure != nullptr) *options.cost_of_failure = space->stats();
  return made;
}

Result<Dataset> create_in(const std::shared_ptr<Space>& space, const std::string& ref,
                          const Schema& schema, const CreateOptions& options) {
  const auto existing = load_ref(space->objects().store(), ref);
  if (existing || existing.error().code != Code::kNotFound) {
    if (!existing) return std::unexpected(existing.error());
    return fail(Code::kAlreadyExists, "create: ref `" + ref + "` already exists in " +
                                          space->url() + "; open it, or choose another name");
  }
  const WriteId write = random_write_id(space->runtime());
  DREAMDB_ASSIGN(Committer::Built built, first_version(*space, schema, options.origin_ns, write));
  DREAMDB_TRY(space->objects().put(built.objects));
  const auto manifest = std::make_shared<const Manifest>(std::move(built.manifest));
  DREAMDB_ASSIGN(Tip tip, create_ref(space->objects(), space->runtime(), space->writer(), ref,
                                     built.address, manifest, false, write));
  return Dataset(std::make_shared<Dataset::Impl>(space, std::move(tip), false));
}

Result<Dataset> Dataset::open(std::string_view locator, const OpenOptions& options) {
  DREAMDB_ASSIGN(const Locator parsed, parse_locator(locator));
  DREAMDB_TRY(check_ref_name(parsed.ref));
  DREAMDB_ASSIGN(const auto space,
                 Space::open(parsed.store_url, options.cache_bytes, false, options.disk_cache));
  auto opened = open_in(space, parsed.ref, options);
  if (!opened && opened.error().code == Code::kNotFound && may_be_label(parsed.ref)) {
    auto labelled = open_in(space, "main@" + parsed.ref, options);
    if (labelled) opened = std::move(labelled);
  }
  if (!opened && options.cost_of_failure != nullptr) *options.cost_of_failure = space->stats();
  return opened;
}

Result<Dataset> open_in(const std::shared_ptr<Space>& space, const std::string& ref,
                        const OpenOptions& options) {
  Objects& objects = space->objects();
  if (!options.manifest && !options.time_ns) {
    DREAMDB_ASSIGN(Tip tip, load_tip(objects, ref));
    return Dataset(std::make_shared<Dataset::Impl>(space, std::move(tip), false));
  }
  VersionPoint point;
  if (options.manifest) {
    DREAMDB_ASSIGN(point.address, parse_manifest_address(*options.manifest));
    auto manifest = objects.manifest(point.address);
    if (!manifest && manifest.error().code == Code::kNotFound)
      return fail(Code::kNotFound, "object not found: manifest at " + manifest_key(point.address) +
                                       " in " + space->url());
    DREAMDB_ASSIGN(point.manifest, std::move(manifest));
  } else {
    DREAMDB_ASSIGN(const Tip tip, load_tip(objects, ref));
    point = {tip.address(), tip.manifest};
  }
  if (options.time_ns) {
    DREAMDB_ASSIGN(point, version_at_time(objects, std::move(point), *options.time_ns));
  }
  Tip tip;
  tip.name = "@" + point.address.text();
  tip.ref.manifest = point.address;
  tip.manifest = point.manifest;
  return Dataset(std::make_shared<Dataset::Impl>(space, std::move(tip), true));
}

const Schema& Dataset::schema() const { return impl_->schema(); }

std::string Dataset::locator() const { return impl_->space().url() + "@" + ref_name(); }

std::string Dataset::store_url() const { return impl_->space().url(); }

std::string Dataset::ref_name() const { return impl_->tip().name; }

std::string Dataset::manifest() const { return impl_->tip().address().text(); }

std::string Dataset::timeline() const { return impl_->manifest()->timeline.text(); }

bool Dataset::is_snapshot() const { return impl_->tip().ref.snapshot; }

uint64_t Dataset::generation() const { return impl_->manifest()->generation; }

Result<bool> Dataset::refresh() {
  if (impl_->pinned()) return false;
  const std::lock_guard lock(impl_->write_mutex());
  const Tip before = impl_->tip();
  DREAMDB_ASSIGN(LoadedRef loaded, load_ref(impl_->objects().store(), before.name));
  if (loaded.version == before.version) return false;
  DREAMDB_ASSIGN(ManifestPtr manifest, impl_->objects().manifest(loaded.ref.manifest));
  const bool moved = loaded.ref.manifest != before.address();
  Tip tip{before.name, loaded.ref, std::move(loaded.version), std::move(manifest)};
  DREAMDB_TRY(check_same_timeline(before, tip));
  impl_->set_tip(std::move(tip));
  return moved;
}

Result<RefInfo> Dataset::snapshot(std::string_view label) {
  const Tip tip = impl_->tip();
  if (impl_->pinned())
    return fail(Code::kDenied, "this handle is pinned to version " + tip.address().text() +
                                   " and has no ref to name a snapshot after; make a branch of it "
                                   "first");
  const std::string name = tip.name + "@" + std::string(label);
  DREAMDB_TRY(check_ref_name(std::string(label)));
  DREAMDB_TRY(check_ref_name(name));
  DREAMDB_ASSIGN(const Tip made, impl_->make_ref(name, true));
  return ref_info(name, made.ref);
}

Result<Dataset> Dataset::branch(std::string_view name) const {
  DREAMDB_TRY(check_branch_name(name));
  DREAMDB_ASSIGN(Tip made, impl_->make_ref(name, false));
  return Dataset(std::make_shared<Impl>(impl_->shared_space(), std::move(made), false));
}

Result<std::vector<RefInfo>> Dataset::list_refs(std::string_view prefix,
                                                std::string_view start_after, size_t limit) const {
  return list_refs_of(impl_->objects().store(), prefix, start_after, limit);
}

Status Dataset::delete_ref(std::string_view name) {
  DREAMDB_TRY(check_ref_name(name));
  Store& store = impl_->objects().store();
  std::string found(name);
  auto loaded = load_ref(store, found);
  if (!loaded && loaded.error().code == Code::kNotFound && may_be_label(name)) {
    auto labelled = load_ref(store, "main@" + found);
    if (labelled) {
      found = "main@" + found;
      loaded = std::move(labelled);
    }
  }
  if (!loaded) return std::unexpected(std::move(loaded).error());
  return dreamdb::delete_ref(store, impl_->space().runtime(), found, *loaded);
}

StoreStats Dataset::store_stats() const { return impl_->space().stats(); }

Result<std::vector<RefInfo>> list_refs(std::string_view store_url, std::string_view prefix,
                                       std::string_view start_after, size_t limit,
                                       StoreStats* stats) {
  DREAMDB_ASSIGN(const Locator parsed, parse_locator(store_url));
  DREAMDB_ASSIGN(const auto space, Space::open(parsed.store_url, 0, false));
  auto refs = list_refs_of(space->objects().store(), prefix, start_after, limit);
  if (stats != nullptr) *stats = space->stats();
  return refs;
}

}  // namespace dreamdb
