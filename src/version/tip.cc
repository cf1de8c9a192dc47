#include "version/tip.h"

#include <algorithm>

#include "dreamdb/interrupt.h"

namespace dreamdb {

namespace {

// A pause is slept in parts: whoever asks to stop is heard within one.
constexpr uint64_t kPauseHeardNs = 50'000'000;

// Worth another try; only after OutcomeUnknown it may have taken place.
bool is_unanswered(const Error& error) {
  return error.code == Code::kOutcomeUnknown || error.code == Code::kUnavailable;
}

}  // namespace

bool Pauses::wait() {
  uint64_t draw = 0;
  runtime_.random(std::as_writable_bytes(std::span(&draw, 1)));
  uint64_t left_ns = pause_ns_ / 2 + draw % (pause_ns_ / 2);
  pause_ns_ =
      std::min({2 * pause_ns_, kLongestNs, std::max(kFirstNs, budget_ns_ / kLongestOfBudget)});
  if (runtime_.monotonic_ns() - begin_ns_ + left_ns > budget_ns_) return false;
  for (; left_ns > 0; left_ns -= std::min(left_ns, kPauseHeardNs)) {
    if (!check_interrupt()) return false;
    runtime_.sleep_ns(std::min(left_ns, kPauseHeardNs));
  }
  return check_interrupt().has_value();
}

WriteId random_write_id(Runtime& runtime) {
  WriteId id{};
  runtime.random(id);
  return id;
}

namespace {

Result<Tip> with_manifest(Objects& objects, std::string_view name, LoadedRef loaded) {
  auto manifest = objects.manifest(loaded.ref.manifest);
  if (!manifest) {
    Error error = std::move(manifest).error();
    if (error.code == Code::kNotFound) error.code = Code::kCorruption;
    error.message += " (ref `" + std::string(name) + "` names it)";
    return std::unexpected(std::move(error));
  }
  return Tip{std::string(name), loaded.ref, std::move(loaded.version), *std::move(manifest)};
}

}  // namespace

Result<LoadedRef> load_ref(Store& store, std::string_view name) {
  const std::string key = ref_key(name);
  auto loaded = store.load(key);
  if (!loaded) {
    if (loaded.error().code != Code::kNotFound) return std::unexpected(std::move(loaded).error());
    const std::string plain = "key " + key + " is not in " + store.describe();
    const std::string_view said = loaded.error().message;
    return fail(Code::kNotFound,
                "dataset `" + std::string(name) + "` not found in " + store.describe() +
                    "; create it first, or list the refs there are" +
                    std::string(said.substr(said.starts_with(plain) ? plain.size() : said.size())));
  }
  DREAMDB_ASSIGN(const Ref ref, parse_ref(loaded->body.span(), key));
  return LoadedRef{ref, std::move(loaded->version)};
}

Result<Tip> load_tip(Objects& objects, std::string_view name) {
  DREAMDB_ASSIGN(LoadedRef loaded, load_ref(objects.store(), name));
  return with_manifest(objects, name, std::move(loaded));
}

Result<Tip> tip_of(Objects& objects, std::string_view name, Loaded loaded) {
  DREAMDB_ASSIGN(const Ref ref, parse_ref(loaded.body.span(), ref_key(name)));
  return with_manifest(objects, name, {ref, std::move(loaded.version)});
}

Status check_same_timeline(const Tip& before, const Tip& moved) {
  if (before.manifest->timeline == moved.manifest->timeline) return {};
  return fail(Code::kConflict, "ref `" + before.name +
                                   "` was deleted and made anew as another dataset; open it again");
}

Result<Tip> create_ref(Objects& objects, Runtime& runtime, const WriterIdentity& writer,
                       std::string_view name, const Address& manifest, const ManifestPtr& parsed,
                       bool snapshot, const WriteId& write) {
  const Ref ref{writer.nonce, manifest, 0, write, snapshot, runtime.now_ns(), {}};
  const Buffer body = write_ref(ref);
  Pauses pauses(runtime, objects.store());
  bool unclear = false;
  for (;;) {
    auto swapped = objects.store().swap(ref_key(name), std::nullopt, body);
    if (swapped) return Tip{std::string(name), ref, *std::move(swapped), parsed};
    if (swapped.error().code != Code::kConflict && !is_unanswered(swapped.error()))
      return std::unexpected(std::move(swapped).error());
    const bool is_lost = swapped.error().code == Code::kConflict;
    unclear = unclear || (!is_lost && swapped.error().code != Code::kUnavailable);
    auto found = load_ref(objects.store(), name);
    if (found && found->ref.write == write)
      return Tip{std::string(name), found->ref, std::move(found->version), parsed};
    if (found && unclear)
      return fail(Code::kOutcomeUnknown,
                  "ref `" + std::string(name) +
                      "` is there, and the store did not say whether it was made before others "
                      "moved it, or by others; look at it");
    if (found)
      return fail(Code::kAlreadyExists, std::string(snapshot ? "snapshot `" : "ref `") +
                                            std::string(name) + "` already exists in " +
                                            objects.store().describe() +
                                            "; open it, or choose another name");
    // It may be our own write that was in the way: who cannot read what is there asks again.
    if (is_lost && found.error().code != Code::kNotFound && !is_unanswered(found.error()))
      return std::unexpected(std::move(found).error());
    unclear = unclear || is_lost;
    if (pauses.wait()) continue;
    if (!unclear)
      return fail(Code::kUnavailable,
                  "ref `" + std::string(name) + "` was not made: " + swapped.error().message);
    return fail(Code::kOutcomeUnknown,
                "ref `" + std::string(name) + "`: the store did not say whether it was made (" +
                    swapped.error().message + "); list the refs to find out");
  }
}

Status delete_ref(Store& store, Runtime& runtime, std::string_view name, const LoadedRef& loaded) {
  Pauses pauses(runtime, store);
  bool unclear = false;
  for (;;) {
    Status deleted = store.swap_delete(ref_key(name), loaded.version);
    if (deleted) return {};
    const Error cause = std::move(deleted).error();
    const bool lost = cause.code == Code::kConflict;
    if (!lost && !is_unanswered(cause)) return std::unexpected(cause);
    // Our own deletion whose reply was lost looks like a rival's. Gone is gone.
    const auto found = load_ref(store, name);
    if (!found && found.error().code == Code::kNotFound) return {};
    unclear = unclear || cause.code == Code::kOutcomeUnknown;
    const bool has_moved = found && found->version != loaded.version;
    if (has_moved && unclear)
      return fail(Code::kOutcomeUnknown,
                  "ref `" + std::string(name) +
                      "` is another one now, and the store did not say whether it was deleted "
                      "before; look at it");
    if (has_moved)
      return fail(Code::kConflict, "ref `" + std::string(name) +
                                       "` moved while it was to be deleted; look at it and try "
                                       "again");
    if (!pauses.wait())
      return fail(Code::kOutcomeUnknown, "ref `" + std::string(name) +
                                             "`: the store did not say whether it was deleted (" +
                                             cause.message + "); list the refs to find out");
  }
}

}  // namespace dreamdb
