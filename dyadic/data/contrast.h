// Contrast normalisation of single images, as pylearn2 has it; exact definitions in docs/data.md.
#pragma once

#include <cstdint>
#include <span>

#include "dyadic/tensor/tensor.h"

namespace dyadic {

/// Subtracts the image's mean over all its values and scales it to Euclidean norm `norm`; an image of one colour
/// becomes zero. Mean and norm come from integer sums, so only the last operations round.
void normalise_to_norm(std::span<const std::uint8_t> image, double norm, std::span<double> out);

/// Subtracts the mean and divides by sqrt(variance + bias), the variance over all values of the image.
void normalise_to_deviation(std::span<const std::uint8_t> image, double bias, std::span<double> out);

/// Local contrast normalisation (after Jarrett, Kavukcuoglu, Ranzato, LeCun: "What is the best multi-stage architecture
/// for object recognition?", ICCV 2009), each channel for itself, in place: minus the mean over a window of 7 x 7 under
/// a Gaussian of deviation 2, divided by the root mean square over that window, or by its mean over the image where
/// that is larger, or by 1e-4. Outside the image is zero. `image` is rows x columns x channels.
void normalise_locally(const Shape& shape, std::span<double> image);

}  // namespace dyadic
