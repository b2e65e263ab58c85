// metrics.jsonl and summary.json: one JSON object per epoch, one for the run.
#pragma once

#include <string>

#include "dyadic/train/run.h"

namespace dyadic {

/// One line, without a newline. Numbers are the shortest text that reads back to the same value.
std::string epoch_json(const EpochReport& report);

}  // namespace dyadic
