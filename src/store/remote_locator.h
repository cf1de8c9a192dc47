// Locators of remote stores, and opening what they name.
//
//   s3://bucket/prefix                 S3; the endpoint from AWS_ENDPOINT_URL, else AWS itself
//   http(s)://host:port/bucket/prefix  S3 when there are keys (store/s3_credentials.h), else a web
//                                      server
//   s3+http(s)://host:port/bucket/prefix  S3 in any case, anonymous when there are no keys
//   web+http(s)://host:port/path       a web server in any case: read from any, written to by
//                                      WebDAV (store/web_dialect.h)
//
// The ref has been split off by `parse_locator`. A prefix is segments like those of keys.
//
// Thread rule: every call may come from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dreamdb/result.h"
#include "store/remote_store.h"
#include "store/s3_credentials.h"

namespace dreamdb {

// True when `url` begins with one of the schemes above.
bool is_remote_url(std::string_view url);

// Ok when what names the host has no user and no password; the URL may have a ref at its end.
// InvalidArgument: it has, or looks like it; the message shows nothing of them.
Status check_no_password(std::string_view url);

// Ok when `url` has no ? and no #. InvalidArgument: it has; the message shows nothing of what
// follows, which may be a signature.
Status check_no_query(std::string_view url);
// For a message: `url` up to a ? or #.
std::string url_without_query(std::string_view url);

struct RemoteLocator {
  enum class Kind : uint8_t { kS3, kWeb } kind = Kind::kS3;
  std::string endpoint;  // scheme://host:port; empty: from the environment
  std::string bucket;    // kS3
  std::string prefix;    // without '/' at its ends; kWeb: the whole path
};

// `has_keys`: whether http:// means S3. InvalidArgument: what is wrong and an example.
Result<RemoteLocator> parse_remote_locator(std::string_view url, bool has_keys);

// `text` split at commas, blanks around the parts and empty parts left out.
std::vector<std::string> split_commas(std::string_view text);

// How long one request may take with all its attempts while nothing moves: DREAMDB_TIMEOUT in
// seconds, 1 to 3600; 60 when it is not set. InvalidArgument: another text.
Result<uint64_t> request_budget_ns(const Environment& environment);

// Opens the store that `url` names; sends no request yet, so what is wrong with the server shows at
// the first use. InvalidArgument: the URL, the endpoint or the settings.
Result<std::shared_ptr<RemoteStore>> open_remote_store(std::string_view url);

// The same with the settings of `environment`. With `below`, all keys lie in this folder of the
// store, which may have a name of the store's own (S10.4): the place of the doctor's work.
Result<std::shared_ptr<RemoteStore>> open_remote_store(std::string_view url,
                                                       const Environment& environment,
                                                       std::string_view below = {});

}  // namespace dreamdb
