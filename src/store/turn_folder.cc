#include "store/turn_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "store/posix_file.h"

namespace dreamdb {

namespace {

// True when `path` is a folder that belongs to this user and to nobody else.
bool is_private_folder(const std::string& path) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return false;
  return S_ISDIR(info.st_mode) && info.st_uid == geteuid() && (info.st_mode & 0077) == 0;
}

std::string environment_path(const char* name) {
  const char* const text = std::getenv(name);
  return text != nullptr && text[0] == '/' ? text : "";
}

}  // namespace

bool make_private_folder(const std::string& path) {
  return (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) && is_private_folder(path);
}

std::string folder_of_turns() {
  // What stands in memory first: each offer makes and removes files, next to which the disk of the
  // store has its own to write.
  for (const std::string& base : {environment_path("XDG_RUNTIME_DIR"), std::string("/dev/shm"),
                                  environment_path("TMPDIR"), std::string("/tmp")}) {
    if (base.empty() || access(base.c_str(), W_OK) != 0) continue;
    const std::string folder = base + "/dreamdb-" + std::to_string(geteuid());
    return make_private_folder(folder) ? folder : "";
  }
  return "";
}

bool write_turn_file(const std::string& temporary, const std::string& path,
                     std::span<const std::byte> body) {
  const auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!fd) return false;
  if (write_all(fd->get(), body, temporary) && rename(temporary.c_str(), path.c_str()) == 0)
    return true;
  unlink(temporary.c_str());
  return false;
}

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace dreamdb
