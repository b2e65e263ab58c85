#include "dyadic/train/metrics.h"

#include <nlohmann/json.hpp>

namespace dyadic {

using nlohmann::ordered_json;

std::string epoch_json(const EpochReport& report) {
  ordered_json line = {{"phase", report.initialising ? "range_initialisation" : "training"},
                       {"epoch", report.epoch},
                       {"step", report.step},
                       {"learning_rate", report.learning_rate},
                       {"momentum", report.momentum},
                       {"loss", report.loss},
                       {"train_error", report.train_error}};
  if (!report.initialising) {
    line["validation_error"] = report.validation_error;
    line["test_error"] = report.test_error;
  }
  line["seconds"] = report.seconds;
  line["samples_per_second"] = report.samples_per_second;
  ordered_json roles = ordered_json::object();
  for (const RoleReport& role : report.roles) {
    ordered_json entry = {
        {"format", role.format}, {"overflow_rate", role.overflow_rate}, {"zero_rate", role.zero_rate}};
    if (role.has_range) entry["range"] = role.range;
    roles[role.node][role.role] = entry;
  }
  line["roles"] = roles;
  return line.dump();
}

std::string summary_json(const RunSummary& summary) {
  const ordered_json json = {{"test_error", summary.test_error},
                             {"validation_error", summary.validation_error},
                             {"test_error_at_best_validation", summary.test_error_at_best_validation},
                             {"best_epoch", summary.best_epoch},
                             {"best_test_error", summary.best_test_error},
                             {"epochs", summary.epochs},
                             {"steps", summary.steps},
                             {"checkpoint_sha256", summary.checkpoint_sha256},
                             {"seconds", summary.seconds},
                             {"samples_per_second", summary.samples_per_second},
                             {"bytes_per_parameter", summary.bytes_per_parameter},
                             {"checkpoint_bits_per_parameter", summary.checkpoint_bits_per_parameter},
                             {"isa", summary.isa},
                             {"threads", summary.threads},
                             {"version", summary.version}};
  return json.dump(2) + "\n";
}

std::optional<RunSummary> parse_summary(const std::string& text) {
  RunSummary summary;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    json.at("test_error").get_to(summary.test_error);
    json.at("validation_error").get_to(summary.validation_error);
    json.at("test_error_at_best_validation").get_to(summary.test_error_at_best_validation);
    json.at("best_epoch").get_to(summary.best_epoch);
    summary.best_test_error = json.value("best_test_error", summary.best_test_error);
    json.at("epochs").get_to(summary.epochs);
    json.at("steps").get_to(summary.steps);
    json.at("checkpoint_sha256").get_to(summary.checkpoint_sha256);
    json.at("seconds").get_to(summary.seconds);
    json.at("samples_per_second").get_to(summary.samples_per_second);
    json.at("bytes_per_parameter").get_to(summary.bytes_per_parameter);
    json.at("checkpoint_bits_per_parameter").get_to(summary.checkpoint_bits_per_parameter);
    json.at("isa").get_to(summary.isa);
    json.at("threads").get_to(summary.threads);
    json.at("version").get_to(summary.version);
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return summary;
}

}  // namespace dyadic
