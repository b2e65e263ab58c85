// A small HTTP/1.1 server on 127.0.0.1 for the tests of downloads: one connection at a time, one request each.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace dyadic::test {

/// What the server does when asked for a path.
struct Resource {
  std::vector<std::uint8_t> body = {};
  int status = 200;
  bool knows_ranges = true;
  std::int64_t range_shift = 0;  // answers a range with one that begins so many bytes later
  std::int64_t cut_after = -1;   // drops the connection after so many bytes of the body
  std::string redirect = {};     // with status 302
};

struct SeenRequest {
  std::string path;
  std::int64_t range_start = -1;  // -1: no Range header
};

class LoopbackServer {
 public:
  LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  ~LoopbackServer();

  void serve(const std::string& path, Resource resource);
  [[nodiscard]] std::string address(const std::string& path) const;
  [[nodiscard]] std::vector<SeenRequest> requests() const;

 private:
  void loop();
  void answer(int connection);

  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, Resource> resources_;
  std::vector<SeenRequest> requests_;
  std::thread thread_;
};

}  // namespace dyadic::test
