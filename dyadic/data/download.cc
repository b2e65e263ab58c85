#include "dyadic/data/download.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <exception>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "dyadic/base/error.h"
#include "dyadic/base/sha256.h"
#include "dyadic/data/download_part.h"

namespace dyadic {

namespace {

constexpr long kHttpOk = 200;
constexpr long kHttpPartial = 206;
constexpr long kHttpRangeNotSatisfiable = 416;

/// One transfer in flight, as libcurl's callbacks see it.
struct Transfer {
  CURL* handle;
  PartFile& part;
  DownloadStatus status;
  const DownloadProgress& progress;
  std::int64_t range_start = -1;  // from the answer's Content-Range
  bool begun = false;
  std::string fault;           // what is wrong with this mirror
  std::exception_ptr failure;  // what is wrong here: a full disk
};

/// "content-range: bytes 100-199/200"
std::int64_t parse_range_start(std::string_view line) {
  constexpr std::string_view kName = "content-range: bytes ";
  if (line.size() <= kName.size()) return -1;
  for (std::size_t i = 0; i < kName.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(line[i])) != kName[i]) return -1;
  }
  std::int64_t start = -1;
  const std::string_view digits = line.substr(kName.size());
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), start);
  return parsed.ec == std::errc() ? start : -1;
}

std::size_t on_header(const char* bytes, std::size_t unit, std::size_t count, void* transfer) {
  const std::string_view line(bytes, unit * count);
  auto& range_start = static_cast<Transfer*>(transfer)->range_start;
  if (line.starts_with("HTTP/")) range_start = -1;  // a redirection's headers come first
  if (const std::int64_t start = parse_range_start(line); start >= 0) range_start = start;
  return unit * count;
}

/// Decides at the first byte whether the answer goes on from what we have or starts again.
bool accept_answer(Transfer& transfer) {
  if (transfer.begun) return true;
  transfer.begun = true;
  long code = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &code);
  if (code == kHttpOk) {
    if (transfer.part.size() > 0) transfer.part.clear();
    return true;
  }
  if (code == kHttpPartial && transfer.range_start == transfer.part.size()) return true;
  transfer.fault = code == kHttpPartial ? "answered with another range than the one asked for"
                                        : fmt::format("answered HTTP {}", code);
  return false;
}

std::size_t on_body(const char* bytes, std::size_t unit, std::size_t count, void* opaque) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  const std::size_t size = unit * count;
  try {
    if (!accept_answer(transfer)) return 0;
    if (static_cast<std::int64_t>(size) > transfer.status.size - transfer.part.size()) {
      transfer.fault = fmt::format("sends more than the expected {} bytes", transfer.status.size);
      transfer.part.clear();
      return 0;
    }
    transfer.part.append(std::as_bytes(std::span(bytes, size)));
    return size;
  } catch (...) {
    transfer.failure = std::current_exception();  // may not cross libcurl's frames
    return 0;
  }
}

int on_progress(void* opaque, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  try {
    transfer.status.received = transfer.part.size();
    return !transfer.progress || transfer.progress(transfer.status) ? 0 : 1;
  } catch (...) {
    transfer.failure = std::current_exception();
    return 1;
  }
}

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, CloseHandle>;

Handle new_handle() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  Handle handle(started == CURLE_OK ? curl_easy_init() : nullptr);
  if (!handle) throw Error("download: libcurl could not start");
  return handle;
}

void configure(Transfer& transfer, const DownloadLimits& limits, char* error_text) {
  CURL* handle = transfer.handle;
  curl_easy_setopt(handle, CURLOPT_URL, transfer.status.address.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, static_cast<long>(limits.redirects));
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, static_cast<long>(limits.connect_seconds));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(limits.stall_bytes_per_second));
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits.stall_seconds));
  curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_USERAGENT, "dyadic/" DYADIC_VERSION);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  if (transfer.part.size() > 0) {
    curl_easy_setopt(handle, CURLOPT_RANGE, fmt::format("{}-", transfer.part.size()).c_str());
  }
}

struct Outcome {
  bool complete = false;
  bool stopped = false;
  bool again = false;  // what we had before does not fit this mirror: from the first byte
  std::string fault = {};
};

Outcome fetch(const std::string& address, const DownloadRequest& request, PartFile& part,
              const DownloadProgress& progress, const DownloadLimits& limits) {
  const Handle handle = new_handle();
  Transfer transfer{handle.get(), part, {address, request.destination, part.size(), request.size}, progress, -1, false,
                    {},           {}};
  std::array<char, CURL_ERROR_SIZE> error_text{};
  configure(transfer, limits, error_text.data());
  const CURLcode code = curl_easy_perform(handle.get());
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (code == CURLE_OK) return {.complete = true};
  if (code == CURLE_ABORTED_BY_CALLBACK) return {.stopped = true};
  long http = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &http);
  if (!transfer.fault.empty()) return {.fault = transfer.fault};
  return {.again = http == kHttpRangeNotSatisfiable,
          .fault = error_text[0] != '\0' ? error_text.data() : curl_easy_strerror(code)};
}

/// Empty if the part file is the wanted file, else what is wrong with it.
std::string fault_of(const PartFile& part, const DownloadRequest& request) {
  if (part.size() != request.size) return fmt::format("{} bytes, expected {}", part.size(), request.size);
  const std::string found = part.sha256();
  return found == request.sha256 ? std::string() : fmt::format("SHA-256 {}, expected {}", found, request.sha256);
}

/// One mirror, twice if the first attempt went on from bytes that turn out not to be its own.
Outcome try_mirror(const std::string& address, const DownloadRequest& request, PartFile& part,
                   const DownloadProgress& progress, const DownloadLimits& limits) {
  for (;;) {
    if (part.size() > request.size) part.clear();
    const bool resumed = part.size() > 0;
    Outcome outcome;
    if (part.size() < request.size) outcome = fetch(address, request, part, progress, limits);
    else outcome.complete = true;
    if (outcome.stopped) return outcome;
    if (outcome.complete) {
      outcome.fault = fault_of(part, request);
      if (outcome.fault.empty()) return outcome;
      outcome = {.again = true, .fault = outcome.fault};
      part.clear();
    }
    if (!outcome.again || !resumed) return outcome;
    part.clear();
  }
}

bool is_already_there(const DownloadRequest& request) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(request.destination, error)) return false;
  if (std::filesystem::file_size(request.destination, error) != static_cast<std::uintmax_t>(request.size)) return false;
  return sha256_file_hex(request.destination) == request.sha256;
}

}  // namespace

DownloadResult download_file(const DownloadRequest& request, const DownloadProgress& progress,
                             const DownloadLimits& limits) {
  for (const std::string& address : request.addresses) {
    if (address.starts_with("https://") || address.starts_with("http://")) continue;
    throw UsageError(fmt::format("{}: only http:// and https:// addresses can be fetched", address));
  }
  if (is_already_there(request)) return DownloadResult::already_there;
  PartFile part(request.destination);
  std::string faults;
  for (const std::string& address : request.addresses) {
    const Outcome outcome = try_mirror(address, request, part, progress, limits);
    if (outcome.stopped) return DownloadResult::stopped;
    if (outcome.complete) {
      part.install();
      return DownloadResult::fetched;
    }
    faults += fmt::format("; {}: {}", address, outcome.fault);
  }
  throw IoError(
      fmt::format("{}: no mirror gave it{}. Try again (what came is kept) or name another mirror in DYADIC_MIRROR",
                  request.destination, faults));
}

}  // namespace dyadic
