// Plain names of mutable keys: what a web server that serves the folder gives out.
#include "store/folder_copy.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "store/folder_store.h"
#include "store/key.h"
#include "store/scratch_folder.h"
#include "store/version_file.h"

namespace dreamdb {
namespace {

namespace fs = std::filesystem;

class FolderCopyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = open_folder_store(folder_.path(), false);
    ASSERT_TRUE(store.has_value());
    store_ = *store;
  }

  void swap(const std::string& key, const std::string& body) {
    const auto loaded = store_->load(key);
    const auto swapped = store_->swap(key, loaded ? std::optional(loaded->version) : std::nullopt,
                                      Buffer::copy_of(body));
    ASSERT_TRUE(swapped.has_value()) << swapped.error().message;
  }

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  std::string bytes(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // What the plain name says: "body" or "deleted"; its sequence in front.
  std::string said(const std::string& key) const {
    const std::string file = bytes(plain_name(key));
    const auto header = parse_any_version(std::as_bytes(std::span(file)), key);
    if (!header) return "error: " + header.error().message;
    return std::to_string(header->sequence) + " " +
           (header->deleted ? "deleted" : file.substr(kVersionHeaderSize));
  }

  ScratchFolder folder_;
  std::shared_ptr<Store> store_;
};

TEST_F(FolderCopyTest, EachSwapSetsThePlainName) {
  swap("refs/main", "one");
  EXPECT_EQ(said("refs/main"), "1 one");
  swap("refs/main", "two");
  EXPECT_EQ(said("refs/main"), "2 two");
  swap("refs/main/deep", "below");
  EXPECT_EQ(said("refs/main/deep"), "1 below");
  const PutRequest object{"segments/a", Buffer::copy_of("a")};
  ASSERT_TRUE(store_
                  ->publish(std::span(&object, 1), "refs/main", store_->load("refs/main")->version,
                            Buffer::copy_of("three"))
                  .swapped->has_value());
  EXPECT_EQ(said("refs/main"), "3 three");
  ASSERT_TRUE(store_->swap_delete("refs/main", store_->load("refs/main")->version));
  EXPECT_EQ(said("refs/main"), "4 deleted");
  EXPECT_TRUE(fs::is_empty(path(".tmp")));
}

TEST_F(FolderCopyTest, ItIsTheVersionFileItselfAndOutlivesIt) {
  swap("refs/m", "kept");
  EXPECT_TRUE(fs::equivalent(path("refs/m.ref"), path(".swap/refs/m/" + version_file_name(1))));
  fs::remove_all(path(".swap/refs/m"));
  EXPECT_EQ(said("refs/m"), "1 kept");
}

TEST_F(FolderCopyTest, APlainNameIsNoKey) {
  swap("refs/main", "one");
  const auto page = store_->list("", "", 10);
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].key, "refs/main");
  const ReadRequest read{"refs/main.ref"};
  EXPECT_EQ(store_->read_many(std::span(&read, 1)).front().error().code, Code::kInvalidArgument);
  const std::string key = "refs/main.ref";
  EXPECT_FALSE(store_->delete_many(std::span(&key, 1)).front().has_value());
  EXPECT_EQ(said("refs/main"), "1 one");
}

TEST_F(FolderCopyTest, ALateWriterDoesNotSetItBack) {
  FolderFiles files(folder_.path(), real_runtime());
  swap("refs/m", "one");
  fs::create_hard_link(path(".swap/refs/m/" + version_file_name(1)), path(".tmp/late"));
  for (int i = 2; i <= 40; ++i) swap("refs/m", std::to_string(i));
  EXPECT_EQ(said("refs/m"), "40 40");
  set_plain_name(files, "refs/m", 1, path(".tmp/late"));  // its version is pruned by now
  EXPECT_EQ(said("refs/m"), "40 40");
  fs::create_hard_link(path(".swap/refs/m/" + version_file_name(38)), path(".tmp/late"));
  set_plain_name(files, "refs/m", 38, path(".tmp/late"));
  EXPECT_EQ(said("refs/m"), "40 40");
  EXPECT_TRUE(fs::is_empty(path(".tmp")));
}

TEST_F(FolderCopyTest, AfterARaceItIsTheLastOne) {
  for (int round = 0; round < 10; ++round) {
    const std::string key = "refs/r" + std::to_string(round);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const auto store = open_folder_store(folder_.path(), false);
        for (int i = 0; i < 10; ++i) {
          const auto loaded = (*store)->load(key);
          (void)(*store)->swap(key, loaded ? std::optional(loaded->version) : std::nullopt,
                               Buffer::copy_of(std::to_string(100 * t + i)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string last(store_->load(key)->body.view());
    EXPECT_EQ(said(key).substr(said(key).find(' ') + 1), last);
  }
  EXPECT_TRUE(fs::is_empty(path(".tmp")));
}

TEST_F(FolderCopyTest, WhatIsMissingOrBehindIsMended) {
  FolderFiles files(folder_.path(), real_runtime());
  for (const char* key : {"refs/a", "refs/a/b", "refs/c"}) swap(key, "one");
  EXPECT_EQ(mend_plain_names(files).value(), 0u);
  fs::remove_all(path("refs"));
  EXPECT_EQ(mend_plain_names(files).value(), 3u);
  EXPECT_EQ(said("refs/a/b"), "1 one");
  fs::copy_file(path("refs/c.ref"), path("old"));
  swap("refs/c", "two, longer");
  fs::rename(path("old"), path("refs/c.ref"));  // as a restored copy of the folder has it
  EXPECT_EQ(mend_plain_names(files).value(), 1u);
  EXPECT_EQ(said("refs/c"), "2 two, longer");
  EXPECT_EQ(mend_plain_names(files).value(), 0u);
  fs::remove(path("refs/c.ref"));
  swap("refs/c", "three");  // the next swap mends too
  EXPECT_EQ(said("refs/c"), "3 three");
}

TEST_F(FolderCopyTest, WithoutHardLinksTheVersionIsLinkedOrCopiedAnew) {
  FolderFiles files(folder_.path(), real_runtime());
  swap("refs/m", "one");
  swap("refs/m", "two");
  fs::remove_all(path("refs"));
  set_plain_name(files, "refs/m", 2, path(".tmp/moved"));  // it became the version's own name
  EXPECT_EQ(said("refs/m"), "2 two");
  EXPECT_TRUE(fs::is_empty(path(".tmp")));
}

TEST_F(FolderCopyTest, AFolderThatTakesNoPlainNamesTakesSwaps) {
  std::ofstream(path("refs")) << "in the way";
  swap("refs/main", "one");
  swap("refs/main", "two");
  EXPECT_EQ(store_->load("refs/main")->body.view(), "two");
  EXPECT_TRUE(fs::is_empty(path(".tmp")));
}

TEST_F(FolderCopyTest, ARefWrittenByOtherMeansIsNotReplaced) {
  fs::create_directories(path("refs"));
  std::ofstream(path("refs/main.ref")) << "written by WebDAV";
  const auto swapped = store_->swap("refs/main", std::nullopt, Buffer::copy_of("one"));
  ASSERT_FALSE(swapped.has_value());
  EXPECT_EQ(swapped.error().code, Code::kUnsupported);
  EXPECT_NE(swapped.error().message.find("main.ref"), std::string::npos);
  EXPECT_EQ(bytes("refs/main.ref"), "written by WebDAV");
}

TEST_F(FolderCopyTest, AFolderCopiedWithoutItsHiddenFilesIsNotTakenForAnEmptyOne) {
  swap("refs/main", "one");
  swap("refs/main", "two");
  fs::remove_all(path(".swap"));
  const auto expect_corruption = [](const auto& result) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::kCorruption);
    EXPECT_NE(result.error().message.find("hidden files"), std::string::npos);
    EXPECT_NE(result.error().message.find("version 2"), std::string::npos);
  };
  expect_corruption(store_->load("refs/main"));
  expect_corruption(store_->swap("refs/main", std::nullopt, Buffer::copy_of("three")));
  EXPECT_EQ(said("refs/main"), "2 two");
  EXPECT_EQ(store_->load("refs/other").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace dreamdb
