#include "store/s3_credentials.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>

#include "base/text.h"
#include "store/aws_profile.h"
#include "store/key.h"
#include "store/s3_xml.h"

namespace dreamdb {

namespace {

constexpr uint64_t kRenewBeforeNs = 300'000'000'000;
constexpr uint64_t kReadAgainNs = 1'000'000'000;
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
  std::string file;  // with its keys
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
    if (at->second.contains("aws_access_key_id")) used.file = path;
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
  DREAMDB_ASSIGN(const auto keys, S3CredentialSource::find(environment));
  DREAMDB_ASSIGN(const UsedProfile profile, read_profile(environment));
  S3Settings settings;
  settings.has_keys = keys.credentials.has_value();
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

std::string S3CredentialSource::origin() const {
  const std::lock_guard lock(mutex_);
  return found_ ? found_->origin : "credentials not read yet";
}

}  // namespace dreamdb
