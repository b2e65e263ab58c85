#include "bench/product_peer.h"

#include <omp.h>

#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>

#include "bench/timing.h"

namespace dyadic {

struct ProductPeer::Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::memory x, w, z;
  dnnl::matmul product;
};

ProductPeer::ProductPeer() = default;
ProductPeer::~ProductPeer() = default;

void ProductPeer::prepare(Numbers numbers, std::int64_t m, std::int64_t n, std::int64_t depth) {
  using dnnl::memory;
  using Type = memory::data_type;
  using Tag = memory::format_tag;
  omp_set_num_threads(1);
  engine_ = std::make_unique<Engine>();
  Engine& e = *engine_;
  const Type type = numbers == Numbers::int8 ? Type::s8 : Type::f32;
  const memory::desc x_desc({m, depth}, type, Tag::ab);
  const memory::desc z_desc({m, n}, numbers == Numbers::int8 ? Type::s32 : Type::f32, Tag::ab);
  const dnnl::matmul::desc desc(x_desc, memory::desc({depth, n}, type, Tag::any), z_desc);
  const dnnl::matmul::primitive_desc primitive(desc, e.engine);
  e.x = memory(x_desc, e.engine);
  e.z = memory(z_desc, e.engine);
  e.w = memory(primitive.weights_desc(), e.engine);
  memory plain({{depth, n}, type, Tag::ab}, e.engine);
  std::memset(e.x.get_data_handle(), 1, x_desc.get_size());
  std::memset(plain.get_data_handle(), 1, plain.get_desc().get_size());
  dnnl::reorder(plain, e.w).execute(e.stream, plain, e.w);
  e.stream.wait();
  e.product = dnnl::matmul(primitive);
}

double ProductPeer::run() {
  Engine& e = *engine_;
  const double start = thread_seconds();
  e.product.execute(e.stream, {{DNNL_ARG_SRC, e.x}, {DNNL_ARG_WEIGHTS, e.w}, {DNNL_ARG_DST, e.z}});
  e.stream.wait();
  return thread_seconds() - start;
}

}  // namespace dyadic
