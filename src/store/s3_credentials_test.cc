// Where keys come from, that tokens are read again, and that no message shows them.
#include "store/s3_credentials.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "store/scratch_folder.h"

namespace dreamdb {
namespace {

class Clock final : public Runtime {
 public:
  uint64_t now_ns() override { return now; }
  uint64_t monotonic_ns() override { return now; }
  void sleep_ns(uint64_t duration_ns) override { now += duration_ns; }
  void random(std::span<std::byte>) override {}
  uint64_t now = 1'767'323'045'000'000'000;  // 2026-01-02T03:04:05Z
};

class S3Credential : public testing::Test {
 public:
  Environment environment() {
    return [this](const std::string& name) { return variables[name]; };
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder.path() + "/" + name) << text;
  }
  void use_files() {
    variables["AWS_SHARED_CREDENTIALS_FILE"] = folder.path() + "/credentials";
    variables["AWS_CONFIG_FILE"] = folder.path() + "/config";
  }

  ScratchFolder folder;
  std::map<std::string, std::string> variables;
  Clock clock;
};

TEST_F(S3Credential, VariablesComeFirst) {
  use_files();
  write("credentials", "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n");
  variables["AWS_ACCESS_KEY_ID"] = "ENV";
  variables["AWS_SECRET_ACCESS_KEY"] = "secret";
  variables["AWS_SESSION_TOKEN"] = "token";
  S3CredentialSource source(environment(), clock);
  const auto keys = source.current();
  ASSERT_TRUE(keys.has_value() && keys->credentials.has_value());
  EXPECT_EQ(keys->credentials->access_key, "ENV");
  EXPECT_EQ(keys->credentials->session_token, "token");
  EXPECT_EQ(source.origin(), "AWS_ACCESS_KEY_ID");
  variables["AWS_NO_SIGN_REQUEST"] = "YES";
  S3CredentialSource anonymous(environment(), clock);
  EXPECT_FALSE(anonymous.current()->credentials.has_value());
  EXPECT_FALSE(read_s3_settings(environment())->has_keys);
}

TEST_F(S3Credential, ProfilesOfBothFilesAreOne) {
  use_files();
  variables["AWS_PROFILE"] = "train";
  write("config",
        "[profile train]\nregion = eu-west-1\nendpoint_url = http://a:1,http://b:2\n"
        "ca_bundle = /ca.pem\ns3 =\n addressing_style = virtual\naws_access_key_id = OLD\n");
  write("credentials", "[train]\naws_access_key_id=NEW\naws_secret_access_key=s\n");
  S3CredentialSource source(environment(), clock);
  EXPECT_EQ(source.current()->credentials->access_key, "NEW");
  EXPECT_EQ(source.origin(), "profile train of " + folder.path() + "/credentials");
  auto settings = read_s3_settings(environment());
  ASSERT_TRUE(settings.has_value());
  EXPECT_TRUE(settings->has_keys);
  EXPECT_EQ(settings->region, "eu-west-1");
  EXPECT_EQ(settings->endpoint_urls, "http://a:1,http://b:2");
  EXPECT_EQ(settings->ca_file, "/ca.pem");
  EXPECT_EQ(settings->addressing, "virtual");
  variables["AWS_REGION"] = "us-west-2";
  variables["AWS_ENDPOINT_URL"] = "http://c:3";
  settings = read_s3_settings(environment());
  EXPECT_EQ(settings->region, "us-west-2");
  EXPECT_EQ(settings->endpoint_urls, "http://c:3");
}

TEST_F(S3Credential, WithoutAnythingRequestsAreAnonymous) {
  use_files();
  S3CredentialSource source(environment(), clock);
  ASSERT_TRUE(source.current().has_value());
  EXPECT_FALSE(source.current()->credentials.has_value());
}

TEST_F(S3Credential, MistakesAreNamedWithoutSecrets) {
  use_files();
  const auto message = [&] {
    const auto keys = S3CredentialSource(environment(), clock).current();
    EXPECT_FALSE(keys.has_value());
    return keys ? "" : keys.error().message;
  };
  variables["AWS_PROFILE"] = "none";
  EXPECT_NE(message().find("AWS_PROFILE names \"none\""), std::string::npos);
  variables.erase("AWS_PROFILE");
  variables["AWS_SECRET_ACCESS_KEY"] = "hush";
  EXPECT_NE(message().find("no key id"), std::string::npos);
  EXPECT_EQ(message().find("hush"), std::string::npos);
  variables["AWS_ACCESS_KEY_ID"] = "AK";
  variables["AWS_SECRET_ACCESS_KEY"] = "hush\r\nx-evil: 1";
  EXPECT_NE(message().find("without quotes or line ends"), std::string::npos);
  EXPECT_EQ(message().find("hush"), std::string::npos);
}

TEST_F(S3Credential, KeysThatAreToBeHadElsewhereAreNotAnonymous) {
  use_files();
  write("credentials", "[base]\naws_access_key_id=BASE\naws_secret_access_key=hush\n");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"source_profile = base", "source_profile"},
      {"role_arn = arn:aws:iam::1:role/x\nsource_profile = base", "role_arn"},
      {"sso_session = corp\nsso_account_id = 1", "sso_session"},
      {"sso_start_url = https://x.awsapps.com/start", "sso_start_url"},
      {"credential_process = /opt/keys --hush", "credential_process"}};
  for (const auto& [lines, name] : cases) {
    write("config", "[profile train]\nregion = eu-west-1\n" + lines +
                        "\n[sso-session corp]\nsso_region = us-east-1\n[default]\n" + lines + "\n");
    for (const std::string profile : {"train", ""}) {
      variables["AWS_PROFILE"] = profile;
      const auto keys = S3CredentialSource(environment(), clock).current();
      ASSERT_FALSE(keys.has_value()) << lines;
      EXPECT_EQ(keys.error().code, Code::kUnsupported);
      const std::string& message = keys.error().message;
      const std::string shown = profile.empty() ? "default" : profile;
      EXPECT_NE(message.find("profile " + shown + " of " + folder.path() + "/config"),
                std::string::npos)
          << message;
      EXPECT_NE(message.find("its " + name + " gets them"), std::string::npos) << message;
      EXPECT_NE(message.find("aws configure export-credentials --profile " + shown),
                std::string::npos);
      EXPECT_EQ(message.find("hush"), std::string::npos);
      const auto settings = read_s3_settings(environment());
      ASSERT_TRUE(settings.has_value()) << "a web server is read all the same";
      EXPECT_EQ(settings->has_keys, !profile.empty());
      EXPECT_EQ(settings->region, profile.empty() ? "" : "eu-west-1");
    }
    variables["AWS_NO_SIGN_REQUEST"] = "true";
    EXPECT_FALSE(S3CredentialSource(environment(), clock).current()->credentials.has_value());
    variables.erase("AWS_NO_SIGN_REQUEST");
  }
  // Keys beside it are used, and a profile that says nothing of keys is anonymous.
  variables["AWS_PROFILE"] = "base";
  EXPECT_EQ(S3CredentialSource(environment(), clock).current()->credentials->access_key, "BASE");
  variables["AWS_PROFILE"] = "plain";
  write("config", "[profile plain]\nregion = eu-west-1\n");
  EXPECT_FALSE(S3CredentialSource(environment(), clock).current()->credentials.has_value());
}

TEST_F(S3Credential, KeysThatVariablesPromiseAreNotAnonymous) {
  use_files();
  for (const std::string name :
       {"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI"}) {
    variables[name] = "/hush";
    const auto keys = S3CredentialSource(environment(), clock).current();
    ASSERT_FALSE(keys.has_value()) << name;
    EXPECT_EQ(keys.error().code, Code::kUnsupported);
    EXPECT_NE(keys.error().message.find(name + " gets them"), std::string::npos);
    EXPECT_NE(keys.error().message.find("aws configure export-credentials --format env"),
              std::string::npos);
    EXPECT_EQ(keys.error().message.find("hush"), std::string::npos);
    const auto settings = read_s3_settings(environment());
    ASSERT_TRUE(settings.has_value()) << "a web server is read all the same";
    EXPECT_FALSE(settings->has_keys);
    variables["AWS_NO_SIGN_REQUEST"] = "true";
    EXPECT_FALSE(S3CredentialSource(environment(), clock).current()->credentials.has_value());
    variables.erase("AWS_NO_SIGN_REQUEST");
    // Keys that are there are used.
    variables["AWS_ACCESS_KEY_ID"] = "AK";
    variables["AWS_SECRET_ACCESS_KEY"] = "s";
    EXPECT_TRUE(S3CredentialSource(environment(), clock).current()->credentials.has_value());
    variables.erase("AWS_ACCESS_KEY_ID");
    variables.erase("AWS_SECRET_ACCESS_KEY");
    variables.erase(name);
  }
  EXPECT_FALSE(S3CredentialSource(environment(), clock).current()->credentials.has_value());
}

TEST_F(S3Credential, TokensAreReadAgain) {
  use_files();
  const auto write_token = [&](const std::string& token, const std::string& expires) {
    write("credentials",
          "[default]\naws_access_key_id=A\naws_secret_access_key=s\n"
          "aws_session_token=" +
              token + "\nx_security_token_expires=" + expires);
  };
  write_token("one", "2026-01-02T04:00:00Z");
  S3CredentialSource source(environment(), clock);
  const auto one = source.current();
  EXPECT_EQ(one->credentials->session_token, "one");
  write_token("two", "2026-01-02T05:00:00Z");
  clock.now += 1'800'000'000'000;  // half an hour: still good
  EXPECT_EQ(source.current()->credentials->session_token, "one");
  clock.now += 1'620'000'000'000;  // 04:01: expired
  EXPECT_EQ(source.current()->credentials->session_token, "two");
  EXPECT_TRUE(source.renew(one->generation));  // was renewed meanwhile
  const uint64_t two = source.current()->generation;
  clock.now += 2'000'000'000;
  EXPECT_FALSE(source.renew(two));  // the file has no other
  write_token("three", "2026-01-02T06:00:00Z");
  EXPECT_FALSE(source.renew(two));  // within the same second
  clock.now += 2'000'000'000;
  EXPECT_TRUE(source.renew(two));
  EXPECT_EQ(source.current()->credentials->session_token, "three");
  clock.now += 2'000'000'000;
  write("credentials", "half a fi");  // being written
  EXPECT_FALSE(source.renew(source.current()->generation));
  EXPECT_EQ(source.current()->credentials->session_token, "three");
}

}  // namespace
}  // namespace dreamdb
