#include "store/local_turn.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "store/digest.h"
#include "store/folder_turn.h"

namespace dreamdb {

namespace {

constexpr size_t kNameDigits = 32;

// Makes the folder if it is not there. True when it is this user's alone: in a folder that others
// may write to, a link of theirs could stand in its place.
bool make_own_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return false;
  struct stat info{};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
         (info.st_mode & 0022) == 0;
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Empty when there is none.
std::string turns_folder() {
  const std::string runtime_folder = variable("XDG_RUNTIME_DIR");
  if (runtime_folder.starts_with('/')) {
    std::string path = runtime_folder + "/dreamdb";
    if (make_own_folder(path)) return path;
  }
  std::string temporary = variable("TMPDIR");
  if (!temporary.starts_with('/')) temporary = "/tmp";
  std::string path = temporary + "/dreamdb-" + std::to_string(geteuid());
  return make_own_folder(path) ? path : "";
}

}  // namespace

std::unique_ptr<Turn> wait_local_turn(std::string_view name, uint32_t timeout_ms,
                                      Runtime& runtime) {
  const std::string folder = turns_folder();
  if (folder.empty()) return nullptr;
  const std::string path = folder + "/" + hex_text(sha256(name)).substr(0, kNameDigits);
  if (!make_own_folder(path)) return nullptr;
  return wait_folder_turn(path, timeout_ms, runtime);
}

}  // namespace dreamdb
