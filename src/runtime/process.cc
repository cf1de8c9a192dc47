#include "runtime/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>

namespace dreamdb {

namespace {

constexpr size_t kHostNameMax = 64;
constexpr size_t kTextMax = 128;

std::string first_bytes(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, kTextMax> text;
  const ssize_t size = read(fd, text.data(), text.size());
  close(fd);
  return size > 0 ? std::string(text.data(), static_cast<size_t>(size)) : std::string();
}

std::string link_text(const char* path) {
  std::array<char, kTextMax> text;
  const ssize_t size = readlink(path, text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<size_t>(size)) : std::string();
}

}  // namespace

std::string host_name() {
  std::array<char, kHostNameMax + 1> name{};
  if (gethostname(name.data(), kHostNameMax) != 0 || name.front() == '\0') return "unknown";
  return name.data();
}

uint32_t process_id() { return static_cast<uint32_t>(getpid()); }

std::string process_scope() {
  const std::string start = first_bytes("/proc/sys/kernel/random/boot_id");
  const std::string space = link_text("/proc/self/ns/pid");
  if (start.empty() || space.empty()) return "00000000";
  uint32_t hash = 2166136261u;  // FNV-1a: told apart, not kept secret
  for (const char c : start + space) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  std::array<char, 9> text;
  std::snprintf(text.data(), text.size(), "%08x", hash);
  return text.data();
}

bool process_is_alive(uint32_t id) {
  if (id == 0 || id > static_cast<uint32_t>(std::numeric_limits<pid_t>::max())) return false;
  return kill(static_cast<pid_t>(id), 0) == 0 || errno == EPERM;
}

}  // namespace dreamdb
