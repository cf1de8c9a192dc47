#include "store/turn_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

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
  std::string base = environment_path("XDG_RUNTIME_DIR");
  if (base.empty() || access(base.c_str(), W_OK) != 0) {
    base = environment_path("TMPDIR");
    if (base.empty()) base = "/tmp";
  }
  const std::string folder = base + "/dreamdb-" + std::to_string(geteuid());
  return make_private_folder(folder) ? folder : "";
}

}  // namespace dreamdb
