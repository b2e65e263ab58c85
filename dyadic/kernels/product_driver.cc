// The one blocking driver of all engines. The shorter side of the output is packed once, by all threads; each thread
// then takes a stretch of the longer side, tile by tile, packs it block by block of the depth just before it is used,
// and hands finished tiles to the consumer while they are in its cache. Where the depth is so long that the packed
// shorter side would outgrow the sums of the whole output (weight gradients of convolutions), this happens in rounds
// over stretches of the depth, and the sums wait in memory between rounds. Every sum runs over the depth in order.
#include <algorithm>
#include <cstring>
#include <vector>

#include "dyadic/base/parallel.h"
#include "dyadic/kernels/product_plan.h"
#include "dyadic/kernels/product_side.h"

namespace dyadic::product {
namespace {

// Sizes of a tile of sums: with one block of the depth of both operands, less than a 1 MiB cache of level 2.
constexpr std::int64_t kTileRows = 128;
constexpr std::int64_t kTileColumns = 192;
/// A tile's own panels are packed once for all tiles that share them, if the whole depth takes no more than this.
constexpr std::int64_t kKeptBytes = 4 * 1024 * 1024;
/// Multiplications that are worth a thread's start.
constexpr std::int64_t kWorthAThread = std::int64_t{1} << 18;

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
    if (plan.flush_depth > 0) scratch.block.at_least(std::int64_t{a.layout.width} * b.layout.width * 4);
  }

  /// `all_sums`, if not null, holds the sums of the whole output between rounds, all_stride to a row.
  void begin(std::int64_t a_panel, std::int64_t a_panels, std::int64_t b_panel, std::int64_t b_panels, bool clear,
             std::byte* all_sums, std::int64_t all_stride) {
    a_begin_ = a_panel;
    a_panels_ = a_panels;
    b_begin_ = b_panel;
    b_panels_ = b_panels;
    const std::int64_t width = b_panels * b_.layout.width;
    rows_ = std::min(a_panels * a_.layout.width, a_.operand.source.rows - a_panel * a_.layout.width);
    columns_ = std::min(width, b_.operand.source.rows - b_panel * b_.layout.width);
    if (all_sums != nullptr) {
      stride_ = all_stride;
      sums_ = all_sums +
              (a_panel * a_.layout.width * stride_ + b_panel * b_.layout.width) * accumulator_bytes(accumulator_);
      return;
    }
    stride_ = width;
    const std::int64_t bytes = a_panels * a_.layout.width * stride_ * accumulator_bytes(accumulator_);
    sums_ = scratch_.sums.at_least(bytes);
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
    const OutputMap& output = plan_.output;
    const std::int64_t row = a_begin_ * a_.layout.width;
    SumTile tile = {sums,  plan_.type, output.row + row, output.column + b_begin_ * b_.layout.width,
                    rows_, columns_,   stride_};
    if (output.rows != nullptr) {
      std::int64_t* rows = scratch_.rows.at_least(rows_);
      output.rows(output.context, row, rows_, rows);
      tile.row_index = rows;
    }
    consume(context, tile, part);
  }

 private:
  void flush(const std::int32_t* block, int rows, int columns, int shift, std::byte* sums) const {
    const Conversions& conversions = *plan_.set->conversions;
    const FlushFunction function = accumulator_ == Accumulator::i32 ? conversions.flush_i32 : conversions.flush_i64;
    function(block, b_.layout.width, rows, columns, shift, sums, stride_);
  }

  std::byte* convert(Accumulator wanted) {
    const Conversions& known = *plan_.set->conversions;
    const bool narrow = wanted == Accumulator::i32;
    const ConvertFunction function = accumulator_ == Accumulator::i32   ? known.i32_to_i64
                                     : accumulator_ == Accumulator::i64 ? known.i64_to_i32
                                     : narrow                           ? known.f64_to_i32
                                                                        : known.f64_to_i64;
    const int from_bytes = accumulator_bytes(accumulator_);
    const int to_bytes = accumulator_bytes(wanted);
    std::byte* out = scratch_.converted.at_least(rows_ * columns_ * to_bytes);
    for (std::int64_t i = 0; i < rows_; ++i) {
      function(sums_ + i * stride_ * from_bytes, columns_, out + i * columns_ * to_bytes);
    }
    stride_ = columns_;
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

/// Blocks of the depth that one round takes.
struct Round {
  std::int64_t begin = 0, end = 0;
  bool is_first = true, is_last = true;
};

/// The shorter side of the output, the blocks of a round packed one after the other.
struct SharedSide {
  const Side& side;
  const Depth& depth;
  Round round;
  const std::byte* memory;
  const std::int64_t* sums;

  [[nodiscard]] const std::byte* block(std::int64_t index) const {
    return memory + side.bytes(side.panels(), depth.begin(index) - depth.begin(round.begin));
  }
};

std::int64_t groups_of(const Depth& depth, const Round& round) {
  if (round.end <= round.begin) return 0;
  return depth.begin(round.end - 1) + depth.size(round.end - 1) - depth.begin(round.begin);
}

/// Packs the blocks of a round of a whole side into `memory`, and adds its rows to `sums` unless that is null.
void pack_whole(const Side& side, const Depth& depth, const Round& round, std::byte* memory, std::int64_t* sums) {
  const std::int64_t groups = std::max<std::int64_t>(1, groups_of(depth, round));
  const std::int64_t grain = divide_up(kWorthAThread / 16, side.layout.width * groups);
  parallel_for(side.panels(), grain, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t block = round.begin; block < round.end; ++block) {
      const std::int64_t before = depth.begin(block) - depth.begin(round.begin);
      side.pack(begin, end, 0, side.panels(), block, memory + side.bytes(side.panels(), before), sums);
    }
  });
}

SharedSide pack_shared(const Side& side, const Depth& depth, const Round& round, Scratch& scratch) {
  std::byte* memory = scratch.shared.at_least(side.bytes(side.panels(), groups_of(depth, round)));
  std::int64_t* sums = nullptr;
  if (side.has_sums()) {
    const std::int64_t rows = side.panels() * side.layout.width;
    sums = scratch.shared_sums.at_least(rows);
    if (round.is_first) std::fill_n(sums, rows, 0);
  }
  pack_whole(side, depth, round, memory, sums);
  return {side, depth, round, memory, sums};
}

/// Sums that wait between rounds, and what corrects them; null where not needed.
struct Kept {
  std::byte* sums = nullptr;
  std::int64_t stride = 0;
  std::int64_t* own_sums = nullptr;  // of the longer side's rows
};

/// One thread's stretch of panels of the longer side, against panels [shared_begin, shared_end) of the shorter one.
class Stretch {
 public:
  Stretch(const ProductPlan& plan, const Side& a, const Side& b, bool a_is_shared, const SharedSide& shared,
          std::int64_t shared_begin, std::int64_t shared_end, const Kept& kept)
      : packed_(a_is_shared ? plan.packed_b : nullptr),
        depth_(shared.depth),
        round_(shared.round),
        own_(a_is_shared ? b : a),
        shared_(shared),
        shared_begin_(shared_begin),
        shared_end_(shared_end),
        kept_(kept),
        a_is_shared_(a_is_shared),
        scratch_(thread_scratch()),
        tile_(plan, a, b, scratch_) {
    const std::int64_t own_width = own_.layout.width;
    const std::int64_t shared_width = shared.side.layout.width;
    const std::int64_t groups = round_.end > round_.begin ? (round_.end - round_.begin) * depth_.block : 0;
    own_panels_ = std::max<std::int64_t>(1, (a_is_shared ? kTileColumns : kTileRows) / own_width);
    shared_panels_ = std::max<std::int64_t>(1, (a_is_shared ? kTileRows : kTileColumns) / shared_width);
    const bool single = shared_end - shared_begin <= shared_panels_;
    if (!single) own_panels_ = std::clamp<std::int64_t>(kKeptBytes / own_.bytes(1, groups + 1), 1, own_panels_);
    keep_ = !single && own_.bytes(own_panels_, groups) <= kKeptBytes;
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
    const std::int64_t kept_groups = keep_ ? (round_.end - round_.begin) * depth_.block : depth_.block;
    std::byte* memory = packed_ != nullptr ? nullptr : scratch_.own.at_least(own_.bytes(count, kept_groups));
    const std::int64_t width = own_.layout.width;
    std::int64_t* sums = kept_.own_sums == nullptr ? nullptr : kept_.own_sums + first * width;
    if (sums != nullptr && round_.is_first) std::fill_n(sums, count * width, 0);
    const std::int64_t* own_sums = packed_ != nullptr && own_.has_sums() ? packed_->sums.data() + first * width : sums;
    const std::int64_t shared_count = shared_end_ - shared_begin_;
    const std::int64_t tiles = divide_up(shared_count, shared_panels_);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t begin = shared_begin_ + shared_count * tile / tiles;
      const std::int64_t panels = shared_begin_ + shared_count * (tile + 1) / tiles - begin;
      const bool clear = depth_.blocks == 0;
      if (a_is_shared_) tile_.begin(begin, panels, first, count, clear, kept_.sums, kept_.stride);
      else tile_.begin(first, count, begin, panels, clear, kept_.sums, kept_.stride);
      add_round(first, count, begin, tile == 0, memory, sums);
      if (!round_.is_last) continue;
      const std::int64_t* their_sums =
          shared_.sums == nullptr ? nullptr : shared_.sums + begin * shared_.side.layout.width;
      tile_.finish(a_is_shared_ ? their_sums : own_sums, a_is_shared_ ? own_sums : their_sums, consume, context, part);
    }
  }

  void add_round(std::int64_t first, std::int64_t count, std::int64_t shared_first, bool is_first_tile,
                 std::byte* memory, std::int64_t* sums) {
    const std::int64_t all = shared_.side.panels();
    for (std::int64_t block = round_.begin; block < round_.end; ++block) {
      const std::int64_t groups = depth_.size(block);
      const std::byte* theirs = shared_.block(block);
      if (packed_ != nullptr) {
        const std::int64_t own_all = own_.panels();
        const std::byte* own = packed_->panels.data() + own_.bytes(own_all, depth_.begin(block));
        tile_.add_block(theirs, all, shared_first, own, own_all, first, groups, block == 0);
        continue;
      }
      std::byte* own = memory + (keep_ ? own_.bytes(count, depth_.begin(block) - depth_.begin(round_.begin)) : 0);
      if (is_first_tile || !keep_) {
        own_.pack(first, first + count, first, count, block, own, is_first_tile ? sums : nullptr);
      }
      if (a_is_shared_) tile_.add_block(theirs, all, shared_first, own, count, 0, groups, block == 0);
      else tile_.add_block(own, count, 0, theirs, all, shared_first, groups, block == 0);
    }
  }

  const PackedSide* packed_;  // of the own side, which is then b
  const Depth& depth_;
  const Round round_;
  const Side& own_;
  const SharedSide& shared_;
  std::int64_t shared_begin_, shared_end_;
  const Kept kept_;
  bool a_is_shared_;
  Scratch& scratch_;
  Tile tile_;
  std::int64_t own_panels_ = 1;
  std::int64_t shared_panels_ = 1;
  bool keep_ = false;
};

}  // namespace

PackedSide pack_columns(const ProductPlan& plan) {
  const Depth depth = depth_of(plan);
  const Side b(plan, depth, false);
  PackedSide packed;
  packed.engine = plan.engine;
  packed.rows = plan.b.source.rows;
  packed.depth = plan.b.source.depth;
  packed.flush_depth = plan.flush_depth;
  packed.digits = plan.b.digit_count;
  packed.a_shifted_by = plan.a.shifted_by;
  packed.b_shifted_by = plan.b.shifted_by;
  const bool is_planes = plan.engine == plan.set->planes;
  packed.choice = {.ternary = is_planes ? TernaryKernel::bitplanes : TernaryKernel::bytes,
                   .b_is_packed = true,
                   .keeps_b_small = plan.engine == plan.set->two_bits};
  packed.panels.resize(static_cast<std::size_t>(b.bytes(b.panels(), depth.groups)));
  if (b.has_sums()) packed.sums.assign(static_cast<std::size_t>(b.panels() * b.layout.width), 0);
  pack_whole(b, depth, {0, depth.blocks, true, true}, packed.panels.data(),
             b.has_sums() ? packed.sums.data() : nullptr);
  return packed;
}

void run_product(const ProductPlan& plan, SumConsumer consume, void* context) {
  const std::int64_t m = plan.a.source.rows;
  const std::int64_t n = plan.b.source.rows;
  if (m <= 0 || n <= 0) return;
  const Depth depth = depth_of(plan);
  const Side a(plan, depth, true);
  const Side b(plan, depth, false);
  const bool a_is_shared = n >= m;
  const Side& own = a_is_shared ? b : a;
  const Side& theirs = a_is_shared ? a : b;
  Scratch& scratch = thread_scratch();

  // Where the longer side has fewer panels than there are threads, several share one and split the other side.
  const std::int64_t own_panels = own.panels();
  const bool theirs_is_packed = plan.packed_b != nullptr && !a_is_shared;
  const std::int64_t splits = std::min(theirs.panels(), divide_up(thread_count(), own_panels));
  Kept kept;
  const std::int64_t own_rows = own_panels * own.layout.width;
  if (own.has_sums() && (plan.packed_b == nullptr || !a_is_shared))
    kept.own_sums = scratch.own_sums.at_least(splits * own_rows);

  std::int64_t round_blocks = std::max<std::int64_t>(1, depth.blocks);
  const std::int64_t sum_bytes =
      a.panels() * a.layout.width * b.panels() * b.layout.width * accumulator_bytes(tile_accumulator(plan));
  const std::int64_t whole_bytes = theirs.bytes(theirs.panels(), depth.groups);
  if (!theirs_is_packed && whole_bytes > plan.shared_bytes && whole_bytes > sum_bytes) {
    const std::int64_t block_bytes = theirs.bytes(theirs.panels(), depth.block);
    round_blocks = std::clamp<std::int64_t>(plan.shared_bytes / 2 / block_bytes, 1, depth.blocks);
  }
  if (round_blocks < depth.blocks) {
    kept.sums = scratch.all_sums.at_least(sum_bytes);
    kept.stride = b.panels() * b.layout.width;
    if (plan.flush_depth > 0) std::memset(kept.sums, 0, static_cast<std::size_t>(sum_bytes));
  }

  Round round;
  do {
    round.is_first = round.begin == 0;
    round.end = std::min(depth.blocks, round.begin + round_blocks);
    round.is_last = round.end == depth.blocks;
    const SharedSide shared =
        theirs_is_packed ? SharedSide{theirs, depth, round, plan.packed_b->panels.data(), plan.packed_b->sums.data()}
                         : pack_shared(theirs, depth, round, scratch);
    const std::int64_t round_depth = (round.end - round.begin) * depth.block * group_codes(plan.engine->packed_a);
    const std::int64_t panel_work =
        divide_up(own.layout.width * std::min(m, n) * std::max<std::int64_t>(1, round_depth), splits);
    const auto body = [&](std::int64_t begin, std::int64_t end, int part) {
      const EngineScope scope(*plan.engine);
      for (std::int64_t split = begin / own_panels; split * own_panels < end; ++split) {
        Kept mine = kept;
        if (mine.own_sums != nullptr) mine.own_sums += split * own_rows;
        Stretch(plan, a, b, a_is_shared, shared, theirs.panels() * split / splits,
                theirs.panels() * (split + 1) / splits, mine)
            .run(std::max<std::int64_t>(0, begin - split * own_panels), std::min(own_panels, end - split * own_panels),
                 consume, context, part);
      }
    };
    parallel_for(own_panels * splits, divide_up(kWorthAThread, panel_work), body);
    round.begin = round.end;
  } while (round.begin < depth.blocks);
}

}  // namespace dyadic::product

namespace dyadic {

std::int64_t product_scratch_bytes() { return product::scratch_total(); }

}  // namespace dyadic
