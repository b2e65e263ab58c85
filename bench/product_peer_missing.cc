#include "bench/product_peer.h"

namespace dyadic {

struct ProductPeer::Engine {};
ProductPeer::ProductPeer() = default;
ProductPeer::~ProductPeer() = default;
void ProductPeer::prepare(Numbers /*numbers*/, std::int64_t /*m*/, std::int64_t /*n*/, std::int64_t /*depth*/) {}
double ProductPeer::run() { return 0; }

}  // namespace dyadic
