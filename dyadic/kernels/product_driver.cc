// The one blocking driver of all engines. The shorter side of the output is packed once, by all threads; each thread
// then takes a stretch of the longer side, tile by tile, packs it block by block of the depth just before it is used,
// and hands finished tiles to the consumer while they are in its cache.
#include <algorithm>
#include <cstring>
#include <vector>

#include "dyadic/base/aligned.h"
#include "dyadic/base/parallel.h"
#include "dyadic/kernels/product_plan.h"

namespace dyadic::product {
namespace {

// Sizes of a tile of sums: with one block of the depth of both operands, less than a 1 MiB cache of level 2.
constexpr std::int64_t kTileRows = 128;
constexpr std::int64_t kTileColumns = 192;
/// A tile's own panels are packed once for all tiles that share them, if the whole depth takes no more than this.
constexpr std::int64_t kKeptBytes = 4 * 1024 * 1024;
/// Multiplications that are worth a thread's start.
constexpr std::int64_t kWorthAThread = std::int64_t{1} << 18;

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Memory that outlives a call: training runs the same shapes thousands of times.
struct Scratch {
  AlignedVector<std::byte> shared, own, sums, converted, block;
  AlignedVector<std::int64_t> shared_sums, own_sums;
};

Scratch& thread_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

template <typename T>
T* at_least(AlignedVector<T>& memory, std::int64_t size) {
  if (std::ssize(memory) < size) memory.resize(static_cast<std::size_t>(size));
  return memory.data();
}

/// Blocks of the depth, in groups.
struct Depth {
  std::int64_t groups = 0;
  std::int64_t block = 0;  // of every block but the last
  std::int64_t blocks = 0;

  [[nodiscard]] std::int64_t begin(std::int64_t index) const { return index * block; }
  [[nodiscard]] std::int64_t size(std::int64_t index) const { return std::min(block, groups - begin(index)); }
};

Depth depth_of(const ProductPlan& plan) {
  const Engine& engine = *plan.engine;
  const int codes = group_codes(engine.packed);
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
        pack_(plan.set->pack(plan.engine->packed, operand.source.type)),
        // Sums of this operand correct for what was added to the other one.
        sum_((is_a ? plan.b : plan.a).shifted_by == 0 ? nullptr
             : is_a                                   ? plan.engine->sum_a
                                                      : plan.engine->sum_b),
        depth_(depth),
        codes_(group_codes(plan.engine->packed)),
        row_bytes_(std::int64_t{layout.width} * group_bytes(plan.engine->packed)) {}

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
    for (int digit = 0; digit < operand.digit_count; ++digit) {
      job.digit = operand.digits[digit];
      job.panels = to + offset(count, job.groups, digit, begin - first);
      pack_(job);
    }
    if (sum_ == nullptr) return;
    for (std::int64_t p = begin; p < end; ++p) {
      sum_(to + offset(count, job.groups, 0, p - first), job.groups, sums + (p - first) * layout.width);
    }
  }

  const PlannedOperand& operand;
  const PanelLayout layout;

 private:
  PackFunction pack_;
  SumRowsFunction sum_;
  const Depth& depth_;
  int codes_;
  std::int64_t row_bytes_;
};

/// The engine's state of this thread.
class EngineScope {
 public:
  explicit EngineScope(const Engine& engine) : engine_(engine) {
    if (engine_.begin != nullptr) engine_.begin();
  }
  ~EngineScope() {
    if (engine_.end != nullptr) engine_.end();
  }
  EngineScope(const EngineScope&) = delete;
  EngineScope& operator=(const EngineScope&) = delete;

 private:
  const Engine& engine_;
};

Accumulator tile_accumulator(const ProductPlan& plan) {
  if (plan.flush_depth == 0) return plan.engine->accumulator;
  return plan.type == SumType::i32 ? Accumulator::i32 : Accumulator::i64;
}

/// A tile of sums on one thread.
class Tile {
 public:
  Tile(const ProductPlan& plan, const Side& a, const Side& b, Scratch& scratch)
      : plan_(plan),
        a_(a),
        b_(b),
        scratch_(scratch),
        accumulator_(tile_accumulator(plan)),
        flushes_registers_(accumulator_ == Accumulator::i64 && plan.engine->multiply_flush != nullptr) {
    if (plan.flush_depth > 0) at_least(scratch.block, std::int64_t{a.layout.width} * b.layout.width * 4);
  }

  void begin(std::int64_t a_panel, std::int64_t a_panels, std::int64_t b_panel, std::int64_t b_panels, bool clear) {
    a_begin_ = a_panel;
    a_panels_ = a_panels;
    b_begin_ = b_panel;
    b_panels_ = b_panels;
    stride_ = b_panels * b_.layout.width;
    rows_ = std::min(a_panels * a_.layout.width, a_.operand.source.rows - a_panel * a_.layout.width);
    columns_ = std::min(stride_, b_.operand.source.rows - b_panel * b_.layout.width);
    const std::int64_t bytes = a_panels * a_.layout.width * stride_ * accumulator_bytes(accumulator_);
    sums_ = at_least(scratch_.sums, bytes);
    if (clear || plan_.flush_depth > 0) std::memset(sums_, 0, static_cast<std::size_t>(bytes));
  }

  /// Adds one block of the depth. `a` and `b` are packed blocks of a_count and b_count panels; the tile's first panels
  /// are number a_first and b_first in them.
  void add_block(const std::byte* a, std::int64_t a_count, std::int64_t a_first, const std::byte* b,
                 std::int64_t b_count, std::int64_t b_first, std::int64_t groups, bool is_first) {
    for (std::int64_t j = 0; j < b_panels_; ++j) {
      const int columns = static_cast<int>(std::min<std::int64_t>(b_.layout.width, columns_ - j * b_.layout.width));
      for (std::int64_t i = 0; i < a_panels_; ++i) {
        const int rows = static_cast<int>(std::min<std::int64_t>(a_.layout.width, rows_ - i * a_.layout.width));
        std::byte* sums =
            sums_ + (i * a_.layout.width * stride_ + j * b_.layout.width) * accumulator_bytes(accumulator_);
        bool accumulate = plan_.flush_depth == 0 && !is_first;
        for (int p = 0; p < plan_.product_count; ++p) {
          const DigitProduct& product = plan_.products[p];
          const std::byte* a_panel = a + a_.offset(a_count, groups, product.a, a_first + i);
          const std::byte* b_panel = b + b_.offset(b_count, groups, product.b, b_first + j);
          if (plan_.flush_depth == 0) {
            product.multiply(a_panel, b_panel, groups, rows, columns, sums, stride_, accumulate);
            continue;
          }
          if (flushes_registers_) {
            plan_.engine->multiply_flush(a_panel, b_panel, groups, rows, columns, reinterpret_cast<std::int64_t*>(sums),
                                         stride_, product.shift);
            continue;
          }
          auto* block = reinterpret_cast<std::int32_t*>(scratch_.block.data());
          product.multiply(a_panel, b_panel, groups, rows, columns, block, b_.layout.width, accumulate);
          accumulate = p + 1 < plan_.product_count && plan_.products[p + 1].shift == product.shift;
          if (!accumulate) flush(block, rows, columns, product.shift, sums);
        }
      }
    }
  }

  /// Corrects and converts the sums and hands them out. a_sums and b_sums belong to the tile's first row and column.
  void finish(const std::int64_t* a_sums, const std::int64_t* b_sums, SumConsumer consume, void* context, int part) {
    const Accumulator wanted = plan_.type == SumType::i32   ? Accumulator::i32
                               : plan_.type == SumType::i64 ? Accumulator::i64
                                                            : Accumulator::f32;
    std::byte* sums = accumulator_ == wanted ? sums_ : convert(wanted);
    if (a_.operand.shifted_by != 0 || b_.operand.shifted_by != 0) {
      if (wanted == Accumulator::i32) correct<std::int32_t>(sums, a_sums, b_sums);
      else correct<std::int64_t>(sums, a_sums, b_sums);
    }
    consume(context,
            {sums, plan_.type, a_begin_ * a_.layout.width, b_begin_ * b_.layout.width, rows_, columns_, stride_}, part);
  }

 private:
  void flush(const std::int32_t* block, int rows, int columns, int shift, std::byte* sums) const {
    const Conversions& conversions = *plan_.set->conversions;
    const FlushFunction function = accumulator_ == Accumulator::i32 ? conversions.flush_i32 : conversions.flush_i64;
    function(block, b_.layout.width, rows, columns, shift, sums, stride_);
  }

  std::byte* convert(Accumulator wanted) const {
    const Conversions& known = *plan_.set->conversions;
    const bool narrow = wanted == Accumulator::i32;
    const ConvertFunction function = accumulator_ == Accumulator::i32   ? known.i32_to_i64
                                     : accumulator_ == Accumulator::i64 ? known.i64_to_i32
                                     : narrow                           ? known.f64_to_i32
                                                                        : known.f64_to_i64;
    const int from_bytes = accumulator_bytes(accumulator_);
    const int to_bytes = accumulator_bytes(wanted);
    std::byte* out = at_least(scratch_.converted, rows_ * stride_ * to_bytes);
    for (std::int64_t i = 0; i < rows_; ++i) {
      function(sums_ + i * stride_ * from_bytes, columns_, out + i * stride_ * to_bytes);
    }
    return out;
  }

  /// See plan_bytes. Unsigned arithmetic: shifted int32 sums may have wrapped, corrected ones have not.
  template <typename Sum>
  void correct(std::byte* sums, const std::int64_t* a_sums, const std::int64_t* b_sums) const {
    const std::int64_t a_shift = a_.operand.shifted_by;
    const std::int64_t b_shift = -b_.operand.shifted_by;
    for (std::int64_t i = 0; i < rows_; ++i) {
      Sum* row = reinterpret_cast<Sum*>(sums) + i * stride_;
      const std::int64_t of_row = b_shift == 0 ? 0 : b_shift * (a_sums[i] - a_shift * a_.operand.source.depth);
      for (std::int64_t j = 0; j < columns_; ++j) {
        const std::int64_t correction = a_shift == 0 ? of_row : of_row - a_shift * b_sums[j];
        row[j] = static_cast<Sum>(static_cast<std::uint64_t>(row[j]) + static_cast<std::uint64_t>(correction));
      }
    }
  }

  const ProductPlan& plan_;
  const Side& a_;
  const Side& b_;
  Scratch& scratch_;
  Accumulator accumulator_;
  bool flushes_registers_;
  std::byte* sums_ = nullptr;
  std::int64_t a_begin_ = 0, a_panels_ = 0, b_begin_ = 0, b_panels_ = 0;
  std::int64_t rows_ = 0, columns_ = 0, stride_ = 0;
};

/// The shorter side of the output, packed whole: blocks of the depth one after the other.
struct SharedSide {
  const Side& side;
  const Depth& depth;
  std::byte* memory;
  std::int64_t* sums;

  [[nodiscard]] std::byte* block(std::int64_t index) const {
    return memory + side.bytes(side.panels(), depth.begin(index));
  }
};

SharedSide pack_shared(const Side& side, const Depth& depth, Scratch& scratch) {
  SharedSide shared{side, depth, at_least(scratch.shared, side.bytes(side.panels(), depth.groups)), nullptr};
  if (side.has_sums()) {
    const std::int64_t rows = side.panels() * side.layout.width;
    shared.sums = at_least(scratch.shared_sums, rows);
    std::fill_n(shared.sums, rows, 0);
  }
  const std::int64_t grain = divide_up(kWorthAThread / 16, side.layout.width * std::max<std::int64_t>(1, depth.groups));
  parallel_for(side.panels(), grain, [&](std::int64_t begin, std::int64_t end, int) {
    std::int64_t* sums = side.has_sums() ? shared.sums + begin * side.layout.width : nullptr;
    for (std::int64_t block = 0; block < depth.blocks; ++block) {
      std::byte* to = shared.block(block) + side.offset(side.panels(), depth.size(block), 0, begin);
      side.pack(begin, end, begin, side.panels(), block, to, sums);
    }
  });
  return shared;
}

/// One thread's stretch of panels of the longer side.
class Stretch {
 public:
  Stretch(const ProductPlan& plan, const Depth& depth, const Side& a, const Side& b, bool a_is_shared,
          const SharedSide& shared)
      : depth_(depth),
        own_(a_is_shared ? b : a),
        shared_(shared),
        a_is_shared_(a_is_shared),
        scratch_(thread_scratch()),
        tile_(plan, a, b, scratch_) {
    const std::int64_t own_width = own_.layout.width;
    const std::int64_t shared_width = shared.side.layout.width;
    own_panels_ = std::max<std::int64_t>(1, (a_is_shared ? kTileColumns : kTileRows) / own_width);
    shared_panels_ = std::max<std::int64_t>(1, (a_is_shared ? kTileRows : kTileColumns) / shared_width);
    const bool single = shared.side.panels() <= shared_panels_;
    if (!single) own_panels_ = std::clamp<std::int64_t>(kKeptBytes / own_.bytes(1, depth.groups + 1), 1, own_panels_);
    keep_ = !single && own_.bytes(own_panels_, depth.groups) <= kKeptBytes;
  }

  void run(std::int64_t begin, std::int64_t end, SumConsumer consume, void* context, int part) {
    const std::int64_t tiles = divide_up(end - begin, own_panels_);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t first = begin + (end - begin) * tile / tiles;
      run_tiles(first, begin + (end - begin) * (tile + 1) / tiles - first, consume, context, part);
    }
  }

 private:
  void run_tiles(std::int64_t first, std::int64_t count, SumConsumer consume, void* context, int part) {
    std::byte* memory = at_least(scratch_.own, own_.bytes(count, keep_ ? depth_.groups : depth_.block));
    const std::int64_t width = own_.layout.width;
    std::int64_t* sums = own_.has_sums() ? at_least(scratch_.own_sums, count * width) : nullptr;
    const std::int64_t tiles = divide_up(shared_.side.panels(), shared_panels_);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t shared_first = shared_.side.panels() * tile / tiles;
      const std::int64_t shared_count = shared_.side.panels() * (tile + 1) / tiles - shared_first;
      if (a_is_shared_) tile_.begin(shared_first, shared_count, first, count, depth_.blocks == 0);
      else tile_.begin(first, count, shared_first, shared_count, depth_.blocks == 0);
      const bool packs = tile == 0 || !keep_;
      if (packs && sums != nullptr) std::fill_n(sums, count * width, 0);
      for (std::int64_t block = 0; block < depth_.blocks; ++block) {
        const std::int64_t groups = depth_.size(block);
        std::byte* own = memory + (keep_ ? own_.bytes(count, depth_.begin(block)) : 0);
        if (packs) own_.pack(first, first + count, first, count, block, own, sums);
        const std::byte* theirs = shared_.block(block);
        const std::int64_t panels = shared_.side.panels();
        if (a_is_shared_) tile_.add_block(theirs, panels, shared_first, own, count, 0, groups, block == 0);
        else tile_.add_block(own, count, 0, theirs, panels, shared_first, groups, block == 0);
      }
      const std::int64_t* their_sums =
          shared_.sums == nullptr ? nullptr : shared_.sums + shared_first * shared_.side.layout.width;
      tile_.finish(a_is_shared_ ? their_sums : sums, a_is_shared_ ? sums : their_sums, consume, context, part);
    }
  }

  const Depth& depth_;
  const Side& own_;
  const SharedSide& shared_;
  bool a_is_shared_;
  Scratch& scratch_;
  Tile tile_;
  std::int64_t own_panels_ = 1;
  std::int64_t shared_panels_ = 1;
  bool keep_ = false;
};

}  // namespace

void run_product(const ProductPlan& plan, SumConsumer consume, void* context) {
  const std::int64_t m = plan.a.source.rows;
  const std::int64_t n = plan.b.source.rows;
  if (m <= 0 || n <= 0) return;
  const Depth depth = depth_of(plan);
  const Side a(plan, depth, true);
  const Side b(plan, depth, false);
  const bool a_is_shared = n >= m;
  const Side& own = a_is_shared ? b : a;
  const SharedSide shared = pack_shared(a_is_shared ? a : b, depth, thread_scratch());
  const std::int64_t panel_work = own.layout.width * std::min(m, n) * std::max<std::int64_t>(1, plan.a.source.depth);
  parallel_for(own.panels(), divide_up(kWorthAThread, panel_work), [&](std::int64_t begin, std::int64_t end, int part) {
    const EngineScope scope(*plan.engine);
    Stretch(plan, depth, a, b, a_is_shared, shared).run(begin, end, consume, context, part);
  });
}

}  // namespace dyadic::product
