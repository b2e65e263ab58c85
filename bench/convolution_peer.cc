#include "bench/convolution_peer.h"

#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>

#include "bench/product_ceiling.h"

namespace dyadic {

struct ConvolutionPeer::Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::memory x, w, z;
  dnnl::convolution_forward convolution;
};

ConvolutionPeer::ConvolutionPeer() = default;
ConvolutionPeer::~ConvolutionPeer() = default;

void ConvolutionPeer::prepare(const ConvolutionShape& s, const std::byte* x, const std::byte* w) {
  using dnnl::memory;
  using Type = memory::data_type;
  using Tag = memory::format_tag;
  omp_set_num_threads(1);
  engine_ = std::make_unique<Engine>();
  Engine& e = *engine_;
  const memory::dims x_dims = {s.batch, s.channels, s.height, s.width};
  const memory::dims w_dims = {s.outputs, s.channels, s.kernel_h, s.kernel_w};
  const memory::dims z_dims = {s.batch, s.outputs, s.out_height(), s.out_width()};
  const memory::desc x_desc(x_dims, Type::s8, Tag::nhwc);
  const memory::desc z_desc(z_dims, Type::s32, Tag::nhwc);
  const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
                                             x_desc, memory::desc(w_dims, Type::s8, Tag::any), z_desc,
                                             {s.stride_h, s.stride_w}, {s.pad_top, s.pad_left},
                                             {s.pad_bottom, s.pad_right});
  const dnnl::convolution_forward::primitive_desc primitive(desc, e.engine);
  e.x = memory(x_desc, e.engine);
  e.z = memory(z_desc, e.engine);
  e.w = memory(primitive.weights_desc(), e.engine);
  std::memcpy(e.x.get_data_handle(), x, x_desc.get_size());
  memory plain({w_dims, Type::s8, Tag::ohwi}, e.engine);
  std::memcpy(plain.get_data_handle(), w, plain.get_desc().get_size());
  dnnl::reorder(plain, e.w).execute(e.stream, plain, e.w);
  e.stream.wait();
  e.convolution = dnnl::convolution_forward(primitive);
}

double ConvolutionPeer::run() {
  Engine& e = *engine_;
  const double start = thread_seconds();
  e.convolution.execute(e.stream, {{DNNL_ARG_SRC, e.x}, {DNNL_ARG_WEIGHTS, e.w}, {DNNL_ARG_DST, e.z}});
  e.stream.wait();
  return thread_seconds() - start;
}

std::string ConvolutionPeer::compare(const std::vector<std::int64_t>& sums) const {
  const auto* z = static_cast<const std::int32_t*>(engine_->z.get_data_handle());
  std::int64_t wrong = 0, largest = 0, error = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    wrong += z[i] != sums[i] ? 1 : 0;
    largest = std::max(largest, std::abs(sums[i]));
    error = std::max(error, std::abs(z[i] - sums[i]));
  }
  if (wrong == 0) return "exact";
  return std::to_string(100 * wrong / std::ssize(sums)) + " % differ from the exact ones, by up to " +
         std::to_string(100 * error / largest) + " % of the largest";
}

}  // namespace dyadic
