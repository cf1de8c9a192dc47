// A client on libcurl's multi interface: each call drives a set of connections that it takes from
// an idle list and gives back. No hedging, no adaptive concurrency.
#include <curl/curl.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>
#include <optional>

#include "dreamdb/interrupt.h"
#include "http/http.h"
#include "runtime/fork.h"

namespace dreamdb {

namespace {

constexpr uint64_t kFirstPauseNs = 20'000'000;
constexpr uint64_t kPauseMaxNs = 2'000'000'000;
constexpr uint64_t kUnreachableBudgetNs = 10'000'000'000;  // nobody listens: soon told
constexpr int64_t kSkewMinNs = 30'000'000'000;
constexpr int kPollMs = 100;

// One job on its way; lives until its reply is there.
struct Flight {
  const HttpJob* job = nullptr;
  HttpReply* reply = nullptr;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  HttpAttempt attempt;
  MutableBuffer memory;
  uint64_t kept = 0;  // bytes of earlier attempts
  uint64_t size = 0;  // bytes in `memory`
  uint64_t begin_ns = 0;
  uint64_t due_ns = 0;  // of the next attempt
  uint32_t attempts = 0;
  bool too_long = false;
  bool done = false;
};

std::string without_query(const std::string& url) { return url.substr(0, url.find('?')); }

size_t on_header(char* data, size_t, size_t size, void* user) {
  auto& flight = *static_cast<Flight*>(user);
  std::string_view line(data, size);
  if (line.starts_with("HTTP/")) flight.reply->headers.clear();
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  line.remove_prefix(colon + 1);
  const size_t first = line.find_first_not_of(" \t");
  const size_t last = line.find_last_not_of(" \t\r\n");
  flight.reply->headers[name] =
      first == std::string_view::npos || last == std::string_view::npos || last < first
          ? ""
          : std::string(line.substr(first, last - first + 1));
  return size;
}

size_t on_body(char* data, size_t, size_t size, void* user) {
  auto& flight = *static_cast<Flight*>(user);
  const uint64_t needed = flight.size + size;
  if (needed > flight.job->body_bytes_max) {
    flight.too_long = true;
    return 0;
  }
  if (needed > flight.memory.size()) {
    curl_off_t told = -1;
    curl_easy_getinfo(flight.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &told);
    const uint64_t whole = told > 0 ? flight.size + static_cast<uint64_t>(told) : 2 * needed;
    MutableBuffer more(std::clamp(whole, needed, flight.job->body_bytes_max));
    if (flight.size > 0) std::memcpy(more.data(), flight.memory.data(), flight.size);
    flight.memory = std::move(more);
  }
  std::memcpy(flight.memory.data() + flight.size, data, size);
  flight.size = needed;
  return size;
}

class PlainClient final : public HttpClient {
 public:
  PlainClient(HttpOptions options, Runtime& runtime)
      : options_(std::move(options)), runtime_(runtime), generation_(fork_generation()) {}

  ~PlainClient() override {
    if (generation_ != fork_generation()) return;  // the connections are the parent's
    for (Wire& wire : idle_) wire.close();
  }

  std::vector<HttpReply> run(std::span<const HttpJob> jobs) override;

  HttpStats stats() const override {
    const std::lock_guard lock(mutex_);
    return stats_;
  }
  int64_t clock_skew_ns() const override { return skew_ns_; }
  const HttpOptions& options() const override { return options_; }

 private:
  // Connections and handles that one call uses at a time.
  struct Wire {
    CURLM* multi = nullptr;
    std::vector<CURL*> easies;
    void close() {
      for (CURL* easy : easies) curl_easy_cleanup(easy);
      curl_multi_cleanup(multi);
    }
  };

  Wire take_wire();
  void give_back(Wire wire);
  void start(Flight& flight, Wire& wire);
  void finish(Flight& flight, Wire& wire, CURLcode code);
  void judge(Flight& flight, CURLcode code);
  bool repeat(Flight& flight);
  void learn_time(const HttpReply& reply);
  std::string endpoint();

  const HttpOptions options_;
  Runtime& runtime_;
  std::atomic<int64_t> skew_ns_{0};
  std::atomic<size_t> next_endpoint_{0};
  mutable ForkSafeMutex mutex_;  // guards all below
  uint64_t generation_;
  std::vector<Wire> idle_;
  HttpStats stats_;
};

PlainClient::Wire PlainClient::take_wire() {
  const std::lock_guard lock(mutex_);
  if (generation_ != fork_generation()) {
    idle_.clear();  // left open: they are the parent's, and closing them would say goodbye
    generation_ = fork_generation();
  }
  if (!idle_.empty()) {
    Wire wire = std::move(idle_.back());
    idle_.pop_back();
    return wire;
  }
  Wire wire;
  wire.multi = curl_multi_init();
  curl_multi_setopt(wire.multi, CURLMOPT_MAXCONNECTS, long{options_.connections_max});
  curl_multi_setopt(wire.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, long{options_.connections_max});
  return wire;
}

void PlainClient::give_back(Wire wire) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(wire));
}

std::string PlainClient::endpoint() {
  return options_.endpoints[next_endpoint_++ % options_.endpoints.size()];
}

void PlainClient::start(Flight& flight, Wire& wire) {
  ++flight.attempts;
  if (!flight.job->resume) flight.size = 0;
  flight.kept = flight.size;
  AttemptContext context;
  context.endpoint = endpoint();
  context.now_ns = runtime_.now_ns() + static_cast<uint64_t>(skew_ns_.load());
  context.received_bytes = flight.kept;
  flight.reply->endpoint = context.endpoint;
  auto made = flight.job->prepare(context);
  if (!made) {
    flight.reply->failure = HttpFailure::kRefused;
    flight.reply->error = made.error();
    flight.done = true;
    return;
  }
  flight.attempt = *std::move(made);
  if (wire.easies.empty()) wire.easies.push_back(curl_easy_init());
  CURL* easy = flight.easy = wire.easies.back();
  wire.easies.pop_back();
  curl_easy_reset(easy);
  flight.headers = curl_slist_append(nullptr, "Expect:");
  for (const std::string& header : flight.attempt.headers)
    flight.headers = curl_slist_append(flight.headers, header.c_str());
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &flight);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_URL, flight.attempt.url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, long(options_.connect_timeout_ns / 1'000'000));
  // Whoever sends a byte now and then would never stall.
  const uint64_t spent = runtime_.monotonic_ns() - flight.begin_ns;
  const uint64_t left = options_.budget_ns - std::min(options_.budget_ns, spent);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   std::max(long(left / 1'000'000), long(options_.stall_timeout_ns / 1'000'000)));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, long(options_.stall_timeout_ns / 1'000'000'000));
  if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
  if (flight.attempt.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(flight.attempt.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                     flight.attempt.body.empty()
                         ? ""
                         : reinterpret_cast<const char*>(flight.attempt.body.data()));
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, flight.attempt.method.c_str());
  // libcurl sends a request again when a kept connection turns out to be closed.
  if (flight.job->repeat == Repeat::kNever) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, flight.headers);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &flight);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &flight);
  curl_multi_add_handle(wire.multi, easy);
}

void PlainClient::judge(Flight& flight, CURLcode code) {
  HttpReply& reply = *flight.reply;
  long status = 0;
  curl_off_t sent_at = 0, upload = 0;
  curl_easy_getinfo(flight.easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(flight.easy, CURLINFO_PRETRANSFER_TIME_T, &sent_at);
  curl_easy_getinfo(flight.easy, CURLINFO_SIZE_UPLOAD_T, &upload);
  reply.status = static_cast<int>(status);
  reply.attempts = flight.attempts;
  reply.failure = HttpFailure::kNone;
  reply.what.clear();
  if (flight.too_long) {
    reply.failure = HttpFailure::kRefused;
    reply.error = {Code::kCorruption, flight.attempt.method + " " +
                                          without_query(flight.attempt.url) +
                                          ": the reply is longer than " +
                                          std::to_string(flight.job->body_bytes_max) + " bytes"};
  } else if (code != CURLE_OK) {
    if (sent_at == 0)
      reply.failure = HttpFailure::kNotSent;
    else if (code == CURLE_OPERATION_TIMEDOUT)
      reply.failure = HttpFailure::kTimeout;
    else
      reply.failure = HttpFailure::kCut;
    reply.what = flight.attempt.method + " " + without_query(flight.attempt.url) + ": " +
                 curl_easy_strerror(code) + " (" + std::to_string(flight.attempts) + " attempts)";
  }
  const std::lock_guard lock(mutex_);
  long connections = 0;
  curl_easy_getinfo(flight.easy, CURLINFO_NUM_CONNECTS, &connections);
  ++stats_.attempts;
  if (flight.attempts > 1) ++stats_.retries;
  if (flight.kept > 0) ++stats_.resumed;
  if (status == 429 || status == 503) ++stats_.throttled;
  stats_.connections += static_cast<uint64_t>(connections);
  stats_.sent_bytes += static_cast<uint64_t>(upload);
  stats_.received_bytes += flight.size - flight.kept;
}

void PlainClient::learn_time(const HttpReply& reply) {
  const time_t server = curl_getdate(std::string(reply.header("date")).c_str(), nullptr);
  if (server < 0) return;
  const int64_t skew =
      static_cast<int64_t>(server) * 1'000'000'000 - static_cast<int64_t>(runtime_.now_ns());
  skew_ns_ = skew > kSkewMinNs || skew < -kSkewMinNs ? skew : 0;
}

// True when another attempt is due (at `due_ns`).
bool PlainClient::repeat(Flight& flight) {
  const HttpReply& reply = *flight.reply;
  if (reply.failure == HttpFailure::kRefused) return false;
  const bool fault =
      reply.failure != HttpFailure::kNone || reply.status >= 500 || reply.status == 429;
  const bool free =
      flight.job->repeat == Repeat::kIdempotent || reply.failure == HttpFailure::kNotSent;
  const bool mended = !fault && flight.job->is_transient && flight.job->is_transient(reply);
  if (!(fault && free) && !mended) return false;
  const uint64_t now = runtime_.monotonic_ns();
  uint64_t pause = std::min(kFirstPauseNs << std::min(flight.attempts, 20u), kPauseMaxNs);
  uint16_t draw = 0;
  runtime_.random(std::as_writable_bytes(std::span(&draw, 1)));
  pause = mended ? 0 : pause / 2 + pause / 2 * draw / std::numeric_limits<uint16_t>::max();
  const uint64_t budget = reply.failure == HttpFailure::kNotSent
                              ? std::min(options_.budget_ns, kUnreachableBudgetNs)
                              : options_.budget_ns;
  flight.due_ns = now + pause;
  return flight.due_ns - flight.begin_ns < budget;
}

void PlainClient::finish(Flight& flight, Wire& wire, CURLcode code) {
  HttpReply& reply = *flight.reply;
  judge(flight, code);
  curl_multi_remove_handle(wire.multi, flight.easy);
  wire.easies.push_back(std::exchange(flight.easy, nullptr));
  curl_slist_free_all(std::exchange(flight.headers, nullptr));
  if (reply.failure == HttpFailure::kNone) learn_time(reply);
  // What came with an error is no part of the body.
  const bool is_part = flight.kept > 0 ? reply.status == 206 : reply.status / 100 == 2;
  if (reply.failure == HttpFailure::kNone && !is_part && flight.kept > 0) {
    MutableBuffer error(flight.size - flight.kept);
    std::memcpy(error.data(), flight.memory.data() + flight.kept, error.size());
    reply.body = std::move(error).freeze();
    flight.size = flight.kept;
  } else if (reply.failure == HttpFailure::kNone) {
    const uint64_t size = flight.size;
    reply.body = std::move(flight.memory).freeze(size);
    flight.memory = {};
    flight.size = 0;
  } else if (!flight.job->resume || !is_part) {
    flight.size = flight.kept;
  }
  if (repeat(flight)) return;
  flight.done = true;
  if (reply.failure != HttpFailure::kNone || reply.status >= 500) {
    const std::lock_guard lock(mutex_);
    ++stats_.failed;
  }
}

std::vector<HttpReply> PlainClient::run(std::span<const HttpJob> jobs) {
  std::vector<HttpReply> replies(jobs.size());
  std::vector<Flight> flights(jobs.size());
  Wire wire = take_wire();
  const uint64_t begin = runtime_.monotonic_ns();
  for (size_t i = 0; i < jobs.size(); ++i) {
    flights[i].job = &jobs[i];
    flights[i].reply = &replies[i];
    flights[i].begin_ns = begin;
  }
  size_t done = 0, flying = 0, first = 0;
  while (done < flights.size()) {
    const uint64_t now = runtime_.monotonic_ns();
    while (first < flights.size() && flights[first].done) ++first;
    for (size_t i = first; i < flights.size() && flying < options_.connections_max; ++i) {
      Flight& flight = flights[i];
      if (flight.done || flight.easy != nullptr || flight.due_ns > now) continue;
      start(flight, wire);
      flight.done ? ++done : ++flying;
    }
    int running = 0;
    curl_multi_perform(wire.multi, &running);
    int left = 0;
    bool landed = false;
    while (const CURLMsg* message = curl_multi_info_read(wire.multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Flight* flight = nullptr;
      const CURLcode code = message->data.result;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flight);
      finish(*flight, wire, code);
      --flying;
      landed = true;
      if (flight->done) ++done;
    }
    if (landed) continue;
    if (!check_interrupt()) break;
    curl_multi_poll(wire.multi, nullptr, 0, flying > 0 ? kPollMs : 5, nullptr);
  }
  for (Flight& flight : flights) {
    if (flight.done) continue;
    if (flight.easy != nullptr) {
      curl_multi_remove_handle(wire.multi, flight.easy);
      curl_slist_free_all(flight.headers);
      wire.easies.push_back(flight.easy);
    }
    flight.reply->failure = HttpFailure::kTimeout;
    flight.reply->what = "the caller asked to stop";
  }
  give_back(std::move(wire));
  return replies;
}

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
  return std::make_unique<PlainClient>(std::move(options), runtime);
}

}  // namespace dreamdb
