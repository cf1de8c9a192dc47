#include "runtime/quiet.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dreamdb {

namespace {

// How often each other thread has given up the processor of its own accord.
using Rests = std::map<int, uint64_t>;

std::optional<std::string> read_small_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 4096> bytes;
  const ssize_t size = ::read(file, bytes.data(), bytes.size());
  ::close(file);
  if (size < 0) return std::nullopt;
  return std::string(bytes.data(), static_cast<size_t>(size));
}

// The text behind `name` in a file of lines "name:\tvalue".
std::string_view value_of(std::string_view text, std::string_view name) {
  const size_t at = text.find(name);
  if (at == std::string_view::npos) return {};
  std::string_view value = text.substr(at + name.size());
  return value.substr(value.find_first_not_of(" \t"));
}

// nullopt when a thread is at work.
std::optional<Rests> sleepers() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/task"), ::closedir);
  if (folder == nullptr) return std::nullopt;
  Rests rests;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    int id = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), id).ec != std::errc()) continue;
    if (id == ::gettid()) continue;
    const auto status = read_small_file("/proc/self/task/" + std::string(name) + "/status");
    if (!status) continue;  // it has ended meanwhile
    if (!value_of(*status, "\nState:").starts_with('S')) return std::nullopt;
    const std::string_view count = value_of(*status, "\nvoluntary_ctxt_switches:");
    uint64_t rested = 0;
    std::from_chars(count.data(), count.data() + count.size(), rested);
    rests[id] = rested;
  }
  return rests;
}

}  // namespace

bool other_threads_sleep() {
  // Threads are looked at one after the other. Who slept at its turn may have been woken later by
  // one that was still at work; it then has slept once more, or is at work, at the second look.
  const auto first = sleepers();
  return first && first == sleepers();
}

}  // namespace dreamdb
