#include "store/remote_locator.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "store/key.h"
#include "store/remote_store.h"
#include "store/s3_dialect.h"
#include "store/web_dialect.h"

namespace dreamdb {

namespace {

constexpr std::string_view kS3Scheme = "s3://";
constexpr std::string_view kAwsRegion = "us-east-1";
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kBudgetSeconds = 60;
constexpr uint64_t kBudgetSecondsMax = 3'600;
// Schemes and what stands before the host's own scheme in them.
constexpr std::array<std::string_view, 6> kHttpSchemes = {
    "http://", "https://", "s3+http://", "s3+https://", "web+http://", "web+https://"};

std::unexpected<Error> wrong(std::string_view url, const std::string& what) {
  return fail(
      Code::kInvalidArgument,
      "\"" + url_without_query(url) + "\" " + what +
          "; expected s3://bucket/prefix, http://host:port/bucket/prefix or, for a web server, "
          "web+http://host:port/path");
}

// host, host:port, [::1]:port; nothing that belongs to users or paths.
bool is_host(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  });
}

// "1" to "65535".
bool is_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0;
}

std::string joined(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ",") + text;
  return all;
}

// Attempts give up early enough for another one, and for a server that comes back.
Status set_budget(HttpOptions& http, const Environment& environment) {
  DREAMDB_ASSIGN(http.budget_ns, request_budget_ns(environment));
  http.stall_timeout_ns = std::min(http.stall_timeout_ns, std::max(kSecondNs, http.budget_ns / 3));
  http.connect_timeout_ns = std::min(http.connect_timeout_ns, http.budget_ns);
  return {};
}

Result<std::shared_ptr<RemoteStore>> open_s3(const RemoteLocator& locator,
                                             const S3Settings& settings,
                                             const Environment& environment) {
  S3DialectOptions options;
  options.bucket = locator.bucket;
  options.prefix = locator.prefix;
  options.region = settings.region.empty() ? std::string(kAwsRegion) : settings.region;
  DREAMDB_TRY(check_region_name(options.region));
  options.credentials = std::make_shared<S3CredentialSource>(environment);
  if (const auto keys = options.credentials->current(); !keys) return std::unexpected(keys.error());
  HttpOptions http;
  http.endpoints =
      split_commas(locator.endpoint.empty() ? settings.endpoint_urls : locator.endpoint);
  for (std::string& endpoint : http.endpoints) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    // Not shown: what stands before it may be a password.
    if (endpoint.find('@') != std::string::npos)
      return fail(
          Code::kInvalidArgument,
          "AWS_ENDPOINT_URL has an @, so it names a user; keys go into AWS_ACCESS_KEY_ID and "
          "AWS_SECRET_ACCESS_KEY");
    if (endpoint.find_first_of("?#") != std::string::npos)
      return fail(Code::kInvalidArgument,
                  "AWS_ENDPOINT_URL is \"" + url_without_query(endpoint) +
                      "\" (what follows is not shown); expected http://host:port or "
                      "https://host:port");
  }
  http.ca_file = settings.ca_file;
  DREAMDB_TRY(set_budget(http, environment));
  options.is_aws = http.endpoints.empty();
  if (options.is_aws) http.endpoints = {aws_endpoint(options.region)};
  // Certificates of AWS cover one label before its host.
  options.virtual_host =
      settings.addressing == "virtual" ||
      (settings.addressing != "path" && options.is_aws &&
       options.bucket.find_first_of("._ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos);
  const std::string place = joined(http.endpoints) + "/" + options.bucket;
  DREAMDB_ASSIGN(std::unique_ptr<HttpClient> client, make_http_client(std::move(http)));
  return std::make_shared<RemoteStore>(std::make_unique<S3Dialect>(std::move(options)),
                                       std::move(client), place);
}

Result<std::shared_ptr<RemoteStore>> open_web(const RemoteLocator& locator,
                                              const S3Settings& settings,
                                              const Environment& environment) {
  HttpOptions http;
  http.endpoints = {locator.endpoint};
  http.ca_file = settings.ca_file;
  DREAMDB_TRY(set_budget(http, environment));
  DREAMDB_ASSIGN(std::unique_ptr<HttpClient> client, make_http_client(std::move(http)));
  return std::make_shared<RemoteStore>(
      std::make_unique<WebDialect>(locator.endpoint, locator.prefix), std::move(client),
      locator.endpoint + "/" + locator.prefix);
}

}  // namespace

bool is_remote_url(std::string_view url) {
  return url.starts_with(kS3Scheme) ||
         std::any_of(kHttpSchemes.begin(), kHttpSchemes.end(),
                     [&](std::string_view scheme) { return url.starts_with(scheme); });
}

Result<uint64_t> request_budget_ns(const Environment& environment) {
  const std::string text = environment("DREAMDB_TIMEOUT");
  if (text.empty()) return kBudgetSeconds * kSecondNs;
  uint64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds == 0 ||
      seconds > kBudgetSecondsMax)
    return fail(Code::kInvalidArgument, "DREAMDB_TIMEOUT is \"" + printable(text) +
                                            "\"; expected whole seconds, 1 to 3600, that a "
                                            "request may take with all its attempts while "
                                            "nothing moves");
  return seconds * kSecondNs;
}

Status check_no_password(std::string_view url) {
  const size_t begin = url.find("://") + 3;
  const std::string_view place = url.substr(begin, url.find('/', begin) - begin);
  const std::string_view host = place.substr(0, place.find('@'));
  const std::string_view after = place.substr(host.size());  // '@' and a ref, or a host
  const size_t colon = host.find(':', host.starts_with('[') ? host.find(']') : 0);
  const bool is_plain = colon == std::string_view::npos ||
                        (is_port(host.substr(colon + 1)) && !url.starts_with(kS3Scheme) &&
                         after.find_first_of(".:") == std::string_view::npos);
  if (is_plain) return {};
  return fail(Code::kInvalidArgument,
              "the locator " + std::string(url.substr(0, begin)) +
                  "... has a user and a password, or a port that is no number from 1 to 65535 (not "
                  "shown here); leave them out: keys for S3 go into AWS_ACCESS_KEY_ID and "
                  "AWS_SECRET_ACCESS_KEY or a profile, and web servers are sent none");
}

std::string url_without_query(std::string_view url) {
  const size_t end = url.find_first_of("?#");
  if (end == std::string_view::npos) return printable(url);
  return printable(url.substr(0, end + 1)) + "...";
}

Status check_no_query(std::string_view url) {
  if (url.find_first_of("?#") == std::string_view::npos) return {};
  return wrong(url,
               "has a ? or # (what follows is not shown), which no locator has: signed addresses "
               "of single files do not open a dataset, keys for S3 go into AWS_ACCESS_KEY_ID and "
               "AWS_SECRET_ACCESS_KEY or a profile");
}

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = trimmed(text.substr(0, comma), " \t");
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

Result<RemoteLocator> parse_remote_locator(std::string_view url, bool has_keys) {
  RemoteLocator locator;
  const size_t colon = url.find("://");
  if (!is_remote_url(url)) return wrong(url, "is no remote store");
  DREAMDB_TRY(check_no_password(url));
  DREAMDB_TRY(check_no_query(url));
  std::string_view scheme = url.substr(0, colon);
  std::string_view path = url.substr(colon + 3);
  if (scheme != "s3") {
    locator.kind = has_keys ? RemoteLocator::Kind::kS3 : RemoteLocator::Kind::kWeb;
    if (scheme.starts_with("s3+")) locator.kind = RemoteLocator::Kind::kS3;
    if (scheme.starts_with("web+")) locator.kind = RemoteLocator::Kind::kWeb;
    const size_t plus = scheme.find('+');
    if (plus != std::string_view::npos) scheme.remove_prefix(plus + 1);
    const std::string_view host = path.substr(0, path.find('/'));
    if (!is_host(host)) return wrong(url, "names no host");
    locator.endpoint = std::string(scheme) + "://" + std::string(host);
    path.remove_prefix(host.size());
  }
  if (scheme == "s3" && path.starts_with('/')) return wrong(url, "names no bucket");
  path = trimmed(path, "/");
  if (locator.kind == RemoteLocator::Kind::kS3) {
    const std::string_view bucket = path.substr(0, path.find('/'));
    if (bucket.empty()) return wrong(url, "names no bucket");
    DREAMDB_TRY(check_bucket_name(bucket));
    locator.bucket = bucket;
    path = trimmed(path.substr(bucket.size()), "/");
  }
  if (!path.empty() && !check_key(path))
    return wrong(url, "has the prefix \"" + printable(path) +
                          "\", whose segments must be of A-Z a-z 0-9 . _ = - and not begin with a "
                          "dot");
  locator.prefix = path;
  return locator;
}

Result<std::shared_ptr<RemoteStore>> open_remote_store(std::string_view url) {
  return open_remote_store(url, process_environment());
}

Result<std::shared_ptr<RemoteStore>> open_remote_store(std::string_view url,
                                                       const Environment& environment,
                                                       std::string_view below) {
  DREAMDB_ASSIGN(const S3Settings settings, read_s3_settings(environment));
  DREAMDB_ASSIGN(RemoteLocator locator, parse_remote_locator(url, settings.has_keys));
  if (!below.empty()) locator.prefix += (locator.prefix.empty() ? "" : "/") + std::string(below);
  if (locator.kind == RemoteLocator::Kind::kS3) return open_s3(locator, settings, environment);
  return open_web(locator, settings, environment);
}

}  // namespace dreamdb
