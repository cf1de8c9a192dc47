#include "http/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace dreamdb {

namespace {

constexpr uint64_t kMsNs = 1'000'000;
constexpr uint64_t kLargeBody = 1 << 20;
constexpr long kLargeReadBytes = 128 << 10;

long whole_ms(uint64_t time_ns) { return std::max(1L, static_cast<long>(time_ns / kMsNs)); }

size_t on_header(char* data, size_t, size_t size, void* user) {
  return static_cast<Shot*>(user)->incoming.take_line({data, size}) ? size : 0;
}

size_t on_body(char* data, size_t, size_t size, void* user) {
  const auto bytes = std::as_bytes(std::span(data, size));
  return static_cast<Shot*>(user)->incoming.take_body(bytes) ? size : 0;
}

// libcurl has a connection and is about to send.
int on_request(void* user, char*, char*, int, int) {
  auto& shot = *static_cast<Shot*>(user);
  ++shot.sends;
  return shot.sends > 1 && shot.only_once ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

std::string on_one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c < ' ' || c == '\x7f'; }, ' ');
  return text;
}

template <typename T>
T info_of(CURL* easy, CURLINFO what) {
  T value{};
  curl_easy_getinfo(easy, what, &value);
  return value;
}

// What libcurl has sent may wait in the kernel: megabytes on a slow link. Of what the network has
// not taken no more than this waits there, so that what is sent has moved.
int on_socket(void*, curl_socket_t socket, curlsocktype) {
  const int waiting_bytes_max = 128 << 10;
  setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &waiting_bytes_max, sizeof(waiting_bytes_max));
  return CURL_SOCKOPT_OK;
}

}  // namespace

Wire::Wire(uint32_t connections_max) : multi_(curl_multi_init()) {
  DREAMDB_ASSERT(multi_ != nullptr);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, long{connections_max});
}

Wire::~Wire() {
  for (CURL* easy : easies_) curl_easy_cleanup(easy);
  curl_multi_cleanup(multi_);
}

void Wire::launch(Shot& shot, const HttpOptions& options) {
  if (easies_.empty()) easies_.push_back(curl_easy_init());
  shot.easy = easies_.back();
  easies_.pop_back();
  DREAMDB_ASSERT(shot.easy != nullptr);
  shot.sends = 0;
  set_up(shot, options);
  curl_multi_add_handle(multi_, shot.easy);
}

void Wire::set_up(Shot& shot, const HttpOptions& options) {
  CURL* const easy = shot.easy;
  curl_easy_reset(easy);
  shot.error[0] = '\0';
  shot.headers = curl_slist_append(nullptr, "Expect:");
  for (const std::string& header : shot.attempt.headers)
    shot.headers = curl_slist_append(shot.headers, header.c_str());
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &shot);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, shot.error.data());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_URL, shot.attempt.url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  // All else that takes too long is recalled by the caller.
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, whole_ms(options.connect_timeout_ns));
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  const HttpAttempt& attempt = shot.attempt;
  if (attempt.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (attempt.method != "GET") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(attempt.body.size()));
    curl_easy_setopt(
        easy, CURLOPT_POSTFIELDS,
        attempt.body.empty() ? "" : reinterpret_cast<const char*>(attempt.body.data()));
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, attempt.method.c_str());
  if (shot.fresh_connection) curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  if (shot.incoming.body_bytes_max() >= kLargeBody)
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kLargeReadBytes);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, shot.headers);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &shot);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &shot);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &shot);
}

void Wire::take_down(Shot& shot, CURLcode code) {
  shot.connections = static_cast<uint32_t>(info_of<long>(shot.easy, CURLINFO_NUM_CONNECTS));
  shot.sent_bytes = static_cast<uint64_t>(info_of<curl_off_t>(shot.easy, CURLINFO_SIZE_UPLOAD_T));
  if (code == CURLE_ABORTED_BY_CALLBACK && shot.sends > 1) {
    shot.reason = "the server closed the kept connection without a reply";
  } else {
    shot.reason = on_one_line(shot.error[0] != '\0' ? shot.error.data() : curl_easy_strerror(code));
  }
  curl_multi_remove_handle(multi_, shot.easy);
  easies_.push_back(std::exchange(shot.easy, nullptr));
  curl_slist_free_all(std::exchange(shot.headers, nullptr));
}

void Wire::recall(Shot& shot, CURLcode code) { take_down(shot, code); }

uint64_t Wire::moved_bytes(const Shot& shot) {
  const uint64_t received = shot.incoming.moved_bytes();
  if (shot.attempt.body.empty()) return received;
  if (shot.easy == nullptr) return received + shot.sent_bytes;
  return received + static_cast<uint64_t>(info_of<curl_off_t>(shot.easy, CURLINFO_SIZE_UPLOAD_T));
}

void Wire::drive() {
  int running = 0;
  curl_multi_perform(multi_, &running);
}

Shot* Wire::landed(CURLcode& code) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    code = message->data.result;
    auto* const shot =
        reinterpret_cast<Shot*>(info_of<char*>(message->easy_handle, CURLINFO_PRIVATE));
    take_down(*shot, code);
    return shot;
  }
  return nullptr;
}

void Wire::wait(int wait_ms) { curl_multi_poll(multi_, nullptr, 0, wait_ms, nullptr); }

void Wire::wake() { curl_multi_wakeup(multi_); }

}  // namespace dreamdb
