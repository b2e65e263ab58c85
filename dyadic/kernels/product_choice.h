// Which of the kernels that can multiply ternary codes does it. All give the same sums; which is fastest depends on the
// machine and on the shape, so a cost model asks the machine once: the time of one multiplication and of packing one
// code, for each engine. People may name the kernel instead.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dyadic/kernels/product_engine.h"

namespace dyadic {

/// bytes: the kernels of all 8-bit codes (AMX tiles, vpdpbusd, vpmaddubsw). bitplanes: two bits a code, products by
/// counting bits; on tiers without them, bytes.
enum class TernaryKernel { automatic, bytes, bitplanes };

/// "auto", "bytes" or "bitplanes"; throws UsageError with the valid names.
TernaryKernel parse_ternary_kernel(std::string_view name);
std::string_view ternary_kernel_name(TernaryKernel kernel);

/// Of this process, all threads; call it between products. auto at the start.
void set_ternary_kernel(TernaryKernel kernel);
TernaryKernel ternary_kernel();

/// What the cost model knows under active_isa(), for people: "bitplanes 6.1, bytes 9.8 ps per multiplication".
std::string ternary_costs();

namespace product {

/// Nanoseconds, out of the nearest cache.
struct EngineCost {
  double multiply = 0;      // one product of two codes, whole panels
  double multiply_row = 0;  // the same where a panel has one row
  double pack = 0;          // one code of a byte
};

/// Measured on the first call for each engine, in well under a millisecond.
EngineCost engine_cost(const EngineSet& set, const Engine& engine);

/// Nanoseconds that a product takes on one thread, packing of b included unless it is packed.
double product_cost(const EngineCost& cost, int row_width, std::int64_t m, std::int64_t n, std::int64_t depth,
                    bool b_is_packed);

}  // namespace product
}  // namespace dyadic
