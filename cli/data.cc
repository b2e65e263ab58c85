#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/json_line.h"
#include "cli/signals.h"
#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"
#include "dyadic/data/catalog.h"
#include "dyadic/data/digits.h"

namespace dyadic::cli {
namespace {

ExitCode list(const Arguments& arguments) {
  for (const DataListing& row : list_data(arguments.data)) {
    if (arguments.json) {
      JsonLine line;
      line.text("name", row.name).text("description", row.description).text("shape", row.shape);
      line.integer("train", row.train).integer("test", row.test).integer("classes", row.classes);
      fmt::print("{}\n", line.boolean("generated", row.generated)
                             .boolean("prepared", row.prepared)
                             .text("location", row.location)
                             .str());
    } else {
      fmt::print(
          "{:<16} {:<9} {:>6} + {:<6} {}\n{:16} {}\n", row.name, row.shape, row.train, row.test, row.description, "",
          row.location.empty() ? fmt::format("not here; {} it with: dyadic data {} {}", row.prepared ? "make" : "get",
                                             row.prepared ? "make" : "get", row.name)
                               : row.location);
    }
  }
  return ExitCode::done;
}

ExitCode get(const Arguments& arguments) {
  const auto& stop = stop_on_signals();
  const bool shows = !arguments.json && !arguments.quiet && isatty(STDERR_FILENO) != 0;
  const auto progress = [&](const DownloadStatus& status) {
    if (shows) fmt::print(stderr, "\r{} {} of {} bytes\x1b[K", status.destination, status.received, status.size);
    return stop.load() == 0;
  };
  const std::vector<FetchedFile> files = get_data(arguments.positionals[1], arguments.data, progress);
  if (shows) fmt::print(stderr, "\r\x1b[K");
  constexpr std::array<std::string_view, 3> kResults = {"already there", "fetched", "stopped"};
  bool stopped = false;
  for (const FetchedFile& file : files) {
    const std::string_view result = kResults[static_cast<std::size_t>(file.result)];
    stopped |= file.result == DownloadResult::stopped;
    if (arguments.json) fmt::print("{}\n", JsonLine().text("path", file.path).text("result", result).str());
    else if (!arguments.quiet) fmt::print("{}: {}\n", file.path, result);
  }
  return stopped ? ExitCode::stopped : ExitCode::done;
}

ExitCode make(const Arguments& arguments) {
  const auto seed = integer_option("--seed", arguments.seed, 0, std::numeric_limits<std::int64_t>::max());
  const std::uint64_t number = seed ? static_cast<std::uint64_t>(*seed) : kDigitSeed;
  const bool is_told = !arguments.json && !arguments.quiet;
  const auto note = [&](const std::string& text) {
    if (is_told) fmt::print(stderr, "{}: {}\n", arguments.positionals[1], text);
  };
  const std::string directory = make_data(arguments.positionals[1], arguments.data, number, arguments.out, note);
  if (arguments.json) fmt::print("{}\n", JsonLine().text("directory", directory).str());
  else if (!arguments.quiet) fmt::print("{}: ready\n", directory);
  return ExitCode::done;
}

std::string histogram_json(const std::vector<std::int64_t>& counts) {
  std::vector<std::string> texts;
  for (const std::int64_t count : counts) texts.push_back(std::to_string(count));
  return json_array(texts);
}

ExitCode check(const Arguments& arguments) {
  const DataCheck result = check_data(arguments.positionals[1], arguments.data);
  if (arguments.json) {
    std::vector<std::string> files;
    for (const CheckedFile& file : result.files) {
      files.push_back(JsonLine()
                          .text("name", file.name)
                          .integer("bytes", file.bytes)
                          .text("sha256", file.sha256)
                          .boolean("published", file.published)
                          .str());
    }
    JsonLine line;
    line.text("origin", result.origin).boolean("ok", result.ok).raw("files", json_array(files));
    line.raw("train_histogram", histogram_json(result.train_histogram));
    line.raw("test_histogram", histogram_json(result.test_histogram));
    fmt::print("{}\n", line.text("fingerprint", result.fingerprint).boolean("counts_match", result.counts_match).str());
  } else {
    for (const CheckedFile& file : result.files) {
      fmt::print("{}: {} bytes, {}\n", file.name, file.bytes,
                 file.published  ? "as published"
                 : file.is_known ? "not the published bytes, sha256 " + file.sha256
                                 : "no published hash to compare with, sha256 " + file.sha256);
    }
    fmt::print("train labels {}\ntest labels  {}\n", histogram_json(result.train_histogram),
               histogram_json(result.test_histogram));
  }
  if (!result.ok) {
    const std::string which = result.is_generated ? fmt::format("that of seed {}", kDefaultSeed) : "the published one";
    throw FileFormatError(fmt::format("{}: a readable set {}, but not {}{}", result.origin, arguments.positionals[1],
                                      which, result.counts_match ? "" : ": another number of examples"));
  }
  return ExitCode::done;
}

struct Action {
  std::string_view name;
  bool takes_name;
  ExitCode (*run)(const Arguments& arguments);
};

constexpr std::array<Action, 4> kActions = {
    {{"list", false, list}, {"get", true, get}, {"make", true, make}, {"check", true, check}}};

}  // namespace

ExitCode run_data(const Arguments& arguments) {
  const auto& words = arguments.positionals;
  const auto* action = std::ranges::find(kActions, words[0], &Action::name);
  if (action == kActions.end()) {
    std::vector<std::string> names;
    for (const Action& row : kActions) names.emplace_back(row.name);
    throw UsageError(
        fmt::format("data: unknown action '{}'; the nearest is '{}'", words[0], nearest_name(words[0], names)));
  }
  if (action->takes_name && words.size() < 2) {
    throw UsageError(fmt::format("data: NAME is missing; usage: dyadic data {} NAME", words[0]));
  }
  if (!action->takes_name && words.size() > 1) {
    throw UsageError(fmt::format("data: surplus argument '{}'; usage: dyadic data {}", words[1], words[0]));
  }
  return action->run(arguments);
}

}  // namespace dyadic::cli
