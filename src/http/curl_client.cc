// The client on libcurl: each call drives connections of its own (call.h) and shares the rest
// (traffic.h).
#include <curl/curl.h>

#include "http/call.h"
#include "http/http.h"
#include "http/traffic.h"

namespace dreamdb {

namespace {

class CurlClient final : public HttpClient {
 public:
  CurlClient(HttpOptions options, Runtime& runtime)
      : options_(std::move(options)), runtime_(runtime), traffic_(options_) {}

  std::vector<HttpReply> run(std::span<const HttpJob> jobs) override {
    std::vector<HttpReply> replies(jobs.size());
    if (!jobs.empty()) Call(options_, runtime_, traffic_, jobs, replies).run();
    return replies;
  }

  HttpStats stats() const override { return traffic_.stats(); }
  int64_t clock_skew_ns() const override { return traffic_.skew_ns(); }
  const HttpOptions& options() const override { return options_; }

 private:
  const HttpOptions options_;
  Runtime& runtime_;
  Traffic traffic_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> make_http_client(HttpOptions options, Runtime& runtime) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) return fail(Code::kInternal, "libcurl cannot be used");
  if (options.endpoints.empty()) return fail(Code::kInvalidArgument, "no endpoint is given");
  for (const std::string& endpoint : options.endpoints) {
    const size_t scheme = endpoint.find("://");
    const bool good = (endpoint.starts_with("http://") || endpoint.starts_with("https://")) &&
                      scheme + 3 < endpoint.size() &&
                      endpoint.find_first_of("/?#@ ", scheme + 3) == std::string::npos;
    if (!good)
      return fail(Code::kInvalidArgument, "\"" + endpoint +
                                              "\" is no endpoint; expected http://host:port or "
                                              "https://host:port");
  }
  return std::make_unique<CurlClient>(std::move(options), runtime);
}

}  // namespace dreamdb
