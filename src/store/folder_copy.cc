#include "store/folder_copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "store/key.h"
#include "store/posix_file.h"
#include "store/version_file.h"

namespace dreamdb {

namespace {

// Each time around another writer has swapped meanwhile, and that one sets the name too.
constexpr int kTriesMax = 8;
constexpr size_t kRandomBytes = 16;

std::string versions_of(const FolderFiles& files, std::string_view key) {
  return files.path_of(std::string(kSwapDirectory) + "/" + std::string(key));
}

// A whole version file.
Result<Buffer> read_version_bytes(const std::string& path) {
  DREAMDB_ASSIGN(const UniqueFd file, open_file(path, O_RDONLY));
  struct stat info{};
  if (fstat(file.get(), &info) != 0) return posix_error(errno, "look at", path);
  MutableBuffer bytes(static_cast<size_t>(info.st_size));
  DREAMDB_ASSIGN(const size_t size, read_at(file.get(), 0, bytes.span(), path));
  return std::move(bytes).freeze(size);
}

bool is_there(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// The current version's number; nullopt: none, or it cannot be told.
std::optional<uint64_t> highest(const std::string& versions) {
  std::optional<uint64_t> found;
  const Status seen = visit_directory(versions, [&](std::string_view name, EntryKind) {
    found = std::max(found, parse_version_file_name(name));
  });
  return seen ? found : std::nullopt;
}

// Makes the folders of a plain name. They are nobody's promise: no sync.
void make_folders(const FolderFiles& files, std::string_view key) {
  for (size_t slash = key.find('/'); slash != std::string_view::npos;
       slash = key.find('/', slash + 1))
    mkdir(files.path_of(key.substr(0, slash)).c_str(), 0777);
}

// 0, or the number of the error. `temporary` is gone afterwards in any case.
int rename_to_plain(FolderFiles& files, std::string_view key, const std::string& temporary) {
  const std::string plain = files.path_of(plain_name(key));
  int error = rename(temporary.c_str(), plain.c_str()) == 0 ? 0 : errno;
  if (error == ENOENT) {
    make_folders(files, key);
    error = rename(temporary.c_str(), plain.c_str()) == 0 ? 0 : errno;
  }
  // Two names of one file stay two names: rename(2) then does nothing.
  unlink(temporary.c_str());
  return error;
}

// A second name of version `sequence`, below .tmp; empty when there can be none.
std::string link_temporary(FolderFiles& files, const std::string& versions, uint64_t sequence) {
  std::string temporary = files.path_of(std::string(kTemporaryDirectory) + "/" +
                                        random_hex(files.runtime(), kRandomBytes));
  const std::string version = versions + "/" + version_file_name(sequence);
  if (link(version.c_str(), temporary.c_str()) == 0) return temporary;
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK) return {};
  // No hard links here: a file of its own.
  const auto bytes = read_version_bytes(version);
  if (!bytes) return {};
  auto copied = files.write_temporary({bytes->span()});
  return copied ? *std::move(copied) : std::string();
}

}  // namespace

void set_plain_name(FolderFiles& files, std::string_view key, uint64_t sequence,
                    const std::string& temporary) {
  const std::string versions = versions_of(files, key);
  int error = rename_to_plain(files, key, temporary);
  for (int tries = 0; tries < kTriesMax; ++tries) {
    // A file system without hard links has moved the file to its version's name.
    const bool is_moved = error == ENOENT && tries == 0;
    if (error != 0 && !is_moved) return;
    // Who swapped after this version may have set its later name before this one was set. Whoever
    // swaps later than that sets its own after it.
    const bool is_last = is_there(versions + "/" + version_file_name(sequence)) &&
                         !is_there(versions + "/" + version_file_name(sequence + 1));
    const uint64_t last = is_last ? sequence : highest(versions).value_or(sequence);
    if (last <= sequence && !is_moved) return;
    sequence = std::max(sequence, last);
    const std::string next = link_temporary(files, versions, sequence);
    if (next.empty()) return;
    error = rename_to_plain(files, key, next);
  }
}

Status check_plain_name(FolderFiles& files, std::string_view key) {
  const std::string path = files.path_of(plain_name(key));
  auto file = open_file(path, O_RDONLY);
  if (!file) return {};
  std::array<std::byte, kVersionHeaderSize> begin{};
  const auto size = read_at(file->get(), 0, begin, path);
  if (size && is_version_file({reinterpret_cast<const char*>(begin.data()), *size})) return {};
  return fail(Code::kUnsupported,
              path +
                  " was not written by this kind of store, so its writers (WebDAV) would not "
                  "see what is written here: write to its web server, or remove that file");
}

std::optional<uint64_t> plain_version(FolderFiles& files, std::string_view key) {
  const std::string path = files.path_of(plain_name(key));
  const auto bytes = read_version_bytes(path);
  if (!bytes) return std::nullopt;
  const auto header = parse_any_version(bytes->span(), path);
  if (!header || header->deleted) return std::nullopt;
  return header->sequence;
}

Result<size_t> mend_plain_names(FolderFiles& files) {
  size_t mended = 0;
  std::vector<std::string> folders = {""};
  while (!folders.empty()) {
    const std::string key = std::move(folders.back());
    folders.pop_back();
    const std::string versions =
        files.path_of(std::string(kSwapDirectory) + (key.empty() ? "" : "/" + key));
    std::optional<uint64_t> last;
    const Status seen = visit_directory(versions, [&](std::string_view name, EntryKind kind) {
      if (kind == EntryKind::kDirectory && check_key(name))
        folders.push_back(key + (key.empty() ? "" : "/") + std::string(name));
      if (kind == EntryKind::kFile) last = std::max(last, parse_version_file_name(name));
    });
    if (!seen && seen.error().code == Code::kNotFound) continue;
    DREAMDB_TRY(seen);
    if (!last || key.empty()) continue;
    struct stat version{}, plain{};
    const std::string path = versions + "/" + version_file_name(*last);
    if (stat(path.c_str(), &version) != 0) continue;  // pruned: its writers are at work
    const bool named = stat(files.path_of(plain_name(key)).c_str(), &plain) == 0;
    const bool same = named && plain.st_size == version.st_size &&
                      (plain.st_ino == version.st_ino || plain.st_mtime >= version.st_mtime);
    if (same || !check_plain_name(files, key)) continue;
    const std::string temporary = link_temporary(files, versions, *last);
    if (temporary.empty()) return posix_error(errno, "name", path);
    set_plain_name(files, key, *last, temporary);
    ++mended;
  }
  return mended;
}

}  // namespace dreamdb
