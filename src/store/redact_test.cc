#include "store/redact.h"

#include <gtest/gtest.h>

#include <vector>

namespace dreamdb {
namespace {

const std::vector<std::string> kSecrets = {"wJalrXUtn/FEMI+K7", "FwoGZXIv==", ""};

TEST(Redact, SecretsAreNotShownAsTheyAreNorEscaped) {
  for (const char* said : {"key wJalrXUtn/FEMI+K7 is bad", "key wJalrXUtn%2FFEMI%2BK7 is bad",
                           "key wJalrXUtn%2fFEMI%2bK7 is bad", "key wJalrXUtn/FEMI%2BK7 is bad",
                           "key FwoGZXIv== is bad", "key FwoGZXIv%3D%3D is bad"})
    EXPECT_EQ(redacted(said, kSecrets), "key (redacted) is bad");
  EXPECT_EQ(redacted("FwoGZXIv==FwoGZXIv==", kSecrets), "(redacted)(redacted)");
}

TEST(Redact, SignaturesAreNotShown) {
  const std::string digits(64, 'a');
  EXPECT_EQ(redacted("Signature=" + digits + ", x", {}), "Signature=(redacted), x");
  EXPECT_EQ(redacted(digits, {}), "(redacted)");
  for (const std::string& other : {digits + "0", digits.substr(1), std::string("no digits")})
    EXPECT_EQ(redacted(other, {}), other);
}

TEST(Redact, WhatIsShortOrEmptyStays) {
  EXPECT_EQ(redacted("SK of the sky", std::vector<std::string>{"SK", ""}), "SK of the sky");
  EXPECT_EQ(redacted("", kSecrets), "");
}

}  // namespace
}  // namespace dreamdb
