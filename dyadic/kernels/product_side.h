// One operand of a product on its way into panels: blocks of the depth, the memory that threads keep for them, and the
// packing of stretches, from codes as they lie or gathered ones. Internal to the driver (product_driver.cc).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "dyadic/base/aligned.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic::product {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

inline std::atomic<std::int64_t>& scratch_total() {
  static std::atomic<std::int64_t> bytes = 0;
  return bytes;
}

/// Memory that outlives a call: training runs the same shapes thousands of times.
template <typename T>
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { resize(0); }

  /// Contents are unspecified after growth.
  T* at_least(std::int64_t size) {
    if (std::ssize(values_) < size) resize(size);
    return values_.data();
  }
  [[nodiscard]] T* data() { return values_.data(); }

 private:
  void resize(std::int64_t size) {
    scratch_total() -= std::ssize(values_) * static_cast<std::int64_t>(sizeof(T));
    AlignedVector<T>().swap(values_);  // first: growth never holds both (= {} would keep the memory)
    values_.resize(static_cast<std::size_t>(size));
    scratch_total() += size * static_cast<std::int64_t>(sizeof(T));
  }

  AlignedVector<T> values_;
};

struct Scratch {
  Memory<std::byte> shared, own, sums, all_sums, converted, block, gathered;
  Memory<std::int64_t> shared_sums, own_sums, rows;
};

inline Scratch& thread_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

/// Blocks of the depth, in groups.
struct Depth {
  std::int64_t groups = 0;
  std::int64_t block = 0;  // of every block but the last
  std::int64_t blocks = 0;

  [[nodiscard]] std::int64_t begin(std::int64_t index) const { return index * block; }
  [[nodiscard]] std::int64_t size(std::int64_t index) const { return std::min(block, groups - begin(index)); }
};

inline Depth depth_of(const ProductPlan& plan) {
  const Engine& engine = *plan.engine;
  const int codes = group_codes(engine.packed_a);
  const std::int64_t multiple = engine.a.tiles ? kTileGroups : 8;
  Depth depth;
  depth.groups = divide_up(plan.a.source.depth, codes);
  if (engine.a.tiles) depth.groups = divide_up(depth.groups, multiple) * multiple;
  std::int64_t longest = engine.block_groups;
  if (plan.flush_depth > 0) longest = std::min(longest, plan.flush_depth / codes / multiple * multiple);
  depth.blocks = divide_up(depth.groups, longest);
  if (depth.blocks > 0) depth.block = divide_up(divide_up(depth.groups, depth.blocks), multiple) * multiple;
  if (depth.blocks > 0) depth.blocks = divide_up(depth.groups, depth.block);
  return depth;
}

/// One operand of a plan, to be packed.
class Side {
 public:
  Side(const ProductPlan& plan, const Depth& depth, bool is_a)
      : operand(is_a ? plan.a : plan.b),
        layout(is_a ? plan.engine->a : plan.engine->b),
        packed_type_(is_a ? plan.engine->packed_a : plan.engine->packed_b),
        pack_(plan.set->pack(packed_type_, operand.source.type)),
        // Sums of this operand correct for what was added to the other one.
        sum_((is_a ? plan.b : plan.a).shifted_by == 0 ? nullptr
             : is_a                                   ? plan.engine->sum_a
                                                      : plan.engine->sum_b),
        depth_(depth),
        codes_(group_codes(packed_type_)),
        row_bytes_(std::int64_t{layout.width} * group_bytes(packed_type_)) {}

  [[nodiscard]] std::int64_t panels() const { return divide_up(operand.source.rows, layout.width); }
  /// Bytes of `count` panels and `groups` groups, all digits.
  [[nodiscard]] std::int64_t bytes(std::int64_t count, std::int64_t groups) const {
    return count * groups * row_bytes_ * operand.digit_count;
  }
  /// Where panel `index` begins in a packed block of `count` panels.
  [[nodiscard]] std::int64_t offset(std::int64_t count, std::int64_t groups, int digit, std::int64_t index) const {
    return (digit * count + index) * groups * row_bytes_;
  }
  [[nodiscard]] bool has_sums() const { return sum_ != nullptr; }

  /// Packs panels [begin, end) of one block, all digits, into a block of `count` panels whose panel 0 is `first`.
  /// `sums`, of row 0 of panel `first`, may be null.
  void pack(std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t count, std::int64_t block,
            std::byte* to, std::int64_t* sums) const {
    PackJob job;
    job.source = &operand.source;
    job.layout = layout;
    job.row_begin = begin * layout.width;
    job.row_end = std::min(operand.source.rows, end * layout.width);
    job.depth_begin = depth_.begin(block) * codes_;
    job.groups = depth_.size(block);
    std::byte* panels = to + offset(count, job.groups, 0, begin - first);
    const std::int64_t digit_bytes = count * job.groups * row_bytes_;
    if (operand.source.gather == nullptr) pack_digits(job, panels, digit_bytes);
    else if (operand.source.gather->across) gather_across(job, panels, digit_bytes);
    else gather_along(job, panels, digit_bytes);
    if (sum_ == nullptr || sums == nullptr) return;
    for (std::int64_t p = begin; p < end; ++p) {
      sum_(to + offset(count, job.groups, 0, p - first), job.groups, sums + (p - first) * layout.width);
    }
  }

  const PlannedOperand& operand;
  const PanelLayout layout;

 private:
  // A copy of gathered codes is about what a cache of level 1 holds beside the panels that it is packed into.
  static constexpr std::int64_t kRowsAlong = 8;
  static constexpr std::int64_t kRowsAcross = 128;
  static constexpr std::int64_t kCodesAcross = 128;  // of the depth; whole groups, and whole tiles of them

  void pack_digits(PackJob& job, std::byte* panels, std::int64_t digit_bytes) const {
    for (int digit = 0; digit < operand.digit_count; ++digit) {
      job.digit = operand.digits[digit];
      job.panels = panels + digit * digit_bytes;
      pack_(job);
    }
  }

  /// Panels of whole rows, a few at a time.
  void gather_along(const PackJob& whole, std::byte* panels, std::int64_t digit_bytes) const {
    const std::int64_t rows = divide_up(kRowsAlong, layout.width) * layout.width;
    for (std::int64_t row = whole.row_begin; row < whole.row_end; row += rows) {
      pack_copy(whole, row, std::min(row + rows, whole.row_end), 0, whole.groups,
                panels + (row - whole.row_begin) / layout.width * whole.groups * row_bytes_, digit_bytes);
    }
  }

  /// Stretches of the depth of many panels.
  void gather_across(const PackJob& whole, std::byte* panels, std::int64_t digit_bytes) const {
    const std::int64_t rows = std::max<std::int64_t>(1, kRowsAcross / layout.width) * layout.width;
    const std::int64_t stretch = std::clamp<std::int64_t>(kCodesAcross / codes_, 4, 2 * kTileGroups);
    for (std::int64_t row = whole.row_begin; row < whole.row_end; row += rows) {
      std::byte* to = panels + (row - whole.row_begin) / layout.width * whole.groups * row_bytes_;
      for (std::int64_t group = 0; group < whole.groups; group += stretch) {
        pack_copy(whole, row, std::min(row + rows, whole.row_end), group, std::min(stretch, whole.groups - group),
                  to + group * row_bytes_, digit_bytes);
      }
    }
  }

  /// Copies rows [row_begin, row_end) of `groups` groups from number `group` of the job on, and packs them to `panels`.
  void pack_copy(const PackJob& whole, std::int64_t row_begin, std::int64_t row_end, std::int64_t group,
                 std::int64_t groups, std::byte* panels, std::int64_t digit_bytes) const {
    const Gather& gather = *operand.source.gather;
    const std::int64_t depth_begin = std::min(whole.depth_begin + group * codes_, operand.source.depth);
    const std::int64_t depth_end = std::min(depth_begin + groups * codes_, operand.source.depth);
    PackSource copy = operand.source;
    copy.gather = nullptr;
    copy.rows = row_end - row_begin;
    copy.depth = depth_end - depth_begin;
    copy.row_stride = gather.across ? 1 : copy.depth;
    copy.depth_stride = gather.across ? copy.rows : 1;
    std::byte* codes = thread_scratch().gathered.at_least(copy.rows * copy.depth * code_bytes(copy.type));
    gather.copy(gather.context, row_begin, row_end, depth_begin, depth_end, codes);
    copy.codes = codes;
    PackJob job;
    job.source = &copy;
    job.layout = layout;
    job.row_end = copy.rows;
    job.groups = groups;
    job.panel_groups = whole.groups;
    pack_digits(job, panels, digit_bytes);
  }

  PackedType packed_type_;
  PackFunction pack_;
  SumRowsFunction sum_;
  const Depth& depth_;
  int codes_;
  std::int64_t row_bytes_;
};

}  // namespace dyadic::product
