// Street View House Numbers, cropped digits (Netzer et al. 2011): {train,test,extra}_32x32.mat, each with X, 32 x 32 x
// 3 x N, and y, N labels 1..10, where 10 is the digit 0.
#pragma once

#include <string>
#include <vector>

#include "dyadic/data/dataset.h"

namespace dyadic {

/// Examples of each class that are set aside for validation, the last ones of each file, as many as there are at most.
struct SvhnValidation {
  int from_train = 400;
  int from_extra = 200;
};

/// train, test and, if it is there, extra, in DIRECTORY/NAME or else in DIRECTORY itself. Throws MissingInputError.
std::vector<std::string> find_svhn(const DataSetRow& row, const std::string& directory);

/// Reads files found so. Training examples: those of train that are not for validation, those of extra, then those for
/// validation, of train and of extra; each group in the order of its file. Throws FileFormatError naming the file and
/// the example. Holds one byte per value, and the validation examples twice for a moment.
DataSet read_svhn_files(const DataSetRow& row, const std::vector<std::string>& paths,
                        const SvhnValidation& validation = {});

DataSet load_svhn(const DataSetRow& row, const std::string& directory);

}  // namespace dyadic
