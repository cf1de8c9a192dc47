// A server of HTTP on a real socket that does as a script says, for what no real server can be made
// to do. For tests.
//
//   ScriptedServer server([](const ScriptedServer::Request& request, ScriptedServer::Peer& peer) {
//     peer.reply(200, "hello");
//   });
//
// The script is called with each request that was read, on the thread of its connection. It may
// reply, send any bytes, hang up, reset, or do nothing: then the client waits.
//
// Thread rule: every call may come from any thread; scripts run at the same time.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/assert.h"
#include "base/text.h"
#include "runtime/runtime.h"

namespace dreamdb {

class ScriptedServer {
 public:
  using Headers = std::map<std::string, std::string>;
  struct Request {
    std::string method, path;
    Headers headers;  // names in lower case
    std::string body;
    int count = 0;                // of the server's requests with this path, from 1 on
    int count_on_connection = 0;  // of this connection's requests, from 1 on
    uint64_t at_ns = 0;           // monotonic
  };

  // The client, as a script sees it.
  class Peer {
   public:
    // False when the client is gone.
    bool send(std::string_view bytes) {
      while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<size_t>(sent));
      }
      return true;
    }
    bool reply(int status, std::string_view body = "", const Headers& headers = {}) {
      return send(head(status, body.size(), headers) + std::string(body));
    }
    // A head that promises so many bytes.
    static std::string head(int status, size_t size, const Headers& headers = {}) {
      std::string text = "HTTP/1.1 " + std::to_string(status) + " X\r\n";
      text += "content-length: " + std::to_string(size) + "\r\n";
      for (const auto& [name, value] : headers)
        text.append(name).append(": ").append(value).append("\r\n");
      return text + "\r\n";
    }
    void hang_up() { close(false); }
    // The client's next read or write fails.
    void reset() { close(true); }
    // Waits until the client closes the connection, or the server is to end.
    void wait_until_gone() {
      char byte = 0;
      while (::recv(fd_, &byte, 1, 0) > 0) {
      }
      hang_up();
    }

   private:
    friend class ScriptedServer;
    void close(bool with_reset) {
      const std::lock_guard lock(mutex_);
      if (fd_ < 0) return;
      const linger off{1, 0};
      if (with_reset) setsockopt(fd_, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
      ::close(fd_);
      fd_ = -1;
    }
    void shut_down() {
      const std::lock_guard lock(mutex_);
      if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
    }

    std::mutex mutex_;  // of closing; the thread of the connection is the only one that does
    int fd_ = -1;
    std::thread thread_;
  };
  using Script = std::function<void(const Request&, Peer&)>;

  // `accepts`: false resets the connection (counted from 1 on) before anything is read.
  explicit ScriptedServer(Script script, std::function<bool(int)> accepts = {})
      : script_(std::move(script)), accepts_(std::move(accepts)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = localhost(0);
    DREAMDB_ASSERT(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    DREAMDB_ASSERT(listen(listener_, 256) == 0);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
  }

  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    ::close(listener_);
    for (const auto& peer : peers_) peer->shut_down();
    for (const auto& peer : peers_) peer->thread_.join();
  }

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  size_t count() const { return requests().size(); }
  int connections() const { return connections_; }
  int closed() const { return closed_; }
  // Requests whose scripts run now.
  int in_script() const { return in_script_; }

  // An address where nobody listens.
  static std::string dead_endpoint() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = localhost(0);
    DREAMDB_ASSERT(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    socklen_t size = sizeof(address);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }

 private:
  static sockaddr_in localhost(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      peers_.push_back(std::make_unique<Peer>());
      Peer& peer = *peers_.back();
      peer.fd_ = fd;
      const bool is_welcome = !accepts_ || accepts_(++connections_);
      if (!accepts_) ++connections_;
      peer.thread_ = std::thread([this, &peer, is_welcome] {
        if (is_welcome) serve(peer);
        peer.close(!is_welcome);
        ++closed_;
      });
    }
  }

  void serve(Peer& peer) {
    std::string incoming;
    Request request;
    for (int count = 1; peer.fd_ >= 0 && read_request(peer.fd_, incoming, request); ++count) {
      request.count_on_connection = count;
      request.at_ns = real_runtime().monotonic_ns();
      {
        const std::lock_guard lock(mutex_);
        request.count = ++counts_[request.path];
        requests_.push_back(request);
        ++in_script_;
      }
      script_(request, peer);
      --in_script_;
    }
  }

  static bool read_more(int fd, std::string& incoming) {
    char block[16'384];
    const ssize_t size = ::recv(fd, block, sizeof(block), 0);
    if (size > 0) incoming.append(block, static_cast<size_t>(size));
    return size > 0;
  }

  static bool read_request(int fd, std::string& incoming, Request& request) {
    size_t end;
    while ((end = incoming.find("\r\n\r\n")) == std::string::npos)
      if (!read_more(fd, incoming)) return false;
    request = {};
    std::string_view head(incoming.data(), end + 2);
    const std::string_view line = head.substr(0, head.find("\r\n"));
    request.method = line.substr(0, line.find(' '));
    request.path = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
    head.remove_prefix(line.size() + 2);
    while (!head.empty()) {
      const std::string_view header = head.substr(0, head.find("\r\n"));
      request.headers[lower_ascii(header.substr(0, header.find(':')))] =
          header.substr(std::min(header.size(), header.find(':') + 2));
      head.remove_prefix(header.size() + 2);
    }
    const auto length = request.headers.find("content-length");
    const size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
    while (incoming.size() < end + 4 + size)
      if (!read_more(fd, incoming)) return false;
    request.body = incoming.substr(end + 4, size);
    incoming.erase(0, end + 4 + size);
    return true;
  }

  const Script script_;
  const std::function<bool(int)> accepts_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread accepting_;
  std::vector<std::unique_ptr<Peer>> peers_;  // of the accepting thread, then of the destructor
  std::atomic<int> connections_{0}, closed_{0}, in_script_{0};
  mutable std::mutex mutex_;  // guards all below
  std::vector<Request> requests_;
  std::map<std::string, int> counts_;
};

}  // namespace dreamdb
