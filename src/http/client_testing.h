// Jobs and clients for the tests of the client.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "http/http.h"
#include "http/scripted_server.h"

namespace dreamdb {

inline constexpr uint64_t kSecondNs = 1'000'000'000;

inline HttpOptions options_for(std::vector<std::string> endpoints,
                               uint64_t budget_ns = 30 * kSecondNs) {
  HttpOptions options;
  options.endpoints = std::move(endpoints);
  options.budget_ns = budget_ns;
  options.connect_timeout_ns = kSecondNs;
  return options;
}

inline std::unique_ptr<HttpClient> make_client(HttpOptions options) {
  auto client = make_http_client(std::move(options));
  DREAMDB_ASSERT(client.has_value());
  return *std::move(client);
}

inline std::unique_ptr<HttpClient> client_of(const ScriptedServer& server) {
  return make_client(options_for({server.endpoint()}));
}

// GET of bytes [offset, offset + size) of `path`, or of all when `size` is 0.
inline HttpJob get(const std::string& path, uint64_t offset = 0, uint64_t size = 0) {
  HttpJob job;
  job.prepare = [=](const AttemptContext& context) -> Result<HttpAttempt> {
    HttpAttempt attempt{"GET", context.endpoint + path, {}, {}};
    if (size > 0)
      attempt.headers.push_back("range: bytes=" + std::to_string(offset + context.received_bytes) +
                                "-" + std::to_string(offset + size - 1));
    return attempt;
  };
  return job;
}

// A write that may go only once.
inline HttpJob put_once(const std::string& path, const std::string& body = "body") {
  HttpJob job;
  job.repeat = Repeat::kNever;
  job.prepare = [=](const AttemptContext& context) -> Result<HttpAttempt> {
    return HttpAttempt{"PUT", context.endpoint + path, {"if-none-match: *"}, Buffer::copy_of(body)};
  };
  return job;
}

inline HttpReply run_one(HttpClient& client, const HttpJob& job) {
  return std::move(client.run(std::span(&job, 1)).front());
}

// The object that ranges are asked of: 100,000 bytes, no two neighbourhoods alike.
inline std::string sample_object() {
  std::string object;
  for (uint32_t i = 0; object.size() < 100'000; ++i) object += std::to_string(i) + ",";
  object.resize(100'000);
  return object;
}

// First and last of "bytes=10-19".
inline std::pair<size_t, size_t> range_of(const ScriptedServer::Request& request) {
  const std::string& text = request.headers.at("range");
  return {std::stoul(text.substr(6)), std::stoul(text.substr(text.find('-') + 1))};
}

inline ScriptedServer::Headers part_headers(const std::string& etag, size_t first, size_t last,
                                            size_t total) {
  return {{"etag", etag},
          {"content-range", "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
                                std::to_string(total)}};
}

}  // namespace dreamdb
