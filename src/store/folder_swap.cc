// Looks, links and pruning of version files; folder_swap.h says why this is right.
#include "store/folder_swap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "store/folder_copy.h"
#include "store/folder_turn.h"
#include "store/key.h"

namespace dreamdb {

namespace {

// A look is repeated when the version it found was pruned before it could be read: 32 swaps in
// between. So many in a row mean that something else is wrong.
constexpr int kLooksMax = 1000;
// How often a version without its predecessor is looked at again before it is believed: a copy of
// a store may lack old versions.
constexpr int kDoubtsMax = 3;

// How long a swap waits for the one it stands on, whose writer has it ready: longer than that takes
// on a busy machine, and no longer than a writer may lose because another one died.
constexpr uint64_t kAheadWaitNs = 500'000'000;
constexpr uint64_t kAheadPauseNs = 100'000;
// How many versions may be ready one upon the other before the first is visible.
constexpr uint64_t kAheadMax = 8;

using Sequences = std::vector<uint64_t>;  // ascending

// NotFound when the directory is absent.
Result<Sequences> look(const std::string& directory) {
  Sequences sequences;
  DREAMDB_TRY(visit_directory(directory, [&](std::string_view name, EntryKind) {
    if (const auto sequence = parse_version_file_name(name)) sequences.push_back(*sequence);
  }));
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

bool lacks_predecessor(const Sequences& sequences) {
  const uint64_t highest = sequences.back();
  return highest > 1 && (sequences.size() < 2 || sequences[sequences.size() - 2] != highest - 1);
}

std::string version_path(const std::string& directory, uint64_t sequence) {
  return directory + "/" + version_file_name(sequence);
}

// Ascending, so that a number is free only if all below it are; see the header, point 3.
void prune(const std::string& directory, const Sequences& sequences) {
  if (sequences.size() <= kVersionsKept) return;
  for (size_t i = 0; i < sequences.size() - kVersionsKept; ++i) {
    const std::string path = version_path(directory, sequences[i]);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return;  // a later swap tries again
  }
}

bool means_unsupported(int error_number) {
  return error_number == EPERM || error_number == EOPNOTSUPP || error_number == ENOTSUP ||
         error_number == ENOSYS || error_number == EINVAL || error_number == EMLINK;
}

Status publish_error(int error_number, std::string_view action, const std::string& to) {
  if (error_number == EEXIST) return fail(Code::kConflict, to + " exists");
  if (means_unsupported(error_number)) {
    return fail(Code::kUnsupported, "the file system of " + to + " cannot " + std::string(action));
  }
  return posix_error(error_number, action, to);
}

}  // namespace

Status link_exclusively(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) return {};
  const int error_number = errno;
  // A network file system may have linked and lost the reply: its second try then finds the name
  // taken by ourselves. The count of names tells.
  struct stat info{};
  if (stat(from.c_str(), &info) == 0 && info.st_nlink >= 2) return {};
  return publish_error(error_number, "link", to);
}

Status rename_exclusively(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  return publish_error(errno, "rename exclusively", to);
}

std::string FolderSwap::directory_of(std::string_view key) const {
  return files_.path_of(std::string(kSwapDirectory) + "/" + std::string(key));
}

Result<Loaded> FolderSwap::load(std::string_view key) {
  DREAMDB_ASSIGN(std::optional<Current> current, find_current(key));
  if (!current && plain_version(files_, key)) {
    DREAMDB_TRY(check_kept(key));
    DREAMDB_ASSIGN(current, find_current(key));  // made meanwhile
  }
  DREAMDB_TRY(sync_pending(directory_of(key)));
  if (!current || current->header.deleted) {
    return fail(Code::kNotFound, "key " + std::string(key) + " is not in " + files_.describe());
  }
  const Buffer& file = current->file;
  return Loaded{file.slice(kVersionHeaderSize, file.size() - kVersionHeaderSize),
                {version_token(current->header.sequence, current->header.id)}};
}

Result<std::optional<ListedObject>> FolderSwap::find(std::string_view key) {
  DREAMDB_ASSIGN(const std::optional<Current> current, find_current(key));
  if (!current || current->header.deleted) return std::nullopt;
  return ListedObject{std::string(key), current->header.body_size, current->time_ns};
}

Result<std::optional<FolderSwap::Current>> FolderSwap::find_current(std::string_view key) {
  const std::string directory = directory_of(key);
  int doubts = 0;
  for (int looks = 0; looks < kLooksMax; ++looks) {
    auto sequences = look(directory);
    if (!sequences && sequences.error().code == Code::kNotFound) {
      DREAMDB_TRY(files_.check_root());
      return std::nullopt;
    }
    if (!sequences) return std::unexpected(std::move(sequences).error());
    if (sequences->empty()) return std::nullopt;
    if (lacks_predecessor(*sequences) && ++doubts <= kDoubtsMax) continue;
    auto current = read_version(directory, sequences->back());
    if (current) return *std::move(current);
    if (current.error().code != Code::kNotFound) {
      return std::unexpected(std::move(current).error());
    }
  }
  return fail(Code::kUnavailable,
              "the versions in " + directory + " change faster than they can be read; try again");
}

Status FolderSwap::check_kept(std::string_view key) {
  const auto shown = plain_version(files_, key);
  if (!shown) return {};
  DREAMDB_ASSIGN(const std::optional<Current> current, find_current(key));
  if (current) return {};  // the plain name is of one that was made since
  return fail(Code::kCorruption,
              files_.path_of(plain_name(key)) + " shows version " + std::to_string(*shown) +
                  ", but " + directory_of(key) +
                  " has none: this folder lost its hidden files, or was copied without them; copy "
                  "it again as a whole (cp -a)");
}

Result<FolderSwap::Current> FolderSwap::read_version(const std::string& directory,
                                                     uint64_t sequence) {
  const std::string path = version_path(directory, sequence);
  DREAMDB_ASSIGN(const UniqueFd fd, open_file(path, O_RDONLY));
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return posix_error(errno, "look at", path);
  const auto size_bytes = static_cast<uint64_t>(info.st_size);
  if (!S_ISREG(info.st_mode) || size_bytes > kSwapBodyMax + kVersionHeaderSize) {
    return fail(Code::kCorruption, path + ": not a version file (" + std::to_string(size_bytes) +
                                       " bytes); restore it from a copy of the store");
  }
  MutableBuffer bytes(static_cast<size_t>(size_bytes));
  DREAMDB_ASSIGN(const size_t read_bytes, read_at(fd.get(), 0, bytes.span(), path));
  Current current;
  current.file = std::move(bytes).freeze(read_bytes);
  DREAMDB_ASSIGN(current.header, parse_version_file(current.file.span(), sequence, path));
  current.time_ns = modified_ns(info);
  return current;
}

Status FolderSwap::check_expected(std::string_view key, const std::optional<Current>& current,
                                  const std::optional<Version>& expected) const {
  const bool is_there = current && !current->header.deleted;
  if (!is_there && !expected) return {};
  if (is_there && expected &&
      expected->token == version_token(current->header.sequence, current->header.id)) {
    return {};
  }
  return fail(Code::kConflict, "key " + std::string(key) + " of " + files_.describe() +
                                   (is_there ? " was changed by another writer"
                                             : " is gone, removed by another writer") +
                                   ": load it again and decide");
}

Result<Version> FolderSwap::swap(std::string_view key, const std::optional<Version>& expected,
                                 std::span<const std::byte> body, bool deleted) {
  DREAMDB_ASSIGN(const Prepared prepared, prepare(key, expected, body, deleted));
  return finish(key, prepared);
}

Result<FolderSwap::Prepared> FolderSwap::prepare(std::string_view key,
                                                 const std::optional<Version>& expected,
                                                 std::span<const std::byte> body, bool deleted) {
  if (body.size() > kSwapBodyMax) {
    return fail(Code::kInvalidArgument, "the body for key " + std::string(key) + " has " +
                                            std::to_string(body.size()) +
                                            " bytes, at most 1 GiB is allowed");
  }
  DREAMDB_ASSIGN(const std::optional<Current> current, find_current(key));
  Prepared prepared;
  VersionHeader& header = prepared.header;
  const auto name = expected ? parse_version_token(expected->token) : std::nullopt;
  if (name && name->sequence > (current ? current->header.sequence : 0)) {
    prepared.awaited = *expected;
    header.sequence = name->sequence + 1;
    header.replaced = name->id;
  } else {
    DREAMDB_TRY(check_expected(key, current, expected));
    header.sequence = 1;
    if (current) {
      header.sequence = current->header.sequence + 1;
      header.replaced = current->header.id;
    }
  }
  if (header.sequence == 1) {
    DREAMDB_TRY(check_plain_name(files_, key));
    DREAMDB_TRY(check_kept(key));
  }
  header.deleted = deleted;
  files_.runtime().random(header.id);
  const std::string relative = std::string(kSwapDirectory) + "/" + std::string(key);
  DREAMDB_TRY(files_.ensure_directory(relative));
  const auto bytes = write_version_header(header, body);
  DREAMDB_ASSIGN(prepared.temporary, files_.write_temporary({bytes, body}));
  return prepared;
}

Status FolderSwap::await(std::string_view key, const Prepared& prepared) {
  if (!prepared.awaited) return {};
  for (uint64_t waited_ns = 0;; waited_ns += kAheadPauseNs) {
    DREAMDB_ASSIGN(const std::optional<Current> current, find_current(key));
    const bool may_come = (current ? current->header.sequence : 0) + 1 < prepared.header.sequence;
    if (!may_come || waited_ns >= kAheadWaitNs)
      return check_expected(key, current, prepared.awaited);
    files_.runtime().sleep_ns(kAheadPauseNs);
  }
}

void FolderSwap::hand_over(std::string_view key, const Prepared& prepared,
                           std::span<const std::byte> body) {
  std::vector<std::byte> note(kVersionHeaderSize + body.size());
  const auto header = write_version_header(prepared.header, body);
  std::copy(body.begin(), body.end(), std::copy(header.begin(), header.end(), note.begin()));
  end_folder_turn(directory_of(key), note);
}

std::optional<Loaded> FolderSwap::ahead(std::string_view key, const FolderTurn& turn) {
  const Buffer note = turn.note();
  const auto header = parse_any_version(note.span(), "the note of the last turn");
  if (!header || header->deleted || header->sequence < 2) return std::nullopt;
  const auto current = find_current(key);
  if (!current || !*current) return std::nullopt;
  // One that stands on another that is not visible either is believed: `finish` will see.
  const uint64_t sequence = (*current)->header.sequence;
  const bool is_next =
      header->sequence == sequence + 1 && header->replaced == (*current)->header.id;
  const bool is_later = header->sequence > sequence + 1 && header->sequence <= sequence + kAheadMax;
  if (!is_next && !is_later) return std::nullopt;
  return Loaded{note.slice(kVersionHeaderSize, note.size() - kVersionHeaderSize),
                {version_token(header->sequence, header->id)}};
}

Result<Version> FolderSwap::finish(std::string_view key, const Prepared& prepared) {
  Status published = await(key, prepared);
  if (published) published = publish(key, prepared.temporary, prepared.header);
  if (!published) {
    drop(prepared);
    return std::unexpected(std::move(published).error());
  }
  // Visible and durable; whoever waits for the turn has it by now.
  set_plain_name(files_, key, prepared.header.sequence, prepared.temporary);
  return Version{version_token(prepared.header.sequence, prepared.header.id)};
}

void FolderSwap::drop(const Prepared& prepared) { unlink(prepared.temporary.c_str()); }

Status FolderSwap::publish(std::string_view key, const std::string& temporary,
                           const VersionHeader& header) {
  const std::string directory = directory_of(key);
  const std::string path = version_path(directory, header.sequence);
  Status status = link_exclusively(temporary, path);
  if (!status && status.error().code == Code::kUnsupported) {
    status = rename_exclusively(temporary, path);
  }
  if (!status) {
    Error error = std::move(status).error();
    if (error.code == Code::kConflict) {
      return fail(Code::kConflict, "key " + std::string(key) + " of " + files_.describe() +
                                       " was changed by another writer: load it again and decide");
    }
    if (error.code == Code::kUnsupported) {
      return fail(Code::kUnsupported,
                  error.message +
                      ", nor make hard links: writers cannot be kept apart here; "
                      "use a local disk or NFS");
    }
    // On a network share the link may be there though the reply was lost.
    if (error.code == Code::kUnavailable) error.code = Code::kOutcomeUnknown;
    if (error.code == Code::kNotFound) {
      files_.forget_directory(std::string(kSwapDirectory) + "/" + std::string(key));
      error.code = Code::kUnavailable;
    }
    return std::unexpected(std::move(error));
  }
  end_folder_turn(directory, {});
  if (const Status synced = sync(directory); !synced) {
    return fail(Code::kOutcomeUnknown, "key " + std::string(key) + " was swapped, but " +
                                           synced.error().message +
                                           "; load it and look for this write");
  }
  return settle(key, header);
}

Status FolderSwap::sync(const std::string& directory) {
  Status synced = sync_directory(directory);
  const std::lock_guard lock(mutex_);
  if (synced) {
    unsynced_.erase(directory);
  } else {
    unsynced_.insert(directory);
  }
  return synced;
}

Status FolderSwap::sync_pending(const std::string& directory) {
  {
    const std::lock_guard lock(mutex_);
    if (!unsynced_.contains(directory)) return {};
  }
  return sync(directory);
}

Status FolderSwap::settle(std::string_view key, const VersionHeader& mine) {
  const std::string directory = directory_of(key);
  const auto unknown = [&](const std::string& why) {
    return fail(Code::kOutcomeUnknown, "the swap of key " + std::string(key) + " of " +
                                           files_.describe() + " may have taken place: " + why +
                                           "; load it and look for this write");
  };
  Sequences sequences;
  for (int doubts = 0; doubts <= kDoubtsMax; ++doubts) {
    auto seen = look(directory);
    if (!seen) return unknown(seen.error().message);
    sequences = *std::move(seen);
    if (sequences.empty() || sequences.back() < mine.sequence) {
      return unknown("somebody removed its versions by hand");
    }
    if (!lacks_predecessor(sequences)) break;
  }
  if (sequences.back() == mine.sequence) {
    prune(directory, sequences);
    return {};
  }
  const auto next = read_version(directory, mine.sequence + 1);
  if (next && next->header.replaced == mine.id) return {};  // a
  if (!next && next.error().code != Code::kNotFound) return unknown(next.error().message);
  const auto own = read_version(directory, mine.sequence);
  const bool own_is_there = own && own->header.id == mine.id;
  if (!next && !own_is_there) return unknown("more than 32 others followed");  // d
  if (own_is_there) unlink(version_path(directory, mine.sequence).c_str());    // b, c
  return fail(Code::kConflict, "key " + std::string(key) + " of " + files_.describe() +
                                   " was changed by many other writers: load it again and decide");
}

}  // namespace dreamdb
