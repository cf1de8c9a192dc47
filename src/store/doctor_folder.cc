// The doctor in a folder: rights, room, syncs, and a race of writers by exclusive names.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "dreamdb/interrupt.h"
#include "runtime/thread_pool.h"
#include "store/counting_store.h"
#include "store/doctor.h"
#include "store/doctor_ground.h"
#include "store/folder_copy.h"
#include "store/folder_files.h"
#include "store/folder_store.h"
#include "store/posix_file.h"

namespace dreamdb {

namespace {

constexpr std::string_view kFolder = ".doctor";
constexpr uint64_t kRoomNoticedBytes = 1 << 30;
constexpr int kSyncs = 20;

struct FileSystem {
  uint64_t magic;
  std::string_view name;
  enum class Kind : uint8_t { kLocal, kShared, kMemory } kind;
};

// By the numbers of statfs(2).
constexpr std::array<FileSystem, 14> kFileSystems = {{
    {0xEF53, "ext4", FileSystem::Kind::kLocal},
    {0x58465342, "xfs", FileSystem::Kind::kLocal},
    {0x9123683E, "btrfs", FileSystem::Kind::kLocal},
    {0x2FC12FC1, "zfs", FileSystem::Kind::kLocal},
    {0xF2F52010, "f2fs", FileSystem::Kind::kLocal},
    {0x794C7630, "overlay", FileSystem::Kind::kLocal},
    {0x01021994, "tmpfs", FileSystem::Kind::kMemory},
    {0x6969, "nfs", FileSystem::Kind::kShared},
    {0xFF534D42, "cifs", FileSystem::Kind::kShared},
    {0xFE534D42, "smb", FileSystem::Kind::kShared},
    {0x00C36400, "cephfs", FileSystem::Kind::kShared},
    {0x0BD00BD0, "lustre", FileSystem::Kind::kShared},
    {0x01021997, "9p", FileSystem::Kind::kShared},
    {0x65735546, "fuse", FileSystem::Kind::kShared},
}};

std::string size_text(uint64_t bytes) {
  const uint64_t gib = bytes >> 30;
  return gib > 0 ? std::to_string(gib) + " GiB" : std::to_string(bytes >> 20) + " MiB";
}

class FolderExamination {
 public:
  FolderExamination(std::string path, const DoctorOptions& options, Runtime& runtime)
      : path_(std::move(path)), options_(options), runtime_(runtime) {}

  Result<Diagnosis> run(const std::shared_ptr<Store>& store) {
    diagnosis_.store = store->describe();
    file_system();
    permissions();
    if (may_write_) {
      for (const auto step :
           {&FolderExamination::plain_names, &FolderExamination::links, &FolderExamination::syncs,
            &FolderExamination::race, &FolderExamination::speed}) {
        if (!check_interrupt()) break;
        (this->*step)();
      }
      clean();
    }
    DREAMDB_TRY(check_interrupt());
    for (const auto& opened : opened_) add_asked(diagnosis_.cost, opened->snapshot());
    conclude(diagnosis_);
    return std::move(diagnosis_);
  }

 private:
  Result<std::shared_ptr<Store>> open_ground() {
    DREAMDB_ASSIGN(auto store, open_folder_store(ground_, false, runtime_));
    return opened_.emplace_back(std::make_shared<CountingStore>(std::move(store)));
  }

  void add(Finding finding) { diagnosis_.findings.push_back(std::move(finding)); }

  void file_system() {
    struct statfs info{};
    struct statvfs room{};
    if (statfs(path_.c_str(), &info) != 0 || statvfs(path_.c_str(), &room) != 0) return;
    const auto known = std::find_if(
        kFileSystems.begin(), kFileSystems.end(),
        [&](const FileSystem& one) { return one.magic == static_cast<uint32_t>(info.f_type); });
    const bool found = known != kFileSystems.end();
    diagnosis_.server = found ? std::string(known->name) : "file system of a kind not known";
    if (found && known->kind == FileSystem::Kind::kMemory)
      add({"durability", Health::kNote, "tmpfs: all of it is gone when the machine stops",
           "for data that is to stay, use a disk or a bucket"});
    is_shared_ = found && known->kind == FileSystem::Kind::kShared;
    const uint64_t free = uint64_t{room.f_bavail} * room.f_frsize;
    const bool full = free < kRoomNoticedBytes || (room.f_files > 0 && room.f_favail < 1'000);
    add({"room", full ? Health::kNote : Health::kGood,
         size_text(free) + " are free" +
             (room.f_files > 0 && room.f_favail < 1'000 ? ", but hardly any names" : ""),
         full ? "make room: writers stop when it is full; what is committed stays" : ""});
  }

  void permissions() {
    const bool reads = access(path_.c_str(), R_OK | X_OK) == 0;
    add({"read", reads ? Health::kGood : Health::kNote, reads ? "allowed" : "not allowed",
         reads ? "" : "let this user read the folder"});
    folder_ = path_ + "/" + std::string(kFolder);
    ground_ = folder_ + "/" + doctor_run_name(runtime_);
    if ((mkdir(folder_.c_str(), 0777) != 0 && errno != EEXIST) ||
        mkdir(ground_.c_str(), 0777) != 0) {
      const Error error = posix_error(errno, "write to", path_).error();
      return add({"write", Health::kNote, error.message, ""});
    }
    may_write_ = true;
    add({"write", Health::kGood, "allowed, deleting too", ""});
    remove_others();
  }

  // What killed runs left.
  void remove_others() {
    size_t removed = 0;
    (void)visit_directory(folder_, [&](std::string_view name, EntryKind kind) {
      const std::string other = folder_ + "/" + std::string(name);
      struct stat info{};
      if (kind != EntryKind::kDirectory || other == ground_ || stat(other.c_str(), &info) != 0)
        return;
      const uint64_t then = static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000;
      const uint64_t now = runtime_.now_ns();
      if (!is_over(name, now > then ? now - then : 0)) return;
      std::error_code error;
      std::filesystem::remove_all(other, error);
      if (!error) ++removed;
    });
    if (removed > 0)
      add({"leftovers", Health::kGood,
           "those of " + std::to_string(removed) + " runs that were killed are removed", ""});
  }

  // Refs as web servers give them out.
  void plain_names() {
    FolderFiles files(path_, runtime_);
    const auto mended = mend_plain_names(files);
    if (!mended) return add({"web", Health::kNote, mended.error().message, ""});
    add({"web", Health::kGood,
         *mended == 0 ? "any web server can give this folder out for reading"
                      : "the names under which web servers give out refs were missing or behind; " +
                            std::to_string(*mended) + " are set right",
         ""});
  }

  void links() {
    const std::string from = ground_ + "/from", to = ground_ + "/to";
    const auto file = open_file(from, O_WRONLY | O_CREAT | O_EXCL);
    if (!file) return add({"links", Health::kUnknown, file.error().message, ""});
    if (link(from.c_str(), to.c_str()) != 0)
      return add({"links", Health::kGood,
                  "no hard links here; names are taken by a rename that does not replace", ""});
    if (link(from.c_str(), to.c_str()) == 0 || errno != EEXIST)
      return add({"links", Health::kBad, "a name that is taken can be linked a second time",
                  "do not write here: this file system cannot decide between writers"});
    add({"links", Health::kGood, "a name can be linked once only", ""});
  }

  void syncs() {
    const std::string path = ground_ + "/synced";
    const auto file = open_file(path, O_WRONLY | O_CREAT | O_EXCL);
    if (!file) return add({"syncs", Health::kUnknown, file.error().message, ""});
    std::vector<uint64_t> took;
    for (int i = 0; i < kSyncs; ++i) {
      const std::array<std::byte, 512> bytes{};
      const uint64_t begin = runtime_.monotonic_ns();
      Status status = write_all(file->get(), bytes, path);
      if (status) status = sync_file(file->get(), path);
      if (status) status = sync_directory(ground_);
      if (!status)
        return add({"syncs", Health::kBad, status.error().message,
                    "do not write here: what is committed may be lost in a power cut"});
      took.push_back(runtime_.monotonic_ns() - begin);
    }
    std::sort(took.begin(), took.end());
    const uint64_t us = took[took.size() / 2] / 1'000;
    add({"syncs", Health::kGood,
         "a file and its folder are synced in " + std::to_string(us) + " us (median of " +
             std::to_string(kSyncs) + ")",
         ""});
  }

  // Winners among writers at once that expect `expected`; each has a store of its own.
  Result<size_t> winners(const std::string& key, const std::optional<Version>& expected,
                         ThreadPool& pool) {
    std::vector<std::shared_ptr<Store>> stores;
    for (size_t i = 0; i < kRaceWriters; ++i) {
      DREAMDB_ASSIGN(std::shared_ptr<Store> store, open_ground());
      stores.push_back(std::move(store));
    }
    std::vector<Result<Version>> results(kRaceWriters, fail(Code::kInternal, "not run"));
    pool.parallel_for(kRaceWriters, [&](size_t i) {
      results[i] = stores[i]->swap(key, expected, Buffer::copy_of("writer " + std::to_string(i)));
    });
    size_t won = 0;
    for (const Result<Version>& result : results) {
      if (result) ++won;
      if (!result && result.error().code != Code::kConflict) return std::unexpected(result.error());
    }
    return won;
  }

  void race() {
    ThreadPool pool(kRaceWriters - 1);
    for (int round = 0; round < kRaceRounds; ++round) {
      const std::string key = "refs/race-" + std::to_string(round);
      auto won = winners(key, std::nullopt, pool);
      const auto store = open_ground();
      const auto loaded = won && store ? (*store)->load(key) : std::unexpected(Error{});
      if (won && *won == 1 && loaded) won = winners(key, loaded->version, pool);
      if (!won) return add({"race", Health::kUnknown, won.error().message, "run this again"});
      if (*won != 1)
        return add({"race", Health::kBad,
                    std::to_string(*won) + " of " + std::to_string(kRaceWriters) +
                        " writers won a race, where one must",
                    "do not write here: this file system cannot decide between writers"});
    }
    add({"race", Health::kGood,
         "one winner of " + std::to_string(kRaceWriters) + " writers in each of " +
             std::to_string(kRaceRounds) + " rounds, with and without a version before",
         is_shared_ ? "a shared file system: writers of other hosts were not part of the race; "
                      "run this on several hosts"
                    : ""});
  }

  void speed() {
    if (!options_.measures_load) return;
    const auto store = open_ground();
    if (!store) return add({"speed", Health::kUnknown, store.error().message, ""});
    std::vector<std::string> keys;
    const auto load = measure_load(**store, "load/", runtime_, keys);
    if (!load) return add({"speed", Health::kUnknown, load.error().message, ""});
    diagnosis_.load = *load;
  }

  void clean() {
    std::error_code error;
    std::filesystem::remove_all(ground_, error);
    rmdir(folder_.c_str());  // stays while another run is in it
    if (error)
      add({"cleaning", Health::kNote, ground_ + " is left: " + error.message(),
           "delete it by hand"});
  }

  const std::string path_;
  const DoctorOptions options_;
  Runtime& runtime_;
  Diagnosis diagnosis_;
  std::string folder_;
  std::string ground_;
  std::vector<std::shared_ptr<CountingStore>> opened_;  // in `ground_`
  bool may_write_ = false;
  bool is_shared_ = false;
};

}  // namespace

Result<Diagnosis> diagnose_folder(const std::string& path, const DoctorOptions& options,
                                  Runtime& runtime) {
  auto store = open_folder_store(path, false, runtime);
  if (!store && store.error().code != Code::kNotFound && store.error().code != Code::kDenied)
    return std::unexpected(store.error());
  if (store) return FolderExamination(path, options, runtime).run(*std::move(store));
  Diagnosis diagnosis;
  diagnosis.store = "file://" + path;
  diagnosis.findings.push_back({"reach", Health::kUnknown, store.error().message, ""});
  conclude(diagnosis);
  return diagnosis;
}

}  // namespace dreamdb
