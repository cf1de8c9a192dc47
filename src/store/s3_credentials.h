// Where the keys for S3 come from, and the settings beside them: the AWS_* variables and the shared
// files of the AWS tools.
//
// Order: AWS_NO_SIGN_REQUEST=true (anonymous); AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN; the profile AWS_PROFILE (or "default") of AWS_SHARED_CREDENTIALS_FILE and
// AWS_CONFIG_FILE; nothing: anonymous. Whoever hands out short-lived tokens writes new ones to the
// same place: they are read again five minutes before they expire and when the server refuses them.
//
// Thread rule: every call may come from any thread, also in a child after fork().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dreamdb/result.h"
#include "runtime/fork.h"
#include "runtime/runtime.h"
#include "store/s3_signature.h"

namespace dreamdb {

// Value of an environment variable; empty when it is not set.
using Environment = std::function<std::string(const std::string& name)>;
Environment process_environment();

// What the environment says about S3 beside the keys.
struct S3Settings {
  std::string region;         // AWS_REGION, AWS_DEFAULT_REGION, region; empty: not said
  std::string endpoint_urls;  // AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, endpoint_url; by commas
  std::string ca_file;        // AWS_CA_BUNDLE, ca_bundle
  std::string addressing;     // AWS_S3_ADDRESSING_STYLE, s3.addressing_style: "path", "virtual"
  bool has_keys = false;      // requests will be signed, or cannot be (see `current`)
};

// InvalidArgument: a profile that is named but in no file, half a pair of keys, a broken file.
Result<S3Settings> read_s3_settings(const Environment& environment);

class S3CredentialSource {
 public:
  explicit S3CredentialSource(Environment environment, Runtime& runtime = real_runtime());

  struct Current {
    std::optional<S3Credentials> credentials;  // empty: send requests without a signature
    uint64_t generation = 0;                   // changes with the credentials
  };
  // Credentials to sign with now. Errors as `read_s3_settings`. Unsupported: a profile without keys
  // that says where others get them (a role, a sign-in, a program), or variables that do; the
  // message has the way out.
  Result<Current> current();

  // To be called when the server refused those of `generation` as expired: reads again, at most
  // once a second. True when there are others now: sign again.
  bool renew(uint64_t generation);

  // What must not be shown of those that were used, also of those before the current ones: replies
  // to them may still come.
  std::vector<std::string> secrets() const;

  // For messages: "AWS_ACCESS_KEY_ID", "profile train of /home/u/.aws/credentials".
  std::string origin() const;

 private:
  struct Found {
    std::optional<S3Credentials> credentials;
    uint64_t expires_ns = 0;  // 0: not said
    std::string origin;
  };
  friend Result<S3Settings> read_s3_settings(const Environment& environment);
  static Result<Found> find(const Environment& environment);
  Result<Current> read_again();

  const Environment environment_;
  Runtime& runtime_;
  mutable ForkSafeMutex mutex_;  // guards all below
  std::optional<Found> found_;
  std::vector<std::string> replaced_;  // secrets of earlier ones, the last of them
  uint64_t generation_ = 0;
  uint64_t read_ns_ = 0;  // monotonic
};

}  // namespace dreamdb
