// Keys: what is allowed, what is refused, and that no allowed key leaves its folder.
#include "store/key.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>

namespace dreamdb {
namespace {

TEST(Key, AcceptsTheKeysOfASpace) {
  for (const char* key :
       {"refs/main", "refs/a/b", "refs/main@v1", "refs/-", "a", "a.b", "jobs/x=1/out_2.bin",
        "segments/bz5xg4tfnrqxg2lomfxg64tfmfwgk3dpnz2gkzlsfzsgs3tf"}) {
    EXPECT_TRUE(check_key(key).has_value()) << key;
  }
  EXPECT_TRUE(check_key(std::string(255, 'x')).has_value());
}

TEST(Key, SaysWhatIsWrong) {
  const auto bad = check_key("refs/../../etc/pass\nwd");
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().code, Code::kInvalidArgument);
  EXPECT_EQ(bad.error().message,
            "key \"refs/../../etc/pass\\x0awd\" is not allowed: a segment begins with '.'");
}

TEST(Key, NoAllowedKeyLeavesItsFolder) {
  rc::check([] {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::element('a', '/', '.', '~', '@', '\0', '\n', '-', '\x80', 'Z'));
    if (!check_key(text)) return;
    const std::filesystem::path root = "/root/store";
    const std::string path = (root / text).lexically_normal().string();
    RC_ASSERT(path == "/root/store/" + text);
    RC_ASSERT(text.find("/.") == std::string::npos);
    RC_ASSERT(text.find('~') == std::string::npos);
  });
}

TEST(Key, PrintableIsShortAscii) {
  EXPECT_EQ(printable("a\"\\\xff"), "a\\x22\\x5c\\xff");
  EXPECT_LT(printable(std::string(5000, '\n')).size(), 300u);
  EXPECT_EQ(first_segment("refs/a/b"), "refs");
  EXPECT_EQ(first_segment("refs"), "refs");
}

}  // namespace
}  // namespace dreamdb
