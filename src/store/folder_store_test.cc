// Files of a folder store: where they are, what a failure leaves, and what bad folders answer.
#include "store/folder_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<Store> open_new(const ScratchFolder& folder) {
  auto store = open_folder_store(folder.path() + "/s", true);
  EXPECT_TRUE(store.has_value()) << store.error().message;
  return *store;
}

Status put(Store& store, const std::string& key, std::string_view text) {
  const PutRequest request{key, Buffer::copy_of(text)};
  return store.put_many(std::span(&request, 1)).front();
}

Result<Buffer> get(Store& store, const std::string& key) {
  const ReadRequest request{key};
  return store.read_many(std::span(&request, 1)).front();
}

size_t file_count(const std::string& path) {
  if (!fs::exists(path)) return 0;
  return static_cast<size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

// Runs `body` in a child without root's rights; its value is the exit code.
int as_nobody(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (getuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) _exit(99);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

TEST(FolderStore, KeepsObjectsAsFilesAndNoTemporaryOnes) {
  const ScratchFolder folder;
  const auto store = open_new(folder);
  EXPECT_EQ(store->describe(), "file://" + folder.path() + "/s");
  ASSERT_TRUE(put(*store, "segments/abc", "body"));
  EXPECT_EQ(fs::file_size(folder.path() + "/s/segments/abc"), 4u);
  EXPECT_EQ(file_count(folder.path() + "/s/.tmp"), 0u);
  const auto reopened = open_folder_store(folder.path() + "/s/", false);
  ASSERT_TRUE(reopened.has_value());
  EXPECT_EQ(get(**reopened, "segments/abc")->view(), "body");
}

TEST(FolderStore, ReadsAreAligned) {
  const ScratchFolder folder;
  const auto store = open_new(folder);
  ASSERT_TRUE(put(*store, "a", std::string(1000, 'x')));
  const ReadRequest request{"a", 3, 500};
  const auto read = store->read_many(std::span(&request, 1)).front();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(read->data()) % 64, 0u);
}

TEST(FolderStore, SeesWhatOthersDeleteAndReplace) {
  const ScratchFolder folder;
  const auto store = open_new(folder);
  ASSERT_TRUE(put(*store, "a/b", "one"));
  ASSERT_EQ(get(*store, "a/b")->view(), "one");  // the file is now kept open
  const auto other = open_folder_store(folder.path() + "/s", false);
  const std::string key = "a/b";
  ASSERT_TRUE((*other)->delete_many(std::span(&key, 1)).front().has_value());
  EXPECT_EQ(get(*store, "a/b").error().code, Code::kNotFound);
  ASSERT_TRUE(put(**other, "a/b", "other"));
  EXPECT_EQ(get(*store, "a/b")->view(), "other");
}

TEST(FolderStore, ADirectoryThatWasRemovedIsMadeAgain) {
  const ScratchFolder folder;
  const auto store = open_new(folder);
  ASSERT_TRUE(put(*store, "x/y/z", "1"));
  ASSERT_TRUE(store->swap("refs/main", std::nullopt, Buffer::copy_of("1")).has_value());
  fs::remove_all(folder.path() + "/s/x");
  fs::remove_all(folder.path() + "/s/.tmp");
  EXPECT_TRUE(put(*store, "x/y/z", "2"));
  EXPECT_EQ(get(*store, "x/y/z")->view(), "2");
}

TEST(FolderStore, AMissingFolderIsSaidToBeMissing) {
  const ScratchFolder folder;
  const auto store = open_new(folder);
  ASSERT_TRUE(put(*store, "x/y", "1"));
  fs::remove_all(folder.path() + "/s");
  const std::string key = "x/y";
  const auto expect_gone = [](const auto& result) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::kNotFound);
    EXPECT_NE(result.error().message.find("is not there"), std::string::npos)
        << result.error().message;
  };
  expect_gone(get(*store, key));
  expect_gone(put(*store, "p/q", "2"));
  expect_gone(store->load("refs/main"));
  expect_gone(store->swap("refs/main", std::nullopt, Buffer()));
  expect_gone(store->list("", "", 10));
  expect_gone(store->delete_many(std::span(&key, 1)).front());
  EXPECT_FALSE(fs::exists(folder.path() + "/s"));  // a typing error must not make a new store
}

TEST(FolderStore, OpenRefusesWhatIsNoFolder) {
  const ScratchFolder folder;
  const std::string file = folder.path() + "/file";
  std::ofstream(file) << "x";
  EXPECT_EQ(open_folder_store(file, true).error().code, Code::kInvalidArgument);
  EXPECT_EQ(open_folder_store(file + "/below", true).error().code, Code::kInvalidArgument);
  EXPECT_EQ(open_folder_store("relative/path", true).error().code, Code::kInvalidArgument);
  EXPECT_EQ(open_folder_store("", true).error().code, Code::kInvalidArgument);
  EXPECT_EQ(open_folder_store("/", true).error().code, Code::kInvalidArgument);
  const auto absent = open_folder_store(folder.path() + "/none", false);
  EXPECT_EQ(absent.error().code, Code::kNotFound);
  EXPECT_NE(absent.error().message.find("/none"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder.path() + "/none"));
}

TEST(FolderStore, NoPermissionIsDenied) {
#if defined(DREAMDB_SANITIZE_THREAD)
  GTEST_SKIP() << "the thread sanitizer cannot start threads after a fork";
#endif
  const ScratchFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  const std::string root = folder.path() + "/s";
  {
    const auto store = open_new(folder);
    ASSERT_TRUE(put(*store, "a/b", "1"));
    ASSERT_TRUE(store->swap("refs/main", std::nullopt, Buffer::copy_of("1")).has_value());
  }
  for (const char* path : {"", "/a", "/.tmp", "/.swap", "/.swap/refs", "/.swap/refs/main"}) {
    ASSERT_EQ(chmod((root + path).c_str(), 0555), 0);
  }
  // Readable, not writable.
  EXPECT_EQ(as_nobody([&] {
              const auto store = open_folder_store(root, false);
              if (!store || !get(**store, "a/b")) return 1;
              const auto loaded = (*store)->load("refs/main");
              if (!loaded || !(*store)->list("", "", 9)) return 2;
              const auto denied = [](const auto& result) {
                return !result && result.error().code == Code::kDenied;
              };
              const std::string key = "a/b";
              if (!denied(put(**store, "a/c", "2"))) return 3;
              if (!denied((*store)->swap("refs/main", loaded->version, Buffer()))) return 4;
              if (!denied((*store)->delete_many(std::span(&key, 1)).front())) return 5;
              if ((*store)->wait_turn("refs/main", 10)) return 6;
              return 0;
            }),
            0);
  // Not even readable.
  ASSERT_EQ(chmod(root.c_str(), 0), 0);
  EXPECT_EQ(as_nobody([&] {
              const auto store = open_folder_store(root, false);
              return !store && store.error().code == Code::kDenied ? 0 : 1;
            }),
            0);
  ASSERT_EQ(chmod(root.c_str(), 0755), 0);
}

TEST(FolderStore, AFullDiskIsExhaustedAndLeavesEverythingReadable) {
  const ScratchFolder folder;
  const std::string disk = folder.path() + "/disk";
  fs::create_directory(disk);
  if (mount("none", disk.c_str(), "tmpfs", 0, "size=2m") != 0) {
    GTEST_SKIP() << "cannot mount a small tmpfs: " << std::strerror(errno);
  }
  {
    auto store = open_folder_store(disk + "/s", true);
    ASSERT_TRUE(store.has_value());
    ASSERT_TRUE(put(**store, "a/first", std::string(100'000, 'x')));
    const auto version = (*store)->swap("refs/main", std::nullopt, Buffer::copy_of("tip"));
    ASSERT_TRUE(version.has_value());
    const Status status = put(**store, "a/large", std::string(4 << 20, 'y'));
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, Code::kExhausted);
    EXPECT_NE(status.error().message.find(disk), std::string::npos);
    EXPECT_NE(status.error().message.find("free space"), std::string::npos);
    EXPECT_EQ(get(**store, "a/large").error().code, Code::kNotFound);
    EXPECT_EQ(file_count(disk + "/s/.tmp"), 0u);
    const auto swapped =
        (*store)->swap("refs/main", *version, Buffer::copy_of(std::string(4 << 20, 'z')));
    ASSERT_FALSE(swapped.has_value());
    EXPECT_EQ(swapped.error().code, Code::kExhausted);
    EXPECT_EQ((*store)->load("refs/main")->body.view(), "tip");
    EXPECT_EQ(get(**store, "a/first")->size(), 100'000u);
    EXPECT_TRUE(put(**store, "a/small", "fits"));
  }
  EXPECT_EQ(umount2(disk.c_str(), MNT_DETACH), 0);
}

TEST(FolderStore, TooManyOpenFilesIsSurvived) {
  const ScratchFolder folder;
  const auto store = open_new(folder);
  std::vector<ReadRequest> reads;
  for (int i = 0; i < 300; ++i) {
    reads.push_back({"o/" + std::to_string(i)});
    ASSERT_TRUE(put(*store, reads.back().key, std::to_string(i)));
  }
  // Also more files in one wave than stay open.
  const auto results = store->read_many(reads);
  for (size_t i = 0; i < reads.size(); ++i) EXPECT_EQ(results[i]->view(), std::to_string(i));
  EXPECT_LT(file_count("/proc/self/fd"), 200u);
  rlimit old_limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old_limit), 0);
  rlimit limit = old_limit;
  limit.rlim_cur = file_count("/proc/self/fd") + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(get(*store, "o/" + std::to_string(i))->view(), std::to_string(i));
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old_limit), 0);
}

TEST(FolderStore, StaleTemporaryFilesGoAtOpen) {
  const ScratchFolder folder;
  {
    ASSERT_TRUE(put(*open_new(folder), "a", "1"));
  }
  const std::string temporary = folder.path() + "/s/.tmp";
  std::ofstream(temporary + "/old") << "dead";
  std::ofstream(temporary + "/new") << "alive";
  const timespec times[2] = {{time(nullptr) - 2 * 86400, 0}, {time(nullptr) - 2 * 86400, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (temporary + "/old").c_str(), times, 0), 0);
  ASSERT_TRUE(open_folder_store(folder.path() + "/s", false).has_value());
  EXPECT_FALSE(fs::exists(temporary + "/old"));
  EXPECT_TRUE(fs::exists(temporary + "/new"));
}

TEST(FolderStore, ForeignFilesAreNotListed) {
  const ScratchFolder folder;
  const auto store = open_new(folder);
  ASSERT_TRUE(put(*store, "a/b", "1"));
  std::ofstream(folder.path() + "/s/.hidden") << "x";
  std::ofstream(folder.path() + "/s/a/with space") << "x";
  fs::create_directory_symlink(folder.path(), folder.path() + "/s/loop");
  fs::create_directories(folder.path() + "/s/empty/folders");
  const auto page = store->list("", "", 10);
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].key, "a/b");
}

TEST(FolderStore, ListsLargeDirectoriesInSmallPages) {
  const ScratchFolder folder;
  const auto store = open_new(folder);
  fs::create_directories(folder.path() + "/s/many");
  constexpr size_t kFiles = 3000;
  for (size_t i = 0; i < kFiles; ++i) {
    std::ofstream(folder.path() + "/s/many/" + std::to_string(i * 2654435761u)) << "x";
  }
  // Deleted mutable keys come before all files and fill the first reads of the directory.
  for (int i = 0; i < 600; ++i) {
    const std::string directory = folder.path() + "/s/.swap/many/-" + std::to_string(i);
    fs::create_directories(directory);
  }
  std::vector<std::string> keys;
  while (true) {
    const auto page = store->list("many/", keys.empty() ? "" : keys.back(), 100);
    ASSERT_TRUE(page.has_value()) << page.error().message;
    for (const ListedObject& object : page->objects) keys.push_back(object.key);
    if (!page->more) break;
    ASSERT_EQ(page->objects.size(), 100u);
  }
  EXPECT_EQ(keys.size(), kFiles);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

TEST(FolderStore, WorksInAChildAfterFork) {
#if defined(DREAMDB_SANITIZE_THREAD)
  GTEST_SKIP() << "the thread sanitizer cannot start threads after a fork";
#endif
  const ScratchFolder folder;
  const auto store = open_new(folder);
  std::vector<PutRequest> puts;
  for (int i = 0; i < 32; ++i) {
    puts.push_back({"a/" + std::to_string(i), Buffer::copy_of(std::string(1 << 16, 'x'))});
  }
  for (const Status& status : store->put_many(puts)) ASSERT_TRUE(status.has_value());
  std::vector<ReadRequest> reads;
  for (const PutRequest& request : puts) reads.push_back({request.key});
  const auto read_all = [&] {
    for (const auto& result : store->read_many(reads)) {
      if (!result || result->size() != 1 << 16) return false;
    }
    return true;
  };
  ASSERT_TRUE(read_all());
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    const bool ok = read_all() && put(*store, "from/child", "1") &&
                    store->swap("refs/child", std::nullopt, Buffer()).has_value();
    _exit(ok ? 0 : 1);
  }
  EXPECT_TRUE(read_all());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(get(*store, "from/child").has_value());
}

}  // namespace
}  // namespace dreamdb
