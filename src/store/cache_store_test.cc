#include "store/cache_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "runtime/quick_runtime.h"
#include "store/counting_store.h"
#include "store/memory_store.h"
#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kRest = std::numeric_limits<uint64_t>::max();

std::string segment(int index) {
  const std::string text = "segment " + std::to_string(index);
  return "segments/" + Address::of(std::as_bytes(std::span(text))).text();
}

// Bytes that differ from object to object and from place to place.
std::string body_of(int index, size_t size) {
  std::string body(size, '\0');
  std::mt19937_64 random(static_cast<uint64_t>(index));
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(body.data() + at, &word, std::min(sizeof word, size - at));
  }
  return body;
}

class CacheStoreTest : public testing::Test {
 protected:
  void SetUp() override { open(64 << 20); }

  void open(uint64_t size_bytes, Runtime* runtime = nullptr) {
    CacheOptions options{.folder = folder_.path() + "/cache", .size_bytes = size_bytes};
    options.warn = [this](const std::string& message) { warnings_.push_back(message); };
    options.runtime = runtime != nullptr ? runtime : &runtime_;
    auto opened = open_cache_store(counting_, options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *opened;
  }

  void put(int index, size_t size) {
    const PutRequest request{segment(index), Buffer::copy_of(body_of(index, size))};
    ASSERT_TRUE(memory_->put_many({&request, 1})[0]);
  }

  std::string get(int index, uint64_t offset = 0, uint64_t size = kRest) {
    const ReadRequest request{segment(index), offset, size};
    const auto reply = store_->read_many({&request, 1})[0];
    return reply ? std::string(reply->view()) : "error: " + reply.error().message;
  }

  uint64_t requests() const { return counting_->snapshot().requests(); }

  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path() + "/cache"))
      if (entry.is_regular_file() && entry.path().filename() != "usage")
        found.push_back(entry.path().string());
    return found;
  }

  uint64_t disk_bytes() const {
    uint64_t bytes = 0;
    for (const std::string& file : files()) {
      struct stat info{};
      if (stat(file.c_str(), &info) == 0) bytes += static_cast<uint64_t>(info.st_blocks) * 512;
    }
    return bytes;
  }

  // A file that is written here and there may need a block for its map, which nobody foresees.
  uint64_t map_bytes() const { return files().size() * 4096; }

  ScratchFolder folder_;
  QuickRuntime runtime_;
  std::vector<std::string> warnings_;
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>("test");
  std::shared_ptr<CountingStore> counting_ = std::make_shared<CountingStore>(memory_);
  std::shared_ptr<CacheStore> store_;
};

TEST_F(CacheStoreTest, ASecondReadAsksNothingWhateverItsCut) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4095}, size_t{4096}, size_t{4097},
                            size_t{3} << 20, (size_t{1} << 20) + 17}) {
    const int index = static_cast<int>(size);
    put(index, size);
    const std::string body = body_of(index, size);
    ASSERT_EQ(get(index), body) << size;
    counting_->reset();
    EXPECT_EQ(get(index), body) << size;
    EXPECT_EQ(get(index, 0, size + 1), body);
    EXPECT_EQ(get(index, size / 3, size / 2), body.substr(size / 3, size / 2));
    EXPECT_EQ(get(index, size, 5), "");
    EXPECT_EQ(requests(), size / 2 == 0 ? 1u : 0u) << size;  // no byte is asked for: passed on
  }
  EXPECT_GT(store_->counts().hits, 20u);
  EXPECT_EQ(store_->counts().damaged, 0u);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(CacheStoreTest, OfAWaveOnlyWhatIsMissingIsAskedForInOneWave) {
  for (int i = 0; i < 3; ++i) put(i, 2 << 20);
  get(0, 0, 500'000);
  get(1);
  counting_->reset();
  const std::vector<ReadRequest> wave = {{segment(0), 100'000, 1'500'000},
                                         {segment(1), 7, 1'000'000},
                                         {segment(2), 20'000, 16'384},
                                         {segment(2), 900'000, 16'384},
                                         {"refs/none", 0, 5}};
  const auto replies = store_->read_many(wave);
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(replies[i]) << replies[i].error().message;
    const int index = i == 0 ? 0 : i == 1 ? 1 : 2;
    EXPECT_TRUE(replies[i]->view() == body_of(index, 2 << 20).substr(wave[i].offset, wave[i].size))
        << i;
  }
  EXPECT_EQ(replies[4].error().code, Code::kNotFound);
  const StoreCounts counts = counting_->snapshot();
  EXPECT_EQ(counts.waves, 1u);
  EXPECT_EQ(counts.requests(), 4u);  // the rest of 0, two of 2, and what is not kept
  EXPECT_LT(counts.read_bytes, 1'100'000u + 2 * 16'384 + 6 * kGrainBytes);
  EXPECT_EQ(store_->counts().hits, 1u);
}

TEST_F(CacheStoreTest, OtherKeysGoToTheStoreEachTime) {
  const PutRequest request{"jobs/1/x", Buffer::copy_of("x")};
  ASSERT_TRUE(store_->put_many({&request, 1})[0]);
  const ReadRequest read{"jobs/1/x"};
  for (int i = 0; i < 2; ++i) EXPECT_EQ((*store_->read_many({&read, 1})[0]).view(), "x");
  EXPECT_EQ(counting_->snapshot().of(StoreOp::kGet), 2u);
  EXPECT_TRUE(files().empty());
  EXPECT_FALSE(is_content_key("segments/abc"));
  EXPECT_FALSE(is_content_key("refs/main"));
  EXPECT_FALSE(is_content_key(segment(1) + "/x"));
  EXPECT_TRUE(is_content_key(segment(1)));
}

TEST_F(CacheStoreTest, ErrorsAreTheStoresAndAreNotKept) {
  EXPECT_EQ(get(1).substr(0, 6), "error:");
  put(1, 100);
  EXPECT_EQ(get(1), body_of(1, 100));
}

TEST_F(CacheStoreTest, StoresThatShareAFolderDoNotMix) {
  put(1, 100);
  get(1);
  const auto other = std::make_shared<MemoryStore>("other");
  const PutRequest request{segment(1), Buffer::copy_of("other bytes")};
  ASSERT_TRUE(other->put_many({&request, 1})[0]);
  const auto second =
      open_cache_store(other, {.folder = folder_.path() + "/cache", .size_bytes = 64 << 20});
  const ReadRequest read{segment(1)};
  EXPECT_EQ((*(*second)->read_many({&read, 1})[0]).view(), "other bytes");
  EXPECT_EQ(get(1), body_of(1, 100));
}

TEST_F(CacheStoreTest, WhateverHappensToTheFilesNoWrongByteIsServed) {
  put(1, 3 << 20);
  put(2, 50'000);
  const std::string body = body_of(1, 3 << 20);
  std::mt19937_64 random(7);
  for (int round = 0; round < 60; ++round) {
    ASSERT_TRUE(get(1) == body) << round;
    ASSERT_EQ(get(2), body_of(2, 50'000)) << round;
    const std::vector<std::string> all = files();
    const std::string& file = all[random() % all.size()];
    const uint64_t size = fs::file_size(file);
    switch (round % 4) {
      case 0: {  // a bit turns
        std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
        const auto at = static_cast<std::streamoff>(random() % size);
        out.seekg(at);
        const char old = static_cast<char>(out.get());
        out.seekp(at);
        out.put(static_cast<char>(old ^ (1 << random() % 8)));
        break;
      }
      case 1: fs::resize_file(file, random() % size); break;
      case 2: {  // the file of another region or object
        const std::string& other = all[random() % all.size()];
        if (other != file) fs::copy_file(other, file, fs::copy_options::overwrite_existing);
        break;
      }
      default: {
        std::ofstream out(file, std::ios::binary | std::ios::trunc);
        out << body_of(round, random() % 10'000);
      }
    }
  }
  EXPECT_GT(store_->counts().damaged, 0u);
}

TEST_F(CacheStoreTest, ADamagedFileIsRemovedAndWrittenAnew) {
  put(1, 100'000);
  get(1);
  const std::string file = files().at(0);
  fs::resize_file(file, 50'000);
  EXPECT_EQ(get(1), body_of(1, 100'000));
  EXPECT_GT(store_->counts().damaged, 0u);
  counting_->reset();
  EXPECT_EQ(get(1), body_of(1, 100'000));
  const std::string again = get(1);
  EXPECT_EQ(again, body_of(1, 100'000));
  EXPECT_LE(requests(), 1u);  // what was sound in the removed file is fetched once more
}

TEST_F(CacheStoreTest, ForeignThingsInTheFolderAreNoConcern) {
  put(1, 100);
  get(1);
  const fs::path file = files().at(0);
  fs::remove(file);
  fs::create_directory(file);  // in the way
  EXPECT_EQ(get(1), body_of(1, 100));
  fs::remove(file);
  fs::create_symlink("/etc/hostname", file);
  EXPECT_EQ(get(1), body_of(1, 100));
  EXPECT_FALSE(fs::is_symlink(file));  // a folder stays in the way, a link does not
  EXPECT_TRUE(warnings_.empty());
  fs::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);  // opening one could wait for ever
  EXPECT_EQ(get(1), body_of(1, 100));
  std::ofstream(folder_.path() + "/cache/dreamdb-cache-1/usage") << "nonsense";
  EXPECT_TRUE(warnings_.empty() || warnings_.size() == 1) << warnings_[1];  // a FIFO takes no bytes
  runtime_.sleep_ns(60'000'000'000);
  get(1);
  counting_->reset();
  EXPECT_EQ(get(1), body_of(1, 100));
  EXPECT_EQ(requests(), 0u);
}

TEST_F(CacheStoreTest, TheFolderMayBeRemovedAtAnyTime) {
  put(1, 3 << 20);
  EXPECT_EQ(get(1), body_of(1, 3 << 20));
  fs::remove_all(folder_.path() + "/cache");
  EXPECT_EQ(get(1), body_of(1, 3 << 20));
  counting_->reset();
  EXPECT_EQ(get(1), body_of(1, 3 << 20));
  EXPECT_EQ(requests(), 0u);
  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(store_->counts().read_bytes, 3u << 20);
}

TEST_F(CacheStoreTest, TheBoundHoldsInALongRandomRun) {
  constexpr uint64_t kLimit = 16 << 20;
  open(kLimit);
  for (int i = 0; i < 40; ++i) put(i, 100 + static_cast<size_t>(i) * 40'000);  // 31 MB
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    const int index = static_cast<int>(random() % 40);
    const std::string body = body_of(index, 100 + static_cast<size_t>(index) * 40'000);
    const uint64_t offset = random() % body.size();
    const uint64_t size = random() % 3 == 0 ? kRest : random() % 300'000 + 1;
    ASSERT_TRUE(get(index, offset, size) == body.substr(offset, size));
    if (round % 10 == 0) {
      ASSERT_LE(disk_bytes(), kLimit) << round;
    }
    runtime_.sleep_ns(1'000'000'000);
  }
  EXPECT_LE(disk_bytes(), kLimit);
  EXPECT_GT(disk_bytes(), kLimit / 2);
  EXPECT_GT(store_->counts().hits, 100u);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(CacheStoreTest, WhatWasNotUsedForLongestGoesFirst) {
  open(16 << 20);
  for (int i = 0; i < 40; ++i) put(i, 1 << 20);
  for (int i = 0; i < 14; ++i) {
    get(i);
    runtime_.sleep_ns(60'000'000'000);
  }
  get(0);  // used again: 1 and 2 are the oldest now
  runtime_.sleep_ns(60'000'000'000);
  for (int i = 20; i < 22; ++i) get(i);
  counting_->reset();
  get(0);
  EXPECT_EQ(requests(), 0u);
  for (int i = 10; i < 14; ++i) get(i);
  EXPECT_EQ(requests(), 0u);
  get(1);
  EXPECT_EQ(requests(), 1u);
}

TEST_F(CacheStoreTest, AWaveLargerThanTheCacheKeepsAPart) {
  open(16 << 20);
  std::vector<ReadRequest> wave;
  for (int i = 0; i < 40; ++i) {
    put(i, 1 << 20);
    wave.push_back({segment(i)});
  }
  for (const auto& reply : store_->read_many(wave)) ASSERT_TRUE(reply);
  EXPECT_LE(disk_bytes(), 16u << 20);
  EXPECT_GT(disk_bytes(), 10u << 20);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(CacheStoreTest, ForgottenAndDeletedObjectsAreAskedForAgain) {
  put(1, 3 << 20);
  put(2, 100);
  get(1);
  get(2);
  const std::string key = segment(1);
  store_->forget({&key, 1});
  counting_->reset();
  get(2);
  EXPECT_EQ(requests(), 0u);
  EXPECT_TRUE(get(1) == body_of(1, 3 << 20));
  EXPECT_EQ(requests(), 1u);
  ASSERT_TRUE(store_->delete_many({&key, 1})[0]);
  EXPECT_EQ(get(1).substr(0, 6), "error:");
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(CacheStoreTest, AFolderThatCannotBeMadeIsAClearError) {
  std::ofstream(folder_.path() + "/file") << "x";
  const auto opened =
      open_cache_store(memory_, {.folder = folder_.path() + "/file/cache", .size_bytes = 64 << 20});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(folder_.path() + "/file"), std::string::npos);
  const auto small = open_cache_store(memory_, {.folder = folder_.path(), .size_bytes = 1000});
  EXPECT_EQ(small.error().code, Code::kInvalidArgument);
  EXPECT_EQ(open_cache_store(memory_, {.folder = "", .size_bytes = 1 << 30}).error().code,
            Code::kInvalidArgument);
}

TEST_F(CacheStoreTest, AFolderThatMustNotBeMadeIsGoneWithoutAndOneWarningSaysSo) {
  std::vector<std::string> warnings;
  CacheOptions options{.folder = "/sys/dreamdb-cache", .size_bytes = 64 << 20};
  options.warn = [&](const std::string& message) { warnings.push_back(message); };
  for (int i = 0; i < 3; ++i) {
    const auto opened = open_cache_store(memory_, options);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(*opened, nullptr);
  }
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("reading goes on without the cache in /sys/dreamdb-cache"),
            std::string::npos)
      << warnings[0];
}

TEST_F(CacheStoreTest, AFullDiskStopsTheCacheNotTheReads) {
#if defined(DREAMDB_SANITIZE_THREAD)
  GTEST_SKIP() << "the thread sanitizer cannot start threads after a fork";
#endif
  put(1, 1 << 20);
  put(2, 100);
  get(2);
  const pid_t child = fork();
  if (child == 0) {
    // No file may grow beyond 64 KiB: writes fail with EFBIG, as with ENOSPC on a full disk.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small{64 << 10, 64 << 10};
    bool good = setrlimit(RLIMIT_FSIZE, &small) == 0;
    for (int i = 0; i < 3; ++i) good = good && get(1) == body_of(1, 1 << 20);
    good = good && get(2) == body_of(2, 100) && warnings_.size() == 1;
    good = good && warnings_[0].find(folder_.path()) != std::string::npos;
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  counting_->reset();
  EXPECT_TRUE(get(1) == body_of(1, 1 << 20));  // this process has no such limit
  EXPECT_EQ(requests(), 1u);
  EXPECT_TRUE(get(1) == body_of(1, 1 << 20));
  EXPECT_EQ(requests(), 1u);
}

TEST_F(CacheStoreTest, AFolderThatCannotBeWrittenToIsStillRead) {
  put(1, 100);
  put(2, 100);
  get(1);
  // A folder in place of the file of the count fails for every user, root too.
  const std::string usage = folder_.path() + "/cache/dreamdb-cache-1/usage";
  fs::remove(usage);
  fs::create_directory(usage);
  counting_->reset();
  EXPECT_EQ(get(1), body_of(1, 100));
  EXPECT_EQ(requests(), 0u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(2), body_of(2, 100));
  EXPECT_EQ(requests(), 3u);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find(usage), std::string::npos) << warnings_[0];
  fs::remove(usage);
  runtime_.sleep_ns(60'000'000'000);  // it is tried again after a while
  get(2);
  get(2);
  EXPECT_EQ(requests(), 4u);
}

// Children read at random from one folder that is too small for all, and compare each byte.
TEST_F(CacheStoreTest, ProcessesShareAFolder) {
#if defined(DREAMDB_SANITIZE_THREAD)
  GTEST_SKIP() << "the thread sanitizer cannot start threads after a fork";
#endif
  constexpr uint64_t kLimit = 16 << 20;
  constexpr int kObjects = 30;
  std::vector<std::string> bodies;
  for (int i = 0; i < kObjects; ++i) {
    put(i, 1'000'000 + static_cast<size_t>(i));
    bodies.push_back(body_of(i, 1'000'000 + static_cast<size_t>(i)));
  }
  open(kLimit, &real_runtime());  // processes wait for each other in earnest
  std::vector<pid_t> children;
  for (int c = 0; c < 4; ++c) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    std::mt19937_64 random(static_cast<uint64_t>(c));
    bool good = true;
    for (int i = 0; i < 150 && good; ++i) {
      const size_t index = random() % kObjects;
      const uint64_t offset = random() % 900'000;
      const uint64_t size = random() % 400'000 + 1;
      good = get(static_cast<int>(index), offset, size) == bodies[index].substr(offset, size);
    }
    _exit(good && warnings_.empty() ? 0 : 1);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  EXPECT_LE(disk_bytes(), kLimit + map_bytes());
  EXPECT_GT(disk_bytes(), kLimit / 2);
}

TEST_F(CacheStoreTest, AProcessThatIsKilledLeavesNothingWrong) {
#if defined(DREAMDB_SANITIZE_THREAD)
  GTEST_SKIP() << "the thread sanitizer cannot start threads after a fork";
#endif
  constexpr uint64_t kLimit = 16 << 20;
  std::vector<std::string> bodies;
  for (int i = 0; i < 30; ++i) {
    put(i, 1'000'000);
    bodies.push_back(body_of(i, 1'000'000));
  }
  open(kLimit, &real_runtime());  // processes wait for each other in earnest
  std::mt19937_64 random(5);
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0)
      for (int i = round;; ++i) get(i % 30);
    usleep(static_cast<useconds_t>(random() % 15'000));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    ASSERT_LE(disk_bytes(), kLimit + map_bytes()) << round;
    for (int i = 0; i < 30; i += 7) ASSERT_TRUE(get(i) == bodies[static_cast<size_t>(i)]) << round;
  }
  EXPECT_LE(disk_bytes(), kLimit + map_bytes());
  EXPECT_TRUE(warnings_.empty());
}

}  // namespace
}  // namespace dreamdb
