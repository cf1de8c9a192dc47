// A folder store broken on the disk: version files of refs, objects gone, stale or mixed up.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "store/folder_store.h"
#include "store/scratch_folder.h"
#include "tests/corruption/everything.h"

namespace dreamdb::corruption {
namespace {

namespace fs = std::filesystem;
using model::row_range;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class BrokenFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    auto ds = create_in(model::space_on(*open_folder_store(folder_.path(), true)), "main",
                        model::full_schema());
    ASSERT_TRUE(ds);
    ASSERT_TRUE(ds->append(model::rows_of(row_range(1, 4, 1))));
    older_ = *model::read_state(*ds);
    ASSERT_TRUE(ds->append(model::rows_of(row_range(50, 4, 1))));
    newest_ = *model::read_state(*ds);
    ASSERT_TRUE(ds->branch("side"));
  }

  // Nothing cached: a store, a space and a handle of their own.
  Result<model::State> read(const std::string& ref = "main") {
    DREAMDB_ASSIGN(const auto store, open_folder_store(folder_.path(), false));
    DREAMDB_ASSIGN(const Dataset ds, open_in(model::space_on(store), ref));
    return model::read_state(ds);
  }

  fs::path swap_folder(const std::string& ref = "main") const {
    return fs::path(folder_.path()) / ".swap/refs" / ref;
  }

  // The newest version file of a ref.
  fs::path version_file(const std::string& ref = "main") const {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(swap_folder(ref)))
      if (entry.path().filename() != "~lock") newest = std::max(newest, entry.path());
    return newest;
  }

  ScratchFolder folder_;
  model::State older_, newest_;
};

TEST_F(BrokenFolder, EachBitOfAVersionFile) {
  const fs::path path = version_file();
  const std::string whole = read_file(path);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string broken = whole;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << bit % 8));
    write_file(path, broken);
    const auto state = read();
    ASSERT_FALSE(state) << "bit " << bit << " was not found";
    EXPECT_TRUE(state.error().code == Code::kCorruption || state.error().code == Code::kUnsupported)
        << state.error().message;
    EXPECT_NE(state.error().message.find(path.filename()), std::string::npos)
        << state.error().message;
  }
  for (size_t size = 0; size < whole.size(); ++size) {
    write_file(path, std::string_view(whole).substr(0, size));
    const auto state = read();
    ASSERT_FALSE(state) << "cut to " << size;
    EXPECT_EQ(state.error().code, Code::kCorruption) << state.error().message;
  }
  std::cout << whole.size() * 8 << " flips and " << whole.size() << " cuts of a version file\n";
  // A writer does not build on what it cannot read.
  const auto store = *open_folder_store(folder_.path(), false);
  write_file(path, whole);
  auto ds = open_in(model::space_on(store), "main");
  ASSERT_TRUE(ds);
  write_file(path, whole.substr(0, 80));
  EXPECT_FALSE(ds->append(model::rows_of(row_range(90, 1, 1))));
  write_file(path, whole);
  EXPECT_EQ(*read(), newest_);
}

// A version file that was removed, or an older one in its place, shows an older version, whole.
TEST_F(BrokenFolder, AnOlderVersionIsWhole) {
  const fs::path path = version_file();
  const std::string newest = read_file(path);
  fs::remove(path);
  const auto state = read();
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(*state, older_);
  // The older file under the newest name says another number inside.
  const fs::path before = version_file();
  write_file(path, read_file(before));
  const auto renamed = read();
  ASSERT_FALSE(renamed);
  EXPECT_EQ(renamed.error().code, Code::kCorruption) << renamed.error().message;
  write_file(path, newest);
  EXPECT_EQ(*read(), newest_);
}

TEST_F(BrokenFolder, EachFileGoneCutEmptyOrAFolder) {
  uint64_t files = 0, found = 0;
  for (const char* kind : {"manifests", "pages", "segments"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(folder_.path()) / kind)) {
      const std::string whole = read_file(entry.path());
      const auto judge = [&](const std::string& what) {
        ++files;
        const auto state = read();
        if (state) {
          EXPECT_EQ(*state, newest_) << entry.path() << " " << what;
          return;
        }
        ++found;
        EXPECT_EQ(state.error().code, Code::kCorruption) << what << ": " << state.error().message;
        EXPECT_NE(state.error().message.find(entry.path().filename()), std::string::npos)
            << state.error().message;
      };
      fs::remove(entry.path());
      judge("gone");
      fs::create_directory(entry.path());
      judge("a folder");
      fs::remove(entry.path());
      write_file(entry.path(), "");
      judge("empty");
      write_file(entry.path(), whole.substr(0, whole.size() / 2));
      judge("cut");
      write_file(entry.path(), std::string(whole.size(), '\0'));
      judge("zeros");
      write_file(entry.path(), whole);
    }
  }
  EXPECT_GT(found, files / 2);
  EXPECT_EQ(*read(), newest_);
  std::cout << files << " breaks, " << found << " found while reading the newest version\n";
}

// A handle that is open reads what is on the disk, not what was there; what it has verified it
// may go on using.
TEST_F(BrokenFolder, AnOpenHandleFindsItToo) {
  const auto store = *open_folder_store(folder_.path(), false);
  auto ds = open_in(model::space_on(store), "main");
  ASSERT_TRUE(ds);
  for (const auto& entry : fs::directory_iterator(fs::path(folder_.path()) / "segments")) {
    std::string broken = read_file(entry.path());
    broken[broken.size() / 2] = static_cast<char>(broken[broken.size() / 2] ^ 0x10);
    write_file(entry.path(), broken);
  }
  const auto state = model::read_state(*ds);
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Code::kCorruption) << state.error().message;
}

}  // namespace
}  // namespace dreamdb::corruption
