#include "tests/data/loopback_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace dyadic::test {

namespace {

void send_all(int connection, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(connection, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

std::string receive_head(int connection) {
  std::string head;
  char piece[1024];
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = recv(connection, piece, sizeof piece, 0);
    if (got <= 0) break;
    head.append(piece, static_cast<std::size_t>(got));
  }
  return head;
}

SeenRequest parse(const std::string& head) {
  SeenRequest request;
  const std::size_t begin = head.find(' ') + 1;
  request.path = head.substr(begin, head.find(' ', begin) - begin);
  constexpr const char kRange[] = "Range: bytes=";
  const std::size_t range = head.find(kRange);
  if (range != std::string::npos) request.range_start = std::stoll(head.substr(range + sizeof kRange - 1));
  return request;
}

}  // namespace

LoopbackServer::LoopbackServer() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 || getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("loopback server: no socket on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { loop(); });
}

LoopbackServer::~LoopbackServer() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void LoopbackServer::serve(const std::string& path, Resource resource) {
  const std::lock_guard lock(mutex_);
  resources_[path] = std::move(resource);
}

std::string LoopbackServer::address(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<SeenRequest> LoopbackServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void LoopbackServer::loop() {
  for (;;) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    answer(connection);
    shutdown(connection, SHUT_RDWR);
    close(connection);
  }
}

void LoopbackServer::answer(int connection) {
  const SeenRequest request = parse(receive_head(connection));
  Resource resource;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    const auto found = resources_.find(request.path);
    if (found != resources_.end()) resource = found->second;
    else resource.status = 404;
  }
  const auto size = static_cast<std::int64_t>(resource.body.size());
  std::int64_t begin = 0;
  std::string extra;
  if (!resource.redirect.empty()) extra = "Location: " + resource.redirect + "\r\n";
  if (resource.status == 200 && resource.knows_ranges && request.range_start >= 0) {
    begin = request.range_start + resource.range_shift;
    resource.status = begin < size ? 206 : 416;
    extra += "Content-Range: bytes " + std::to_string(begin) + "-" + std::to_string(size - 1) + "/" +
             std::to_string(size) + "\r\n";
    begin = std::min(begin, size);
  }
  const std::string head = "HTTP/1.1 " + std::to_string(resource.status) +
                           " As-Told\r\nContent-Length: " + std::to_string(size - begin) + "\r\n" + extra +
                           "Connection: close\r\n\r\n";
  send_all(connection, head.data(), head.size());
  const std::int64_t length = resource.cut_after < 0 ? size - begin : std::min(resource.cut_after, size - begin);
  send_all(connection, reinterpret_cast<const char*>(resource.body.data()) + begin, static_cast<std::size_t>(length));
}

}  // namespace dyadic::test
