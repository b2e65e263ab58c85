#include "dyadic/kernels/table.h"

#include <algorithm>
#include <string>

#include "dyadic/base/error.h"

namespace dyadic {
namespace {

// The instruction is the one that a benchmark's ceiling is measured with, or that does most of the work.
constexpr KernelInfo kKernels[] = {
    {"round f32 -> codes", Isa::avx512, "vrndscaleps"},
    {"round f32 -> codes", Isa::avx2, "vroundps"},
    {"round f32 -> codes", Isa::ref, "scalar"},
    {"round f64 -> codes", Isa::avx512, "vcvtpd2ps"},
    {"round f64 -> codes", Isa::avx2, "vcvtpd2ps"},
    {"round f64 -> codes", Isa::ref, "scalar"},
    {"round sums i32 -> codes", Isa::avx512, "vrndscaleps"},
    {"round sums i32 -> codes", Isa::avx2, "vroundps"},
    {"round sums i32 -> codes", Isa::ref, "scalar"},
    {"round sums i64 -> codes", Isa::avx512, "vrndscalepd"},
    {"round sums i64 -> codes", Isa::avx2, "vroundpd"},
    {"round sums i64 -> codes", Isa::ref, "scalar"},
    {"round sums f32 -> codes", Isa::avx512, "vrndscaleps"},
    {"round sums f32 -> codes", Isa::avx2, "vroundps"},
    {"round sums f32 -> codes", Isa::ref, "scalar"},
    {"codes -> f32", Isa::avx512, "vcvtdq2ps"},
    {"codes -> f32", Isa::avx2, "vcvtdq2ps"},
    {"codes -> f32", Isa::ref, "scalar"},
    {"count codes", Isa::avx512, "vpcmpd"},
    {"count codes", Isa::avx2, "vpcmpgtd"},
    {"count codes", Isa::ref, "scalar"},
    {"random blocks", Isa::avx512, "vpmuludq"},
    {"random blocks", Isa::avx2, "vpmuludq"},
    {"random blocks", Isa::ref, "scalar"},
    {"update rows", Isa::avx512, "vmulpd"},
    {"update rows", Isa::avx2, "vmulpd"},
    {"update rows", Isa::ref, "scalar"},
    {"product bytes -> i32", Isa::amx, "tdpbssd"},
    {"product bytes -> i32", Isa::avx512, "vpdpbusd"},
    {"product bytes -> i32", Isa::avx2, "vpmaddwd, or vpmaddubsw for b up to 8"},
    {"product bytes -> i32", Isa::ref, "scalar"},
    {"product ternary x ternary -> i32", Isa::amx, "tdpbssd, or vpopcntd"},
    {"product ternary x ternary -> i32", Isa::avx512, "vpdpbusd, or vpopcntd"},
    {"product ternary x ternary -> i32", Isa::avx2, "vpmaddubsw, or vpshufb on bit planes"},
    {"product ternary x ternary -> i32", Isa::ref, "scalar"},
    {"product bytes x packed ternary -> i32", Isa::amx, "tdpbssd, or vpdpbusd"},
    {"product bytes x packed ternary -> i32", Isa::avx512, "vpdpbusd"},
    {"product bytes x packed ternary -> i32", Isa::avx2, "vpmaddubsw"},
    {"product bytes x packed ternary -> i32", Isa::ref, "scalar"},
    {"product i16 x i16 -> i32", Isa::amx, "tdpbssd on digits, or vpdpwssd"},
    {"product i16 x i16 -> i32", Isa::avx512, "vpdpwssd"},
    {"product i16 x i16 -> i32", Isa::avx2, "vpmaddwd"},
    {"product i16 x i16 -> i32", Isa::ref, "scalar"},
    {"product i16 x i16 -> i64", Isa::amx, "tdpbssd on digits, or vpdpwssd"},
    {"product i16 x i16 -> i64", Isa::avx512, "vpdpwssd in blocks or digits"},
    {"product i16 x i16 -> i64", Isa::avx2, "vpmaddwd in blocks or digits"},
    {"product i16 x i16 -> i64", Isa::ref, "scalar"},
    {"product i32 x i32 -> i64 below 2^53", Isa::avx512, "vfmadd231pd"},
    {"product i32 x i32 -> i64 below 2^53", Isa::avx2, "vfmadd231pd"},
    {"product i32 x i32 -> i64 below 2^53", Isa::ref, "scalar"},
    {"product i32 x i32 -> i64", Isa::avx512, "vpmullq"},
    {"product i32 x i32 -> i64", Isa::avx2, "vpmuludq"},
    {"product i32 x i32 -> i64", Isa::ref, "scalar"},
    {"product f32 x f32 -> f32", Isa::avx512, "vfmadd231ps"},
    {"product f32 x f32 -> f32", Isa::avx2, "vfmadd231ps"},
    {"product f32 x f32 -> f32", Isa::ref, "scalar"},
};

}  // namespace

std::span<const KernelInfo> kernel_table() { return kKernels; }

const KernelInfo& selected_kernel(std::string_view operation) {
  const Isa isa = active_isa();
  // Best first: the first row that the tier in use has. A ref row ends every operation.
  const auto* found = std::ranges::find_if(
      kKernels, [&](const KernelInfo& kernel) { return kernel.operation == operation && kernel.isa <= isa; });
  if (found == std::end(kKernels)) throw UsageError("no kernel operation '" + std::string(operation) + "'");
  return *found;
}

}  // namespace dyadic
