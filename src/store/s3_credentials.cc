#include "store/s3_credentials.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/text.h"
#include "store/aws_profile.h"
#include "store/key.h"
#include "store/s3_xml.h"

namespace dreamdb {

namespace {

constexpr uint64_t kRenewBeforeNs = 300'000'000'000;
constexpr uint64_t kReadAgainNs = 1'000'000'000;
constexpr size_t kReplacedMax = 8;
constexpr off_t kProfileFileSizeMax = 1 << 20;

// A file of the AWS tools; empty text when it is not there.
Result<std::string> read_profile_file(const std::string& path) {
  struct stat info{};
  if (path.empty() || stat(path.c_str(), &info) != 0) return std::string();
  if (S_ISDIR(info.st_mode))
    return fail(Code::kInvalidArgument, path +
                                            " is a folder; AWS_SHARED_CREDENTIALS_FILE and "
                                            "AWS_CONFIG_FILE name files of AWS profiles");
  if (info.st_size > kProfileFileSizeMax)
    return fail(Code::kInvalidArgument,
                path + " has more than 1 MiB: is it a file of AWS profiles?");
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(Code::kDenied, path +
                                   " cannot be read; correct its permissions, or set "
                                   "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string file_path(const Environment& environment, const std::string& variable,
                      std::string_view name) {
  if (std::string path = environment(variable); !path.empty()) return path;
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + "/.aws/" + std::string(name);
}

// The profile in use: settings of the credentials file over those of the config file.
struct UsedProfile {
  std::string name;
  std::string file;  // with its keys; without keys the last that has it
  AwsProfile settings;
};

Result<UsedProfile> read_profile(const Environment& environment) {
  UsedProfile used;
  const std::string asked = environment("AWS_PROFILE");
  used.name = asked.empty() ? "default" : asked;
  const std::string config = file_path(environment, "AWS_CONFIG_FILE", "config");
  const std::string credentials =
      file_path(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
  bool found = false;
  for (const std::string& path : {config, credentials}) {
    DREAMDB_ASSIGN(const std::string text, read_profile_file(path));
    DREAMDB_ASSIGN(AwsProfiles profiles, parse_aws_profiles(text, path));
    const auto at = profiles.find(used.name);
    if (at == profiles.end()) continue;
    found = true;
    if (at->second.contains("aws_access_key_id") || !used.settings.contains("aws_access_key_id"))
      used.file = path;
    for (auto& [name, value] : at->second) used.settings[name] = std::move(value);
  }
  if (!found && !asked.empty())
    return fail(Code::kInvalidArgument, "AWS_PROFILE names \"" + printable(asked) +
                                            "\", which is neither in " + credentials + " nor in " +
                                            config + "; correct the name or write the profile");
  return used;
}

std::string setting(const AwsProfile& profile, std::string_view name) {
  const auto at = profile.find(name);
  return at == profile.end() ? "" : at->second;
}

bool means_yes(std::string_view said) {
  const std::string text = lower_ascii(said);
  return text == "1" || text == "true" || text == "yes" || text == "on";
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values)
    if (!value.empty()) return value;
  return "";
}

// Ways to keys that other tools go: settings of a profile, and what they stand for.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kWaysNotGone = {{
    {"credential_process", "from a program"},
    {"sso_session", "from a sign-in (SSO)"},
    {"sso_start_url", "from a sign-in (SSO)"},
    {"login_session", "from a sign-in"},
    {"role_arn", "for a role"},
    {"source_profile", "for a role, from another profile"},
    {"credential_source", "for a role, from where it runs"},
    {"web_identity_token_file", "for a role, by a token"},
    {"mfa_serial", "with a second factor"},
}};

// Unsupported when a profile without keys says that they are to be had elsewhere.
Status check_has_keys(const UsedProfile& profile) {
  const auto way = std::find_if(kWaysNotGone.begin(), kWaysNotGone.end(), [&](const auto& one) {
    return profile.settings.contains(one.first);
  });
  if (way == kWaysNotGone.end()) return {};
  const std::string name = printable(profile.name);
  return fail(Code::kUnsupported,
              "profile " + name + " of " + profile.file + " has no keys; its " +
                  std::string(way->first) + " gets them " + std::string(way->second) +
                  ", which is not supported here. Let the AWS tools get them: eval \"$(aws "
                  "configure export-credentials --profile " +
                  name + " --format env)\"; or, for a public bucket, set AWS_NO_SIGN_REQUEST=true");
}

// The same, of variables that clusters set.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kVariablesNotRead = {{
    {"AWS_WEB_IDENTITY_TOKEN_FILE", "for a role, by a token"},
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "from the container's host"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "from the container's host"},
}};

// Unsupported when the environment says, without keys, that they are to be had elsewhere.
Status check_has_keys(const Environment& environment) {
  for (const auto& [name, way] : kVariablesNotRead) {
    if (environment(std::string(name)).empty()) continue;
    return fail(Code::kUnsupported,
                "there are no keys; " + std::string(name) + " gets them " + std::string(way) +
                    ", which is not supported here. Let the AWS tools get them: eval \"$(aws "
                    "configure export-credentials --format env)\"; or, for a public bucket, set "
                    "AWS_NO_SIGN_REQUEST=true");
  }
  return {};
}

// A header is made of these: nothing in them may end a line.
Status check_printable(const S3Credentials& credentials, const std::string& origin) {
  for (const std::string* part :
       {&credentials.access_key, &credentials.secret_key, &credentials.session_token}) {
    for (const char c : *part) {
      if (c <= ' ' || c > '~')
        return fail(Code::kInvalidArgument,
                    origin +
                        " has a key or token with a blank or a sign that none has; copy it "
                        "again, without quotes or line ends");
    }
  }
  return {};
}

std::vector<std::string> secrets_of(const S3Credentials& credentials) {
  return {credentials.secret_key, credentials.session_token};
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
}

Result<S3CredentialSource::Found> S3CredentialSource::find(const Environment& environment) {
  Found found;
  if (means_yes(environment("AWS_NO_SIGN_REQUEST"))) {
    found.origin = "AWS_NO_SIGN_REQUEST (anonymous)";
    return found;
  }
  S3Credentials keys{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                     environment("AWS_SESSION_TOKEN")};
  std::string expires = environment("AWS_CREDENTIAL_EXPIRATION");
  found.origin = "AWS_ACCESS_KEY_ID";
  if (keys.access_key.empty() && keys.secret_key.empty()) {
    DREAMDB_ASSIGN(const UsedProfile profile, read_profile(environment));
    keys = {setting(profile.settings, "aws_access_key_id"),
            setting(profile.settings, "aws_secret_access_key"),
            setting(profile.settings, "aws_session_token")};
    expires = first_of({setting(profile.settings, "x_security_token_expires"),
                        setting(profile.settings, "aws_session_expiration"),
                        setting(profile.settings, "expiration")});
    found.origin = "profile " + profile.name + " of " + profile.file;
    if (keys.access_key.empty() && keys.secret_key.empty()) {
      DREAMDB_TRY(check_has_keys(profile));
      DREAMDB_TRY(check_has_keys(environment));
    }
  }
  if (keys.access_key.empty() && keys.secret_key.empty()) {
    found.origin = "no credentials (anonymous)";
    return found;
  }
  if (keys.access_key.empty() || keys.secret_key.empty())
    return fail(Code::kInvalidArgument,
                "credentials for S3 are halved: " + found.origin +
                    (keys.secret_key.empty() ? " has a key id but no secret key ("
                                             : " has a secret key but no key id (") +
                    "aws_access_key_id and aws_secret_access_key belong together)");
  DREAMDB_TRY(check_printable(keys, found.origin));
  found.credentials = std::move(keys);
  found.expires_ns = parse_s3_time(expires).value_or(0);
  return found;
}

Result<S3Settings> read_s3_settings(const Environment& environment) {
  const auto keys = S3CredentialSource::find(environment);
  const bool elsewhere = !keys && keys.error().code == Code::kUnsupported;
  if (!keys && !elsewhere) return std::unexpected(keys.error());
  DREAMDB_ASSIGN(const UsedProfile profile, read_profile(environment));
  S3Settings settings;
  // Who names a profile means S3; web servers are read under a default one all the same.
  settings.has_keys =
      elsewhere ? !environment("AWS_PROFILE").empty() : keys->credentials.has_value();
  settings.region = first_of({environment("AWS_REGION"), environment("AWS_DEFAULT_REGION"),
                              setting(profile.settings, "region")});
  settings.endpoint_urls =
      first_of({environment("AWS_ENDPOINT_URL_S3"), environment("AWS_ENDPOINT_URL"),
                setting(profile.settings, "endpoint_url")});
  settings.ca_file =
      first_of({environment("AWS_CA_BUNDLE"), setting(profile.settings, "ca_bundle")});
  settings.addressing = first_of(
      {environment("AWS_S3_ADDRESSING_STYLE"), setting(profile.settings, "s3.addressing_style")});
  return settings;
}

S3CredentialSource::S3CredentialSource(Environment environment, Runtime& runtime)
    : environment_(std::move(environment)), runtime_(runtime) {}

Result<S3CredentialSource::Current> S3CredentialSource::current() {
  {
    const std::lock_guard lock(mutex_);
    const bool near_end = found_ && found_->expires_ns != 0 &&
                          runtime_.now_ns() + kRenewBeforeNs > found_->expires_ns &&
                          runtime_.monotonic_ns() - read_ns_ > kReadAgainNs;
    if (found_ && !near_end) return Current{found_->credentials, generation_};
  }
  return read_again();
}

Result<S3CredentialSource::Current> S3CredentialSource::read_again() {
  auto found = find(environment_);
  const std::lock_guard lock(mutex_);
  read_ns_ = runtime_.monotonic_ns();
  if (found) {
    if (!found_ || found_->credentials != found->credentials) ++generation_;
    if (found_ && found_->credentials && found_->credentials != found->credentials) {
      for (const std::string& secret : secrets_of(*found_->credentials))
        replaced_.push_back(secret);
      if (replaced_.size() > kReplacedMax)
        replaced_.erase(replaced_.begin(), replaced_.end() - kReplacedMax);
    }
    found_ = *std::move(found);
  } else if (!found_) {
    return std::unexpected(std::move(found).error());
  }
  // A file that is being written just now is no error: what was read before may still do.
  return Current{found_->credentials, generation_};
}

bool S3CredentialSource::renew(uint64_t generation) {
  {
    const std::lock_guard lock(mutex_);
    if (generation_ != generation) return true;  // another thread was faster
    if (runtime_.monotonic_ns() - read_ns_ < kReadAgainNs) return false;
  }
  const auto now = read_again();
  return now && now->generation != generation;
}

std::vector<std::string> S3CredentialSource::secrets() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all = replaced_;
  if (found_ && found_->credentials) {
    for (std::string& secret : secrets_of(*found_->credentials)) all.push_back(std::move(secret));
  }
  return all;
}

std::string S3CredentialSource::origin() const {
  const std::lock_guard lock(mutex_);
  return found_ ? found_->origin : "credentials not read yet";
}

}  // namespace dreamdb
