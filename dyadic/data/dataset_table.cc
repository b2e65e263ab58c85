#include <fmt/format.h>

#include <cstdlib>

#include "dyadic/base/error.h"
#include "dyadic/base/nearest_name.h"
#include "dyadic/data/cifar.h"
#include "dyadic/data/dataset.h"
#include "dyadic/data/digits.h"
#include "dyadic/data/find_files.h"
#include "dyadic/data/idx_files.h"
#include "dyadic/data/prepared.h"
#include "dyadic/data/scenes.h"
#include "dyadic/data/svhn.h"

namespace dyadic {

namespace {

DataSet generate_digits_of(std::uint64_t seed) { return generate_digits_set(seed); }
DataSet generate_scenes_of(std::uint64_t seed) { return generate_scenes_set(seed); }

}  // namespace

std::span<const DataSetRow> data_set_table() {
  static const std::vector<DataSetRow> kTable = {
      {.name = "mnist",
       .description = "the MNIST database of handwritten digits (LeCun, Cortes, Burges 1998)",
       .shape = {28, 28, 1},
       .classes = 10,
       .train_count = 60000,
       .test_count = 10000,
       .files = {{"train-images-idx3-ubyte", 47040016,
                  "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
                 {"train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
                 {"t10k-images-idx3-ubyte", 7840016,
                  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
                 {"t10k-labels-idx1-ubyte", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}},
       .downloads =
           {{"train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
            {"train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
            {"t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
            {"t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"}},
       .mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                   "https://storage.googleapis.com/cvdf-datasets/mnist/"},
       .find = find_idx_files,
       .load = load_idx_files,
       .generate = nullptr,
       .make = nullptr,
       .contents = idx_contents},
      {.name = "fashion-mnist",
       .description = "articles of clothing in the form of MNIST (Xiao, Rasul, Vollgraf 2017)",
       .shape = {28, 28, 1},
       .classes = 10,
       .train_count = 60000,
       .test_count = 10000,
       // Only the packed files have published hashes.
       .files = {{"train-images-idx3-ubyte", 47040016, ""},
                 {"train-labels-idx1-ubyte", 60008, ""},
                 {"t10k-images-idx3-ubyte", 7840016, ""},
                 {"t10k-labels-idx1-ubyte", 10008, ""}},
       .downloads =
           {{"train-images-idx3-ubyte.gz", 26421880,
             "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
            {"train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
            {"t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
            {"t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"}},
       // The hashes are in this row, so a plain connection cannot smuggle other bytes in.
       .mirrors = {"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"},
       .find = find_own_idx_files,
       .load = load_idx_files,
       .generate = nullptr,
       .make = nullptr,
       .contents = idx_contents},
      {.name = "digits",
       .description = "generated 28x28 digits: pen strokes, bent and inked from a seed",
       .shape = {kDigitSide, kDigitSide, 1},
       .classes = 10,
       .train_count = kDigitTrainCount,
       .test_count = kDigitTestCount,
       .files = {{"train-images-idx3-ubyte", 47040016,
                  "e49f4d99f9bfad71982563cb3406bfbad3809a089105fa50b743757721f8925c"},
                 {"train-labels-idx1-ubyte", 60008, "e5027d4db0562417381e2f532320c2f39d910941773f90e2a9cad008fd606d56"},
                 {"t10k-images-idx3-ubyte", 7840016,
                  "169571f5f4662b89dd2a7ae08fdf7d99e332bfeedda7392568329cb6d57da825"},
                 {"t10k-labels-idx1-ubyte", 10008, "cf6b50dc63bd4ed15bc4e6363ee9fce23fc48ced982b34b3fb98d7d5d2e714d5"}},
       .downloads = {},
       .mirrors = {},
       .find = find_own_idx_files,
       .load = load_or_generate_idx,
       .generate = generate_digits_of,
       .make = make_idx,
       .contents = idx_contents},
      {.name = "cifar10",
       .description = "CIFAR-10, small colour photographs, binary version (Krizhevsky 2009)",
       .shape = {kCifarSide, kCifarSide, 3},
       .classes = 10,
       .train_count = kCifarTrainBatches * kCifarBatch,
       .test_count = kCifarBatch,
       .files = {{"data_batch_1.bin", 30730000, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
                 {"data_batch_2.bin", 30730000, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
                 {"data_batch_3.bin", 30730000, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
                 {"data_batch_4.bin", 30730000, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
                 {"data_batch_5.bin", 30730000, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
                 {"test_batch.bin", 30730000, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"}},
       .downloads = {{"cifar-10-binary.tar.gz", 170052171,
                      "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}},
       .mirrors = {"https://www.cs.toronto.edu/~kriz/"},
       .find = find_cifar10,
       .load = load_cifar10,
       .generate = nullptr,
       .make = nullptr,
       .contents = cifar_contents},
      {.name = "cifar10-whitened",
       .description = "CIFAR-10, contrast normalised and ZCA whitened, as float32 values",
       .shape = {kCifarSide, kCifarSide, 3},
       .classes = 10,
       .train_count = kCifarTrainBatches * kCifarBatch,
       .test_count = kCifarBatch,
       .source = "cifar10",
       .files = {},
       .downloads = {},
       .mirrors = {},
       .find = find_prepared,
       .load = load_cifar10_whitened,
       .generate = nullptr,
       .make = make_cifar10_whitened,
       .contents = nullptr},
      {.name = "svhn",
       .description = "Street View House Numbers, cropped digits, train and extra (Netzer et al. 2011)",
       .shape = {32, 32, 3},
       .classes = 10,
       .train_count = 604388,
       .test_count = 26032,
       .train_count_without_extra = 73257,
       // extra_32x32.mat is optional, so it is not listed; only the packed bytes have published hashes.
       .files = {{"train_32x32.mat", 182040794, ""}, {"test_32x32.mat", 64275384, ""}},
       .downloads = {{"train_32x32.mat", 182040794, "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"},
                     {"test_32x32.mat", 64275384, "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"},
                     {"extra_32x32.mat", 1329278602,
                      "a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3"}},
       .mirrors = {"http://ufldl.stanford.edu/housenumbers/"},
       .find = find_svhn,
       .load = load_svhn,
       .generate = nullptr,
       .make = nullptr,
       .contents = nullptr},
      {.name = "svhn-lcn",
       .description = "SVHN, contrast normalised as a whole and locally, as float32 values",
       .shape = {32, 32, 3},
       .classes = 10,
       .train_count = 604388,
       .test_count = 26032,
       .source = "svhn",
       .train_count_without_extra = 73257,
       .files = {},
       .downloads = {},
       .mirrors = {},
       .find = find_prepared,
       .load = load_svhn_lcn,
       .generate = nullptr,
       .make = make_svhn_lcn,
       .contents = nullptr},
      {.name = "scenes",
       .description = "generated 32x32 colour scenes: a digit before a textured ground, from a seed",
       .shape = {kSceneSide, kSceneSide, 3},
       .classes = 10,
       .train_count = kSceneTrainCount,
       .test_count = kSceneTestCount,
       .files = {{"data_batch_1.bin", 30730000, "3630112ab412c7effc6fc8062715db4bc34d6ad59dc920999cf03530c4cbedfd"},
                 {"data_batch_2.bin", 30730000, "3bd8748549ca248ad7a88646ce76a09742f169d0190ae88155bbdc6142dd7726"},
                 {"data_batch_3.bin", 30730000, "0fa5236f433af04d27d9872b7c13ce69f85b85037dc56769d0bf6baafcf5fcba"},
                 {"data_batch_4.bin", 30730000, "7c853a56e7cdebed897c055d9304ea1a2e7e2c9ab1658ff689a5a56c092e2492"},
                 {"data_batch_5.bin", 30730000, "75cf4a78e97c32fa939daf1cb9084ad1e1606bc5bfc1e8bd3fb1fa2f6de16bca"},
                 {"test_batch.bin", 30730000, "434c26b1d3fd1e4fb6a2517ba7c1dd957f70f79065110c333f20edcf3c4f5fc4"}},
       .downloads = {},
       .mirrors = {},
       .find = find_scenes,
       .load = load_or_generate_scenes,
       .generate = generate_scenes_of,
       .make = make_scenes,
       .contents = cifar_contents},
  };
  return kTable;
}

const DataSetRow& data_set_row(std::string_view name) {
  std::vector<std::string> names;
  for (const DataSetRow& row : data_set_table()) {
    if (name == row.name) return row;
    names.emplace_back(row.name);
  }
  throw UsageError(fmt::format("unknown data set '{}': did you mean '{}'? (`dyadic data list` shows all)", name,
                               nearest_name(name, names)));
}

std::string data_directory(const std::string& option) {
  if (!option.empty()) return option;
  const char* from_environment = std::getenv("DYADIC_DATA");
  return from_environment != nullptr && *from_environment != '\0' ? from_environment : "data";
}

DataSet load_dataset(const std::string& name, const std::string& directory) {
  const DataSetRow& row = data_set_row(name);
  if (!directory.empty() && !is_present(directory)) {
    throw MissingInputError(fmt::format("{}: no such directory (looking for the data set {})", directory, name));
  }
  return row.load(row, data_directory(directory));
}

}  // namespace dyadic
