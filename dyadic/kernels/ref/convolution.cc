// Convolutions as their definition: for each output element the pairs of elements that meet, in the order of the depth.
#include <cmath>
#include <cstdint>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/convolution_plan.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic::ref {
namespace {

/// Positions in the three tensors. An input position outside the picture is negative.
struct Places {
  const ConvolutionShape& shape;
  std::int64_t out_height = shape.out_height();
  std::int64_t out_width = shape.out_width();

  [[nodiscard]] std::int64_t input(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t kh, std::int64_t kw,
                                   std::int64_t channel) const {
    const std::int64_t h = oh * shape.stride_h - shape.pad_top + kh * shape.dilation_h;
    const std::int64_t w = ow * shape.stride_w - shape.pad_left + kw * shape.dilation_w;
    if (h < 0 || h >= shape.height || w < 0 || w >= shape.width) return -1;
    return ((n * shape.height + h) * shape.width + w) * shape.channels + channel;
  }
  [[nodiscard]] std::int64_t output(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t o) const {
    return ((n * out_height + oh) * out_width + ow) * shape.outputs + o;
  }
  [[nodiscard]] std::int64_t weight(std::int64_t o, std::int64_t kh, std::int64_t kw, std::int64_t i) const {
    return ((o * shape.kernel_h + kh) * shape.kernel_w + kw) * shape.group_channels() + i;
  }
};

/// The output position along one axis from which tap k reads input position i; negative if there is none.
std::int64_t reader(std::int64_t i, std::int64_t k, std::int64_t pad, std::int64_t dilation, std::int64_t stride,
                    std::int64_t outputs) {
  const std::int64_t from = i + pad - k * dilation;
  return from >= 0 && from % stride == 0 && from / stride < outputs ? from / stride : -1;
}

/// pair(a's position, b's position) for the products of sum (row, column), in order.
template <typename Pair>
void for_pairs(ConvolutionProduct product, const Places& places, std::int64_t row, std::int64_t column,
               const Pair& pair) {
  const ConvolutionShape& shape = places.shape;
  if (product == ConvolutionProduct::forward) {
    const std::int64_t ow = row % places.out_width;
    const std::int64_t oh = row / places.out_width % places.out_height;
    const std::int64_t n = row / places.out_width / places.out_height;
    const std::int64_t first = column / shape.group_outputs() * shape.group_channels();
    for (std::int64_t kh = 0; kh < shape.kernel_h; ++kh) {
      for (std::int64_t kw = 0; kw < shape.kernel_w; ++kw) {
        for (std::int64_t i = 0; i < shape.group_channels(); ++i) {
          const std::int64_t from = places.input(n, oh, ow, kh, kw, first + i);
          if (from >= 0) pair(from, places.weight(column, kh, kw, i));
        }
      }
    }
  } else if (product == ConvolutionProduct::input_gradient) {
    const std::int64_t w = row % shape.width;
    const std::int64_t h = row / shape.width % shape.height;
    const std::int64_t n = row / shape.width / shape.height;
    const std::int64_t i = column % shape.group_channels();
    const std::int64_t first = column / shape.group_channels() * shape.group_outputs();
    for (std::int64_t kh = 0; kh < shape.kernel_h; ++kh) {
      const std::int64_t oh = reader(h, kh, shape.pad_top, shape.dilation_h, shape.stride_h, places.out_height);
      for (std::int64_t kw = 0; kw < shape.kernel_w && oh >= 0; ++kw) {
        const std::int64_t ow = reader(w, kw, shape.pad_left, shape.dilation_w, shape.stride_w, places.out_width);
        for (std::int64_t o = first; o < first + shape.group_outputs() && ow >= 0; ++o) {
          pair(places.output(n, oh, ow, o), places.weight(o, kh, kw, i));
        }
      }
    }
  } else {
    const std::int64_t i = column % shape.group_channels();
    const std::int64_t kw = column / shape.group_channels() % shape.kernel_w;
    const std::int64_t kh = column / shape.group_channels() / shape.kernel_w;
    const std::int64_t channel = row / shape.group_outputs() * shape.group_channels() + i;
    for (std::int64_t n = 0; n < shape.batch; ++n) {
      for (std::int64_t oh = 0; oh < places.out_height; ++oh) {
        for (std::int64_t ow = 0; ow < places.out_width; ++ow) {
          const std::int64_t from = places.input(n, oh, ow, kh, kw, channel);
          if (from >= 0) pair(places.output(n, oh, ow, row), from);
        }
      }
    }
  }
}

/// Hands out element(row, column), a row to a tile.
template <typename Sum, typename Element>
void fill_rows(ConvolutionProduct product, const ConvolutionShape& shape, SumType type, SumConsumer consume,
               void* context, const Element& element) {
  const std::int64_t columns = convolution_columns(product, shape);
  parallel_for(convolution_rows(product, shape), 1, [&](std::int64_t begin, std::int64_t end, int part) {
    std::vector<Sum> sums(static_cast<std::size_t>(columns));
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t j = 0; j < columns; ++j) sums[static_cast<std::size_t>(j)] = static_cast<Sum>(element(row, j));
      consume(context, {sums.data(), type, row, 0, 1, columns, columns}, part);
    }
  });
}

/// Integer number `index` of an operand.
template <typename Code>
std::int64_t integer_at(const ConvolutionOperand& operand, std::int64_t index) {
  return operand.multiplier * static_cast<std::int64_t>(static_cast<const Code*>(operand.codes)[index]) -
         operand.offset;
}

using Reader = std::int64_t (*)(const ConvolutionOperand&, std::int64_t);

Reader reader_of(CodeType type) {
  constexpr Reader kReaders[] = {&integer_at<std::int8_t>,   &integer_at<std::uint8_t>, &integer_at<std::int16_t>,
                                 &integer_at<std::uint16_t>, &integer_at<std::int32_t>, &integer_at<std::uint32_t>};
  return kReaders[static_cast<int>(type)];
}

}  // namespace

void integer_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const ConvolutionOperand& a,
                         const ConvolutionOperand& b, SumType type, SumConsumer consume, void* context) {
  const Places places{shape};
  const Reader read_a = reader_of(a.type);
  const Reader read_b = reader_of(b.type);
  const auto element = [&](std::int64_t row, std::int64_t column) {
    std::int64_t sum = 0;
    for_pairs(product, places, row, column,
              [&](std::int64_t i, std::int64_t j) { sum += read_a(a, i) * read_b(b, j); });
    return sum;
  };
  if (type == SumType::i32) fill_rows<std::int32_t>(product, shape, type, consume, context, element);
  else fill_rows<std::int64_t>(product, shape, type, consume, context, element);
}

void float_convolution(ConvolutionProduct product, const ConvolutionShape& shape, const float* a, const float* b,
                       SumConsumer consume, void* context) {
  const Places places{shape};
  fill_rows<float>(product, shape, SumType::f32, consume, context, [&](std::int64_t row, std::int64_t column) {
    float sum = 0.0F;
    for_pairs(product, places, row, column, [&](std::int64_t i, std::int64_t j) { sum = std::fma(a[i], b[j], sum); });
    return sum;
  });
}

}  // namespace dyadic::ref
