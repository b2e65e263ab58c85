// One file over http or https, from the first mirror that gives the right bytes. Built only with DYADIC_DOWNLOAD; the
// one place in dyadic that opens a network connection, and only `dyadic data get` calls it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace dyadic {

/// What to fetch. The address is found by trying `addresses` in order.
struct DownloadRequest {
  std::vector<std::string> addresses;
  std::string destination;
  std::int64_t size = 0;  // in bytes; a mirror that sends more is dropped at once
  std::string sha256;
};

struct DownloadLimits {
  std::int64_t connect_seconds = 20;
  std::int64_t stall_seconds = 30;  // so long below `stall_bytes_per_second` is a failure
  std::int64_t stall_bytes_per_second = 100;
  std::int64_t redirects = 5;
};

struct DownloadStatus {
  std::string address;  // the mirror in use
  std::string destination;
  std::int64_t received = 0;  // resumed bytes included
  std::int64_t size = 0;
};

/// Called several times a second; false stops the download.
using DownloadProgress = std::function<bool(const DownloadStatus&)>;

enum class DownloadResult { already_there, fetched, stopped };

/// Bytes arrive in DESTINATION.part, which a later call goes on from (HTTP ranges; a server that knows none starts
/// again). Only a file of the right SHA-256 is installed: synced, renamed, its directory synced. A mirror that fails or
/// gives other bytes is passed over; a destination that is already right is not fetched. Throws UsageError for an
/// address that is neither http nor https, and IoError when the system refuses to write, when another process fetches
/// the same file, or, naming what was wrong with each, when no mirror gave it.
DownloadResult download_file(const DownloadRequest& request, const DownloadProgress& progress = {},
                             const DownloadLimits& limits = {});

}  // namespace dyadic
