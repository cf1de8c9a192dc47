// The shared files of the AWS tools, ~/.aws/credentials and ~/.aws/config: sections of settings.
//
//   [default]                        [profile training]
//   aws_access_key_id = AKIA...      region = eu-west-1
//
// Source: "Format of the shared config and credentials files", AWS SDKs and Tools Reference Guide.
// Thread rule: pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb {

using AwsProfile = std::map<std::string, std::string, std::less<>>;  // names in lower case
using AwsProfiles = std::map<std::string, AwsProfile, std::less<>>;

// Profiles by name; "[profile x]" and "[x]" are both x, other sections ("[sso-session y]") keep
// their whole text. Settings that are indented below another (as `s3 =` has them) come as
// "s3.name". `file` is named in errors. InvalidArgument: a line that is neither; its number is
// told, never its text, which may hold a secret.
Result<AwsProfiles> parse_aws_profiles(std::string_view text, std::string_view file);

}  // namespace dreamdb
