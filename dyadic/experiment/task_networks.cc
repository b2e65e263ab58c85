#include "dyadic/experiment/task_networks.h"

namespace dyadic {

const std::string_view kPermutationInvariantNetwork = R"(
[network]
input = [784]
layers = [
  { type = "dropout", keep = 0.8 },
  { name = "h1", type = "dense", units = 1200, init = "glorot_uniform", max_column_norm = 1.9365 },
  { type = "maxout", pieces = 5 },
  { type = "dropout", keep = 0.5 },
  { name = "h2", type = "dense", units = 1200, init = "glorot_uniform", max_column_norm = 1.9365, test_scale = 0.5 },
  { type = "maxout", pieces = 5 },
  { type = "dropout", keep = 0.5 },
  { name = "out", type = "dense", units = 10, init = "zero", max_column_norm = 1.9365, test_scale = 0.5 },
]
loss = "softmax_nll"
loss_scale = "classes"
)";

const std::string_view kPermutationInvariantSchedule = R"(
[train]
epochs = 800
batch = 100
optimizer = { type = "sgd" }
learning_rate = { start = 0.05, end = 0.005, until_fraction = 0.5 }
momentum = { start = 0.5, end = 0.7, until_fraction = 0.25 }
)";

const std::string_view kMnistNetwork = R"(
[network]
input = [28, 28, 1]
layers = [
  { type = "dropout", keep = 0.8 },
  { name = "c1", type = "conv2d", channels = 96, kernel = 8, bias = "after_pool", max_norm = 0.9, max_norm_axis = "output" },
  { type = "max_pool", size = 4, stride = 2 },
  { type = "maxout", pieces = 2 },
  { type = "dropout", keep = 0.5 },
  { name = "c2", type = "conv2d", channels = 96, kernel = 8, padding = 3, bias = "after_pool", max_norm = 1.9365, max_norm_axis = "output", test_scale = 0.5 },
  { type = "max_pool", size = 4, stride = 2 },
  { type = "maxout", pieces = 2 },
  { type = "dropout", keep = 0.5 },
  { name = "c3", type = "conv2d", channels = 96, kernel = 5, padding = 3, bias = "after_pool", max_norm = 1.9365, max_norm_axis = "output", test_scale = 0.5 },
  { type = "max_pool", size = 2, stride = 2 },
  { type = "maxout", pieces = 4 },
  { type = "dropout", keep = 0.5 },
  { type = "flatten" },
  { name = "out", type = "dense", units = 10, init = "zero", max_column_norm = 1.9365, test_scale = 0.5 },
]
loss = "softmax_nll"
loss_scale = "classes"
)";

const std::string_view kMnistSchedule = R"(
[train]
epochs = 800
batch = 128
optimizer = { type = "sgd" }
learning_rate = { start = 0.02, end = 0.002, until_fraction = 0.5 }
momentum = { start = 0.5, end = 0.7, until_fraction = 0.25 }
)";

const std::string_view kColourNetwork = R"(
[network]
input = [32, 32, 3]
layers = [
  { type = "dropout", keep = 0.8 },
  { name = "c1", type = "conv2d", channels = 128, kernel = 5, padding = 2, bias = "after_pool", max_norm = 0.9, max_norm_axis = "output", learning_rate_scale = 0.2 },
  { type = "max_pool", size = 3, stride = 2 },
  { type = "maxout", pieces = 2 },
  { type = "dropout", keep = 0.5 },
  { name = "c2", type = "conv2d", channels = 256, kernel = 5, padding = 2, bias = "after_pool", max_norm = 1.9365, max_norm_axis = "output", test_scale = 0.5, learning_rate_scale = 0.2 },
  { type = "max_pool", size = 3, stride = 2 },
  { type = "maxout", pieces = 2 },
  { type = "dropout", keep = 0.5 },
  { name = "c3", type = "conv2d", channels = 256, kernel = 5, padding = 2, bias = "after_pool", max_norm = 1.9365, max_norm_axis = "output", test_scale = 0.5, learning_rate_scale = 0.2 },
  { type = "max_pool", size = 3, stride = 2 },
  { type = "maxout", pieces = 2 },
  { type = "dropout", keep = 0.5 },
  { type = "flatten" },
  { name = "h", type = "dense", units = 2000, max_column_norm = 1.9365, test_scale = 0.5 },
  { type = "maxout", pieces = 5 },
  { type = "dropout", keep = 0.5 },
  { name = "out", type = "dense", units = 10, init = "zero", max_column_norm = 1.9365, test_scale = 0.5 },
]
loss = "softmax_nll"
loss_scale = "classes"
)";

const std::string_view kCifar10Schedule = R"(
[train]
epochs = 400
batch = 128
optimizer = { type = "sgd" }
learning_rate = { start = 0.02, end = 0.002, until_fraction = 0.5 }
momentum = { start = 0.5, end = 0.7, until_fraction = 0.5 }
)";

const std::string_view kSvhnSchedule = R"(
[train]
epochs = 200
batch = 128
optimizer = { type = "sgd" }
learning_rate = { start = 0.05, end = 0.005, until_fraction = 0.5 }
momentum = { start = 0.5, end = 0.7, until_fraction = 0.5 }
)";

}  // namespace dyadic
