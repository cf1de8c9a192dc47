#include "store/aws_profile.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

TEST(AwsProfile, ReadsWhatTheToolsWrite) {
  const auto profiles = parse_aws_profiles(
      "# comment\r\n[default]\r\naws_access_key_id = AKID\r\nAWS_SECRET_ACCESS_KEY=a/b+c=d\r\n"
      "\n; other\n[profile train]\nregion = eu-west-1 # here\ns3 =\n  addressing_style = virtual\n"
      "output=json\n[sso-session x]\nsso_region = us-east-1\n[plain]\nendpoint_url = http://h:1\n",
      "f");
  ASSERT_TRUE(profiles.has_value()) << profiles.error().message;
  EXPECT_EQ(profiles->at("default").at("aws_access_key_id"), "AKID");
  EXPECT_EQ(profiles->at("default").at("aws_secret_access_key"), "a/b+c=d");
  EXPECT_EQ(profiles->at("train").at("region"), "eu-west-1");
  EXPECT_EQ(profiles->at("train").at("s3.addressing_style"), "virtual");
  EXPECT_EQ(profiles->at("train").at("output"), "json");
  EXPECT_EQ(profiles->at("plain").at("endpoint_url"), "http://h:1");
  EXPECT_EQ(profiles->count("sso-session x"), 1u);
  EXPECT_TRUE(parse_aws_profiles("", "f")->empty());
}

TEST(AwsProfile, ErrorsTellTheLineAndNoSecret) {
  for (const char* text : {"[default]\nsecret\n", "\naws_secret_access_key = secret\n",
                           "[default]\n= secret", "#\n[secret\n", "#\n[]\n"}) {
    const auto profiles = parse_aws_profiles(text, "/home/u/.aws/credentials");
    ASSERT_FALSE(profiles.has_value()) << text;
    EXPECT_EQ(profiles.error().code, Code::kInvalidArgument);
    EXPECT_NE(profiles.error().message.find("/home/u/.aws/credentials, line 2:"),
              std::string::npos);
    EXPECT_EQ(profiles.error().message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace dreamdb
