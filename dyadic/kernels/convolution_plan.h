// How a convolution becomes matrix products. Internal to the convolution kernels.
#pragma once

#include "dyadic/kernels/convolution.h"

namespace dyadic::ref {

/// The definition, one sum per output element: what every other tier is held to.
void integer_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const ConvolutionOperand& a,
                         const ConvolutionOperand& b, SumType type, SumConsumer consume, void* context);
void float_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const float* a, const float* b,
                       SumConsumer consume, void* context);

}  // namespace dyadic::ref
