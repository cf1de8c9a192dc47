#include "store/turn_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "codec/cbor.h"
#include "runtime/interrupt.h"
#include "store/digest.h"
#include "store/key.h"
#include "store/posix_file.h"
#include "store/turn_folder.h"

namespace dreamdb {

namespace {

constexpr size_t kObjectBytesMax = 128 << 10;
constexpr size_t kOverheadBytesMax = 1 << 10;  // of an item: its key and lengths
constexpr size_t kIdSize = 16;
constexpr std::string_view kAwaited = "await:";  // no store has such tokens
constexpr std::string_view kLost = "lost";
constexpr std::string_view kWon = "won:";
constexpr size_t kDoneBytesMax = 4096;
constexpr uint64_t kAwaitNs = 2'000'000'000;
constexpr uint64_t kAwaitPauseNs = 200'000;

std::string done_path(const std::string& directory, std::string_view id) {
  return directory + "/~done-" + std::string(id);
}

// The file that `tell` writes; empty when it is not there (yet).
std::string read_done(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY | O_NOFOLLOW);
  if (!fd) return "";
  std::string text(kDoneBytesMax, '\0');
  const auto size = read_at(fd->get(), 0, std::as_writable_bytes(std::span(text)), path);
  text.resize(size ? *size : 0);
  return text;
}

bool is_id(std::string_view text) { return text.size() == kIdSize && is_hex(text); }

// Data is not read to build on a version; pages and manifests are.
bool is_structure(std::string_view key) { return !key.starts_with("segments/"); }

// The same address may be another server in another network of this machine.
std::string network_of_process() {
  std::array<char, 64> name{};
  const ssize_t size = readlink("/proc/self/ns/net", name.data(), name.size());
  return size > 0 ? std::string(name.data(), static_cast<size_t>(size)) : "";
}

}  // namespace

std::optional<std::vector<std::byte>> write_turn_note(const TurnNote& note) {
  size_t size = note.body.size() + note.id.size() + kOverheadBytesMax;
  if (size > kTurnNoteMax) return std::nullopt;
  std::vector<const PutRequest*> kept;
  // The last ones first: with several versions at once they are those of the tip.
  for (auto at = note.objects.rbegin(); at != note.objects.rend(); ++at) {
    const PutRequest& object = *at;
    const size_t more = object.body.size() + object.key.size() + kOverheadBytesMax;
    if (!is_structure(object.key) || object.body.size() > kObjectBytesMax ||
        size + more > kTurnNoteMax)
      continue;
    size += more;
    kept.push_back(&object);
  }
  CborWriter out;
  out.array(2 + 2 * kept.size());
  out.text(note.id);
  out.bytes(note.body.span());
  for (const PutRequest* object : kept) {
    out.text(object->key);
    out.bytes(object->body.span());
  }
  return std::move(out).take();
}

std::optional<TurnNote> parse_turn_note(const Buffer& bytes) {
  TurnNote note;
  CborReader in(bytes.span());
  const auto slice = [&](std::span<const std::byte> part) {
    return bytes.slice(static_cast<size_t>(part.data() - bytes.data()), part.size());
  };
  const auto count = in.array();
  if (!count || *count < 2 || *count % 2 != 0) return std::nullopt;
  const auto id = in.text();
  const auto body = id ? in.bytes() : fail(Code::kCorruption, "");
  if (!body || !is_id(*id)) return std::nullopt;
  note.id = *id;
  note.body = slice(*body);
  for (uint64_t i = 2; i < *count; i += 2) {
    const auto key = in.text();
    const auto object = key ? in.bytes() : fail(Code::kCorruption, "");
    if (!object || !check_key(*key)) return std::nullopt;
    note.objects.push_back({std::string(*key), slice(*object)});
  }
  if (!in.end() || !in.finish()) return std::nullopt;
  return note;
}

// A turn on a file of this machine; what is ahead stands in its note.
class TurnStore::NotedTurn final : public Turn {
 public:
  NotedTurn(TurnStore& store, std::string directory, std::unique_ptr<FolderTurn> turn)
      : store_(store),
        directory_(std::move(directory)),
        turn_(std::move(turn)),
        note_(parse_turn_note(turn_->note())) {
    if (!note_) return;
    const std::lock_guard lock(store_.mutex_);
    store_.told_before_[directory_] = done_path(directory_, note_->id);
  }

  std::optional<Loaded> ahead() override {
    if (!note_) return std::nullopt;
    Version version{std::string(kAwaited) + note_->id};
    const std::string done = read_done(done_path(directory_, note_->id));
    if (done == kLost) return std::nullopt;
    if (done.starts_with(kWon)) version.token = done.substr(kWon.size());
    const std::lock_guard lock(store_.mutex_);
    store_.at_hand_.clear();
    for (const PutRequest& object : note_->objects)
      store_.at_hand_.emplace(object.key, object.body);
    return Loaded{note_->body, std::move(version)};
  }

  std::vector<Offer> take_offers() override {
    return take_in_turn(*turn_, OfferBox(directory_), store_.runtime_);
  }

  void answer(const Offer& offer, const Buffer& body) override {
    OfferBox(directory_).answer(offer, body);
  }

 private:
  TurnStore& store_;
  const std::string directory_;
  const std::unique_ptr<FolderTurn> turn_;
  const std::optional<TurnNote> note_;
};

TurnStore::TurnStore(std::shared_ptr<Store> inner, std::string_view place, std::string folder,
                     Runtime& runtime)
    : inner_(std::move(inner)),
      place_(std::string(place) + "\n" + network_of_process()),
      folder_(std::move(folder)),
      runtime_(runtime) {}

std::string TurnStore::directory_of(std::string_view key) const {
  if (folder_.empty() || !check_key(key)) return "";
  constexpr size_t kDigits = 32;
  std::string text = place_;
  text.append("\n").append(key);
  return folder_ + "/" + hex_text(sha256(text)).substr(0, kDigits);
}

std::vector<Result<Buffer>> TurnStore::read_many(std::span<const ReadRequest> requests) {
  std::vector<Result<Buffer>> results(requests.size());
  std::vector<ReadRequest> asked;
  std::vector<size_t> places;
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < requests.size(); ++i) {
      const ReadRequest& request = requests[i];
      const auto found = at_hand_.find(request.key);
      if (found == at_hand_.end()) {
        asked.push_back(request);
        places.push_back(i);
        continue;
      }
      const Buffer& body = found->second;
      const uint64_t begin = std::min<uint64_t>(request.offset, body.size());
      results[i] = body.slice(begin, std::min<uint64_t>(request.size, body.size() - begin));
    }
  }
  if (asked.empty()) return results;
  auto replies = inner_->read_many(asked);
  for (size_t k = 0; k < replies.size(); ++k) results[places[k]] = std::move(replies[k]);
  return results;
}

std::vector<Status> TurnStore::put_many(std::span<const PutRequest> requests) {
  return inner_->put_many(requests);
}

Result<std::optional<Version>> TurnStore::resolve(std::string_view key,
                                                  const std::optional<Version>& expected) {
  if (!expected || !expected->token.starts_with(kAwaited)) return expected;
  const auto never = [&] {
    return fail(Code::kConflict, "what the writer before this one was about to write to " +
                                     std::string(key) + " in " + describe() + " did not come");
  };
  {
    const std::lock_guard lock(mutex_);
    if (resolved_ && resolved_->first == *expected) return std::optional(resolved_->second);
  }
  const std::string_view id = std::string_view(expected->token).substr(kAwaited.size());
  if (!is_id(id)) return never();
  const std::string path = done_path(directory_of(key), id);
  const uint64_t begin_ns = runtime_.monotonic_ns();
  std::string done;
  while ((done = read_done(path)).empty()) {
    if (runtime_.monotonic_ns() - begin_ns > kAwaitNs) return never();
    DREAMDB_TRY(check_interrupt());
    runtime_.sleep_ns(kAwaitPauseNs);
  }
  if (!done.starts_with(kWon)) return never();
  const Version version{done.substr(kWon.size())};
  const std::lock_guard lock(mutex_);
  resolved_ = {*expected, version};
  return std::optional(version);
}

void TurnStore::tell(const std::string& directory, const std::string& id,
                     const std::optional<Version>& version) {
  const std::string path = done_path(directory, id);
  const std::string text = version ? std::string(kWon) + version->token : std::string(kLost);
  // Whoever waits for what cannot be written gives up after a while.
  if (text.size() >= kDoneBytesMax ||
      !write_turn_file(path + "~", path, std::as_bytes(std::span(text))))
    return;
  const std::lock_guard lock(mutex_);
  const auto before = told_before_.find(directory);
  if (before == told_before_.end()) return;
  unlink(before->second.c_str());
  told_before_.erase(before);
}

Result<Version> TurnStore::swap(std::string_view key, const std::optional<Version>& expected,
                                const Buffer& body) {
  DREAMDB_ASSIGN(const std::optional<Version> known, resolve(key, expected));
  return inner_->swap(key, known, body);
}

Published TurnStore::publish(std::span<const PutRequest> objects, std::string_view key,
                             const std::optional<Version>& expected, const Buffer& body) {
  const std::string directory = directory_of(key);
  if (directory.empty()) return Store::publish(objects, key, expected, body);
  Published done{put_many(objects), std::nullopt};
  const bool all_there = std::all_of(done.puts.begin(), done.puts.end(),
                                     [](const Status& put) { return put.has_value(); });
  if (!all_there) return done;
  if (const Status go_on = check_interrupt(); !go_on) {
    done.swapped = std::unexpected(go_on.error());
    return done;
  }
  const FinishScope finish;
  const TurnNote note{random_hex(runtime_, kIdSize / 2), body, {objects.begin(), objects.end()}};
  const auto bytes = write_turn_note(note);
  const bool is_told = bytes && end_folder_turn(directory, *bytes);
  done.swapped = swap(key, expected, body);
  if (is_told)
    tell(directory, note.id, *done.swapped ? std::optional(**done.swapped) : std::nullopt);
  return done;
}

Status TurnStore::swap_delete(std::string_view key, const Version& expected) {
  DREAMDB_ASSIGN(const std::optional<Version> known, resolve(key, expected));
  return inner_->swap_delete(key, *known);
}

Result<ListPage> TurnStore::list(std::string_view prefix, std::string_view start_after,
                                 size_t limit) {
  return inner_->list(prefix, start_after, limit);
}

std::vector<Status> TurnStore::delete_many(std::span<const std::string> keys) {
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& key : keys) at_hand_.erase(key);
  }
  return inner_->delete_many(keys);
}

std::unique_ptr<Turn> TurnStore::wait_turn(std::string_view key, uint32_t timeout_ms) {
  const std::string directory = directory_of(key);
  if (directory.empty() || !make_private_folder(directory)) return nullptr;
  auto turn = wait_folder_turn(directory, timeout_ms, runtime_);
  if (!turn) return nullptr;
  return std::make_unique<NotedTurn>(*this, directory, std::move(turn));
}

Waited TurnStore::wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                                      const Offer& offer) {
  const std::string directory = directory_of(key);
  if (directory.empty() || !make_private_folder(directory)) return {};
  auto waited = wait_with_offer(directory, OfferBox(directory), timeout_ms, offer, runtime_);
  Waited out{.answer = std::move(waited.answer), .is_lost = waited.is_lost};
  if (waited.turn) out.turn = std::make_unique<NotedTurn>(*this, directory, std::move(waited.turn));
  return out;
}

}  // namespace dreamdb
