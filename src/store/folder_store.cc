// Puts and deletes of a folder store, and the way to its parts that read, list and swap.
#include "store/folder_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "runtime/thread_pool.h"
#include "store/folder_files.h"
#include "store/folder_list.h"
#include "store/folder_read.h"
#include "store/folder_swap.h"
#include "store/folder_turn.h"
#include "store/key.h"
#include "store/offer_box.h"
#include "store/turn_folder.h"

namespace dreamdb {

namespace {

bool has_size(const std::string& path, size_t size_bytes) {
  struct stat info{};
  return lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         static_cast<uint64_t>(info.st_size) == size_bytes;
}

class FolderStore final : public Store {
 public:
  FolderStore(std::string root, Runtime& runtime) : files_(std::move(root), runtime) {
    files_.remove_stale_temporaries();
  }

  std::string describe() const override { return files_.describe(); }

  std::vector<Result<Buffer>> read_many(std::span<const ReadRequest> requests) override {
    return reader_.read_many(requests);
  }

  std::vector<Result<Buffer>> read_each(std::span<const ReadRequest> requests,
                                        const Use& use) override {
    return reader_.read_many(requests, use);
  }

  std::vector<Status> put_many(std::span<const PutRequest> requests) override {
    std::vector<Status> results(requests.size());
    syncing_pool().parallel_for(requests.size(),
                                [&](size_t i) { results[i] = put_one(requests[i]); });
    sync_parents(requests, results);
    return results;
  }

  Result<Loaded> load(std::string_view key) override {
    DREAMDB_TRY(check_key(key));
    return swap_.load(key);
  }

  Result<Version> swap(std::string_view key, const std::optional<Version>& expected,
                       const Buffer& body) override {
    DREAMDB_TRY(check_key(key));
    return swap_.swap(key, expected, body.span(), false);
  }

  Status make_durable(std::string_view key) override {
    DREAMDB_TRY(check_key(key));
    return swap_.make_durable(key);
  }

  // The version is written and synced beside the objects, and linked when they are durable.
  Published publish(std::span<const PutRequest> objects, std::string_view key,
                    const std::optional<Version>& expected, const Buffer& body) override {
    Published done{std::vector<Status>(objects.size()), std::nullopt};
    Result<FolderSwap::Prepared> prepared;
    syncing_pool().parallel_for(objects.size() + 1, [&](size_t i) {
      if (i < objects.size()) {
        done.puts[i] = put_one(objects[i]);
      } else {
        const Status allowed = check_key(key);
        prepared = allowed ? swap_.prepare(key, expected, body.span(), false)
                           : std::unexpected(allowed.error());
      }
    });
    const auto all_there = [&done] {
      return std::all_of(done.puts.begin(), done.puts.end(),
                         [](const Status& put) { return put.has_value(); });
    };
    // The next writer builds on this while the names are synced.
    if (prepared && all_there()) swap_.hand_over(key, *prepared, body.span());
    sync_parents(objects, done.puts);
    if (!all_there()) {
      if (prepared) FolderSwap::drop(*prepared);
    } else if (prepared) {
      done.swapped = swap_.finish(key, *prepared);
    } else {
      done.swapped = std::unexpected(prepared.error());
    }
    return done;
  }

  Status swap_delete(std::string_view key, const Version& expected) override {
    DREAMDB_TRY(check_key(key));
    DREAMDB_TRY(swap_.swap(key, expected, {}, true));
    return {};
  }

  Result<ListPage> list(std::string_view prefix, std::string_view start_after,
                        size_t limit) override {
    return list_folder(files_, swap_, prefix, start_after, limit);
  }

  std::vector<Status> delete_many(std::span<const std::string> keys) override {
    std::vector<Status> results(keys.size());
    shared_pool().parallel_for(keys.size(), [&](size_t i) { results[i] = delete_one(keys[i]); });
    return results;
  }

  std::unique_ptr<Turn> wait_turn(std::string_view key, uint32_t timeout_ms) override {
    if (!check_key(key)) return nullptr;
    auto turn = wait_folder_turn(turns_of(key), timeout_ms, files_.runtime());
    if (!turn) return nullptr;
    return std::make_unique<StoreTurn>(*this, std::string(key), std::move(turn));
  }

  Waited wait_turn_or_answer(std::string_view key, uint32_t timeout_ms,
                             const Offer& offer) override {
    if (!check_key(key)) return {};
    auto waited =
        wait_with_offer(turns_of(key), offers_of(key), timeout_ms, offer, files_.runtime());
    Waited out{.answer = std::move(waited.answer), .is_lost = waited.is_lost};
    if (waited.turn)
      out.turn = std::make_unique<StoreTurn>(*this, std::string(key), std::move(waited.turn));
    return out;
  }

 private:
  class StoreTurn final : public Turn {
   public:
    StoreTurn(FolderStore& store, std::string key, std::unique_ptr<FolderTurn> turn)
        : store_(store), key_(std::move(key)), turn_(std::move(turn)) {}

    std::optional<Loaded> ahead() override { return store_.swap_.ahead(key_, *turn_); }

    std::vector<Offer> take_offers() override {
      return take_in_turn(*turn_, store_.offers_of(key_), store_.files_.runtime());
    }

    void answer(const Offer& offer, const Buffer& body) override {
      store_.offers_of(key_).answer(offer, body);
    }

   private:
    FolderStore& store_;
    const std::string key_;
    const std::unique_ptr<FolderTurn> turn_;
  };

  std::string turns_of(std::string_view key) const {
    return files_.path_of(std::string(kSwapDirectory) + "/" + std::string(key));
  }

  // Not in the store: names that come and go there would delay the sync of a version's name.
  OfferBox offers_of(std::string_view key) const {
    struct stat info{};
    static const std::string folder = folder_of_turns();  // the environment may change later
    if (folder.empty() || stat(turns_of(key).c_str(), &info) != 0) return OfferBox("");
    return OfferBox(folder + "/folder-" + std::to_string(info.st_dev) + "-" +
                    std::to_string(info.st_ino));
  }

  // Everything but the sync of the directory, which the whole wave shares.
  Status put_one(const PutRequest& request) {
    DREAMDB_TRY(check_key(request.key));
    const std::string path = files_.path_of(request.key);
    const std::string_view parent = parent_of(request.key);
    if (has_size(path, request.body.size())) {
      // The name appeared after its bytes were synced, so they are whole; whether the name itself
      // was synced is not known, so the caller's sync of the directory is needed all the same.
      return files_.ensure_directory(parent);
    }
    DREAMDB_TRY(files_.ensure_directory(parent));
    DREAMDB_ASSIGN(const std::string temporary, files_.write_temporary({request.body.span()}));
    if (rename(temporary.c_str(), path.c_str()) != 0 && !retry_rename(parent, temporary, path)) {
      const int error_number = errno;
      unlink(temporary.c_str());
      return posix_error(error_number, "name the object", path);
    }
    reader_.forget(request.key);
    return {};
  }

  // The directory was there once and may have been removed by somebody: makes it again.
  bool retry_rename(std::string_view parent, const std::string& temporary,
                    const std::string& path) {
    if (errno != ENOENT) return false;
    files_.forget_directory(parent);
    if (!files_.ensure_directory(parent)) {
      errno = ENOENT;
      return false;
    }
    return rename(temporary.c_str(), path.c_str()) == 0;
  }

  // Syncs each directory of the wave once; the objects in one that fails may or may not survive.
  void sync_parents(std::span<const PutRequest> requests, std::vector<Status>& results) {
    std::map<std::string, std::vector<size_t>, std::less<>> by_parent;
    for (size_t i = 0; i < requests.size(); ++i) {
      if (results[i]) by_parent[std::string(parent_of(requests[i].key))].push_back(i);
    }
    const std::vector<std::pair<std::string, std::vector<size_t>>> parents(by_parent.begin(),
                                                                           by_parent.end());
    syncing_pool().parallel_for(parents.size(), [&](size_t p) {
      const auto& [parent, indexes] = parents[p];
      const Status synced = sync_directory(parent.empty() ? files_.root() : files_.path_of(parent));
      if (synced) return;
      for (const size_t i : indexes) {
        results[i] =
            fail(Code::kOutcomeUnknown, "object " + requests[i].key + " was written, but " +
                                            synced.error().message + "; put it again");
      }
    });
  }

  Status delete_one(const std::string& key) {
    DREAMDB_TRY(check_key(key));
    reader_.forget(key);
    const std::string path = files_.path_of(key);
    if (unlink(path.c_str()) == 0) return {};
    const int error_number = errno;
    // ENOTDIR, EISDIR: a segment of the key is an object, or the key is a folder of others; in
    // both cases there is no object of this name.
    if (error_number == ENOENT || error_number == ENOTDIR || error_number == EISDIR) {
      return files_.check_root();
    }
    return posix_error(error_number, "delete", path);
  }

  FolderFiles files_;
  FolderReader reader_{files_};
  FolderSwap swap_{files_};
};

// Makes the folder `path` and those above it; their names survive a power cut.
Status make_root(const std::string& path) {
  if (mkdir(path.c_str(), 0777) == 0) {
    const std::string_view parent = parent_of(path);
    return sync_directory(parent.empty() ? "/" : std::string(parent));
  }
  if (errno == EEXIST) return {};
  const std::string parent(parent_of(path));
  if (errno != ENOENT || parent.empty()) return posix_error(errno, "make the folder", path);
  DREAMDB_TRY(make_root(parent));
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
    return posix_error(errno, "make the folder", path);
  }
  return sync_directory(parent);
}

Status check_path(std::string_view path) {
  if (!path.starts_with('/')) {
    return fail(Code::kInvalidArgument,
                "the folder \"" + printable(path) + "\" is not an absolute path; begin it with /");
  }
  if (path.find('\0') != std::string_view::npos || path.size() >= 4096) {
    return fail(Code::kInvalidArgument,
                "the folder \"" + printable(path) + "\" is not a path a file system can have");
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<Store>> open_folder_store(std::string_view path, bool create,
                                                 Runtime& runtime) {
  DREAMDB_TRY(check_path(path));
  std::string root(path);
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  if (root == "/") {
    return fail(Code::kInvalidArgument,
                "/ cannot be a store: give a folder below it, for example /data/pets");
  }
  struct stat info{};
  if (stat(root.c_str(), &info) != 0) {
    const int error_number = errno;
    if (error_number != ENOENT) return posix_error(error_number, "open the store", root);
    if (!create) {
      return fail(Code::kNotFound, "the store file://" + printable(root) +
                                       " is not there: no such folder; check the path, or create "
                                       "a dataset in it");
    }
    DREAMDB_TRY(make_root(root));
  } else if (!S_ISDIR(info.st_mode)) {
    return fail(Code::kInvalidArgument,
                "cannot open the store " + printable(root) +
                    ": it is a file, not a folder; give the folder that holds the store");
  }
  if (access(root.c_str(), R_OK | X_OK) != 0) {
    return posix_error(errno, "open the store", root);
  }
  return std::make_shared<FolderStore>(std::move(root), runtime);
}

}  // namespace dreamdb
