// The networks and schedules of the original program's tasks, as TOML: what a task's recipe holds besides its data and
// formats. Source: the authors' program (Courbariaux, Bengio, David 2014), which recipes/courbariaux2014 comments on.
#pragma once

#include <string_view>

namespace dyadic {

/// Two maxout layers of 240 units of 5 pieces on 784 values.
extern const std::string_view kPermutationInvariantNetwork;
/// Three convolutional maxout layers on 28x28 grey images.
extern const std::string_view kMnistNetwork;
/// Three convolutional maxout layers and a dense one on 32x32 colour images: CIFAR-10 and SVHN.
extern const std::string_view kColourNetwork;

extern const std::string_view kPermutationInvariantSchedule;
extern const std::string_view kMnistSchedule;
extern const std::string_view kCifar10Schedule;
extern const std::string_view kSvhnSchedule;

}  // namespace dyadic
