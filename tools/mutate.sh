#!/usr/bin/env bash
# Proves that the tests can fail: applies one-line mutations, one at a time, to a scratch copy of the tree, rebuilds the
# test program that should notice, and runs the tests that must turn red. A mutant that survives is a failure, and so is
# a mutation that no longer changes its file or tests that are red without it.
#
#   tools/mutate.sh [WORD]      only mutations whose line contains WORD, e.g. "codec.cc"
#   tools/mutate.sh --check     builds nothing: only whether every mutation still changes its file
#
# Environment: CXX, JOBS (2), MUTATE_DIR (a directory to keep between runs; otherwise a temporary one is removed).
set -u -o pipefail

# file ;; sed expression ;; test program ;; GoogleTest filter
# To add one: copy a line of the source into the left side of s, break it on the right side, name the tests.
mutations() {
  cat <<'TABLE'
dyadic/formats/codec.cc ;; s/kHalf = kOne \/ 2;/kHalf = kOne \/ 4;/ ;; conformance ;; *RoundsEveryHalfWayPoint*/q6_4s
dyadic/formats/codec.cc ;; s/case Rounding::rne: return above_half || (tie && odd);/case Rounding::rne: return above_half || (tie \&\& !odd);/ ;; conformance ;; *RoundsEveryHalfWayPoint*/float8_e4m3fn
dyadic/formats/codec.cc ;; s/case Rounding::rna: return above_half || tie;/case Rounding::rna: return above_half;/ ;; conformance ;; *RoundsEveryHalfWayPoint*/q6_4s
dyadic/formats/codec.cc ;; s/(tie && negative)/(tie \&\& !negative)/ ;; conformance ;; *RoundsEveryHalfWayPoint*/q1_7
dyadic/formats/codec.cc ;; s/case Rounding::ro: return !odd;/case Rounding::ro: return odd;/ ;; conformance ;; *RoundsEveryHalfWayPoint*/float16
dyadic/formats/codec.cc ;; s/case Rounding::rd: return negative;/case Rounding::rd: return false;/ ;; conformance ;; *RoundsEveryHalfWayPoint*/uint8_0_02_128
dyadic/formats/codec.cc ;; s/(distance + half_unit) >>/distance >>/ ;; conformance ;; *SixteenRandomBitsAndAHalf*/q2_6s
dyadic/formats/codec.cc ;; s/random + t >= std/random + t > std/ ;; conformance ;; *EightRandomBits*/ternary
dyadic/formats/codec.cc ;; s/from_upper = negative && !format.is_sign_symmetric();/from_upper = false;/ ;; conformance ;; *EightRandomBits*/q1_7
dyadic/formats/codec.cc ;; s/- steps.fraction - (steps.sticky ? 1 : 0) : steps.fraction;/- steps.fraction : steps.fraction;/ ;; formats ;; Encode.StickyBitBreaksTies
dyadic/formats/codec.cc ;; s/return rounding == Rounding::rtz || rounding == Rounding::ro ||/return rounding == Rounding::ro ||/ ;; conformance ;; *FollowsItsOverflowPolicies/float8_e5m2
dyadic/formats/codec.cc ;; s/if (format.specials == Specials::uz && magnitude_code == 0) return 0;// ;; conformance ;; *float8_e4m3fnuz
dyadic/formats/codec.cc ;; s/Family::discrete ? format.code_offset : 0;/Family::discrete ? 0 : 0;/ ;; conformance ;; *RoundsEveryHalfWayPoint*/ternary
dyadic/formats/codec.cc ;; s/std::max(top, format.min_exponent());/top;/ ;; conformance ;; *RoundsEveryHalfWayPoint*/float8_e5m2
dyadic/formats/codec.cc ;; s/steps.sticky |= quotient \* divisor != scaled;// ;; formats ;; Encode.RemaindersOfOddScales*
dyadic/formats/codec.cc ;; s/steps.sticky |= (scaled << -shift) != number.magnitude;// ;; conformance ;; *RoundsEveryHalfWayPoint*/q8_8
dyadic/formats/codec.cc ;; s/std::max(field, 1) - format.bias/field - format.bias/ ;; conformance ;; *EveryCodeDecodesToItsValueAndBack/float4_e2m1fn
dyadic/formats/codec.cc ;; s/exact_number(static_cast<float>(value) \/ /exact_number(value \/ / ;; formats ;; Encode.AffineScalesDivideInFloat32
dyadic/formats/codec.cc ;; s/std::min(gap - room, 64)/std::min(gap - room, 63)/ ;; formats ;; ExactSum.*
dyadic/formats/codec.cc ;; s/number.magnitude << left)/number.magnitude)/ ;; conformance ;; *FollowsItsOverflowPolicies/q2_14
dyadic/formats/codec.cc ;; s/(number.negative ? 1 : 0)) & 1) != 0;/0) \& 1) != 0;/ ;; conformance ;; *FollowsItsOverflowPolicies/binary
dyadic/formats/codec.cc ;; s/return {.code = with_sign(format, limit, number.negative), .overflowed = true};/return {.code = limit, .overflowed = true};/ ;; formats ;; Encode.FloatRanges*
dyadic/formats/format.cc ;; s/return all_ones - 1;/return all_ones;/ ;; formats ;; FormatTable.*
dyadic/formats/format.cc ;; s/if (rounding) fail(text, "two roundings");// ;; formats ;; ParseFormat.*
dyadic/formats/format.cc ;; s/ranged.step_exponent = range - format.width + 1;/ranged.step_exponent = range - format.width;/ ;; formats ;; WithRange.*
dyadic/formats/table.cc ;; s/kMaxWidth = 32;/kMaxWidth = 33;/ ;; formats ;; ParseFormat.*
dyadic/formats/table.cc ;; s/(symmetric ? 1 : 0)/0/ ;; formats ;; FormatTable.*
dyadic/formats/table.cc ;; s/"float8_e4m3b11fnuz", 4, 3, 11,/"float8_e4m3b11fnuz", 4, 3, 8,/ ;; formats ;; FormatTable.*
dyadic/formats/describe.cc ;; s/format.has_zero ? 1 : 0)/1)/ ;; formats ;; FormatTable.*
dyadic/kernels/avx2/update_short.cc ;; s/ - (kAway ? 0 : 1));/ - 1);/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/update_short.cc ;; s/columns + padding + add_words(within_)/columns + add_words(within_)/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/generic/lane_counts-inl.h ;; s/add_lanes(zeros) - padding/add_lanes(zeros)/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/update_short.cc ;; s/< 0.49) return;/< 49) return;/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/update_short.cc ;; s/0x1p52 + 0x1p15/0x1p52 + 0x1p14/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/update_rows.cc ;; s/_mm256_set1_pd(0x1p-14)/_mm256_set1_pd(0x1p-13)/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/update_rows.cc ;; s/_mm256_or_pd(rounded, sign)/rounded/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/update_rows.cc ;; s/return with_one_nan(_mm256_cvtph_ps/return (_mm256_cvtph_ps/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/update_rows.cc ;; s/< 0.49) continue;/< 49) continue;/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/update_rows.cc ;; s/if (!known_finite) counts/if (known_finite) counts/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/update_jobs.cc ;; s/target.high + 0.5;/target.high + 1;/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/avx2/product.cc ;; s/_mm256_slli_epi64(cross, 32)/_mm256_slli_epi64(cross, 31)/ ;; kernels ;; IntegerProduct.*
dyadic/kernels/avx2/product.cc ;; s/load_sum(to + 4), high/load_sum(to + 4), low/ ;; kernels ;; IntegerProduct.*
dyadic/kernels/product_plan.cc ;; s/{1} << 23) - 129;/{1} << 23);/ ;; kernels ;; IntegerProduct.*
dyadic/kernels/product_plan.cc ;; s/const std::int64_t flush_depth = kMaxInt32 \/ (largest_digit/const std::int64_t flush_depth = kMaxInt32 \/ (128/ ;; kernels ;; IntegerProduct.*
dyadic/kernels/generic/round_fast-inl.h ;; s/splat_float(0x1.fffffep-2F)/splat_float(0.5F)/ ;; kernels ;; *EveryFormat*
dyadic/kernels/generic/round_fast-inl.h ;; s/kRandom == RandomKind::from_lower ? 0 : -126;/-126;/ ;; kernels ;; *EveryFormat*
dyadic/kernels/generic/round_fast-inl.h ;; s/negative_limit)) - 1,/negative_limit)),/ ;; kernels ;; *EveryFormat*
dyadic/kernels/generic/round_fast-inl.h ;; s/splat(0x33000001)/splat(0x33000000)/ ;; kernels ;; *EveryFormat*
dyadic/kernels/generic/round_fast-inl.h ;; s/plan.notable_value \* (1 - 0x1p-11F)/plan.notable_value/ ;; kernels ;; *EveryFormat*
dyadic/kernels/generic/round_fast-inl.h ;; s/- (kAway ? 0 : 1)))/- 1))/ ;; kernels ;; RoundSums.*:Requantize.*
dyadic/base/philox.h ;; s/0xBB67AE85/0xBB67AE86/ ;; base ;; Philox.*
dyadic/base/philox.h ;; s/(first % 32)) &/(first % 16)) \&/ ;; base ;; RandomBits.*
dyadic/base/parallel.cc ;; s/grains \* (part + 1) \/ parts/grains * part \/ parts/ ;; base ;; ParallelFor.*
dyadic/base/parallel.cc ;; s/ || inside_part// ;; base ;; ParallelFor.CallsInside*
dyadic/base/nearest_name.cc ;; s/at(i - 2, j - 2) + 1/at(i - 2, j - 2) + 2/ ;; base ;; EditDistance.*
dyadic/base/math.cc ;; s/x = r <= 5 ?/x = r <= 7 ?/ ;; base ;; InverseNormal.*
dyadic/base/math.cc ;; s/<= 0.425)/<= 0.43)/ ;; base ;; InverseNormal.*
dyadic/kernels/relu.cc ;; s/const auto zero = zero_code<Gradient>(d_y.format());/const Gradient zero{};/ ;; kernels ;; Relu.*
dyadic/kernels/code_order.h ;; s/static_cast<std::uint32_t>(zero + 1)/static_cast<std::uint32_t>(zero)/ ;; kernels ;; Relu.*
dyadic/kernels/code_order.h ;; s/= clipped  *? limit_code(format) - 1/= clipped ? limit_code(format)/ ;; kernels ;; Relu.*
dyadic/kernels/code_order.h ;; s/format.min_code + 1 : 1 - limit_code(format)/format.min_code : 1 - limit_code(format)/ ;; kernels ;; Maxout.*
dyadic/kernels/code_order.h ;; s/format.min_code + 1 : 1 - limit_code(format)/format.min_code + 1 : -limit_code(format)/ ;; kernels ;; Maxout.*
dyadic/kernels/code_order.h ;; s/return magnitude <= 0x7F800000 ? ordered : kNaN;/return ordered;/ ;; kernels ;; MaxPool.*
dyadic/kernels/code_order.h ;; s/static_cast<int>(ordered != kNaN)/1/ ;; kernels ;; MaxPool.*
dyadic/kernels/code_order.h ;; s/(magnitude ^ negative) - negative/magnitude ^ negative/ ;; kernels ;; MaxPool.*
dyadic/kernels/pool_loops.h ;; s/order.equals(codes\[c\], best\[c\]) ? Sum{0} : sent/sent/ ;; kernels ;; MaxPool.*
dyadic/kernels/maxout.cc ;; s/open \& ~(mask \& first_only)/open/ ;; kernels ;; Maxout.*
dyadic/kernels/maxout.cc ;; s/winner = ordered > best ? code : winner/winner = ordered >= best ? code : winner/ ;; kernels ;; Maxout.*
dyadic/kernels/maxout.cc ;; s/all_rows.template operator()<0>()/all_rows.template operator()<5>()/ ;; kernels ;; Maxout.*
dyadic/kernels/generic/philox-inl.h ;; s/i + kWide <= blocks ? kWide : blocks - i/kWide - 1/ ;; kernels ;; RandomBlocks.*
dyadic/kernels/generic/lane_counts-inl.h ;; s/_mm256_or_si256(_mm256_cmpeq_epi16(codes, high), /_mm256_or_si256(_mm256_cmpeq_epi16(codes, low), / ;; kernels ;; UpdateKernels.*
dyadic/kernels/generic/lane_counts-inl.h ;; s/_mm256_abs_epi16(codes), half/codes, half/ ;; kernels ;; UpdateKernels.*
dyadic/kernels/add_bias.cc ;; s/random.first_index + static_cast<std::uint64_t>(first)/static_cast<std::uint64_t>(first)/ ;; kernels ;; AddBias.*
dyadic/kernels/decode.cc ;; s/format.code_multiplier - format.code_offset/format.code_multiplier/ ;; kernels ;; AddBias.*
dyadic/kernels/decode.cc ;; s/values\[i\] = (static_cast<double>(from\[i\])/values[i] = (static_cast<float>(from[i])/ ;; kernels ;; ColumnNorm.*
dyadic/kernels/update.cc ;; s/kernel.takes == &takes_all)/true)/ ;; kernels ;; WeightDecay.*
dyadic/kernels/ref/update_rows.cc ;; s/slope += job.weight_decay/slope -= job.weight_decay/ ;; kernels ;; WeightDecay.*
dyadic/experiment/layer_shape.cc ;; s/four ? padding\[2\]/four ? padding[0]/ ;; experiment ;; LayerShape.*
dyadic/experiment/recipe.cc ;; s/return e <= epoch;/return e < epoch;/ ;; experiment ;; Schedule.*
dyadic/experiment/recipe_text.cc ;; s/if (!field.implied) return false;/return false;/ ;; experiment ;; Version01.*
dyadic/nn/pooled_bias.cc ;; s/values_before_ \* input.shape()\[0\]/0/ ;; nn ;; PooledBias.*
dyadic/nn/pooled_bias.cc ;; s/if (!pass.training) {/if (false) {/ ;; nn ;; PooledBias.*
dyadic/nn/activation.cc ;; s/options_.values_before \* routed_.shape()\[0\]/0/ ;; nn ;; PooledBias.*
dyadic/nn/layer_table.cc ;; s/.d_input = !context.pools_before_activation}}/.d_input = true}}/ ;; nn ;; RangeOfANode.*
dyadic/nn/layer_table.cc ;; s/.counts_d_input = !follows_mask(context, context.index)/.counts_d_input = true/ ;; nn ;; RangeOfANode.*
dyadic/nn/layer_table.cc ;; s/.counted = {.output = is_last_of_node(context, next_index)/.counted = {.output = true/ ;; nn ;; RangeOfANode.*
dyadic/nn/layer_table.cc ;; s/window \* shape.outputs)/shape.outputs)/ ;; nn ;; ConvolutionNetwork.Draws*
dyadic/nn/pool.cc ;; s/pass.first_example \* shape.out_height() \* shape.out_width()/0/ ;; nn ;; ConvolutionNetwork.Batches*
dyadic/train/initial_weights.cc ;; s/{seed, 0, parameter->master_point->stream()}/{}/ ;; train ;; Trainer.RoundsAnother*
dyadic/nn/number_plan.cc ;; s/!counted || point.group < 0/point.group < 0/ ;; nn ;; RangeController.*
dyadic/kernels/code_order.h ;; s/if (format.has_range()) return clamp_code(format);// ;; kernels ;; Relu.*
dyadic/kernels/code_order.h ;; s/if (format.has_range()) return clamp_code(format);// ;; kernels ;; Maxout.*
dyadic/base/math.cc ;; s/values\[n - 1\] + 0.0/values[n - 1]/ ;; base ;; TreeSum.*
dyadic/kernels/pool.cc ;; s/is_padded \&\& c < count/false/ ;; kernels ;; AveragePool.*
dyadic/kernels/reduce.cc ;; s/input.data()) + first \* bytes/input.data())/ ;; kernels ;; ColumnSums.*
dyadic/data/make_folder.cc ;; s/!std::ranges::equal(bytes.bytes(), bytes_there.bytes())/false/ ;; data ;; MakeFolder.*
dyadic/data/make_folder.cc ;; s/ || count(one) != count(other)// ;; data ;; MakeFolder.*
dyadic/data/make_folder.cc ;; s/if (file.try_lock()) fs::remove_all/fs::remove_all/ ;; data ;; MakeFolder.*
dyadic/data/file_stream.cc ;; s/if (done < out.size() \&\& (begin < end || fill()))/if (false)/ ;; data ;; GzipStream.*
dyadic/data/file_stream.cc ;; s/if (done < out.size() \&\& (begin < end || fill()))/if (false)/ ;; data ;; XzStream.*
dyadic/data/prepared.cc ;; s/"{}; {}", error.what(), how_to_make_again(row)/"{}", error.what()/ ;; data ;; Prepared.*
dyadic/train/trainer.cc ;; s/recipe_.seed, progress_.step, point.stream()/recipe_.seed, 0, point.stream()/ ;; train ;; Stages.*
dyadic/train/trainer.cc ;; s/written.range = format.range;/;/ ;; train ;; Stages.*
dyadic/kernels/decode.cc ;; s/format.scale != 1.0F \&\& i < n/false \&\& i < n/ ;; kernels ;; Decode.*
dyadic/kernels/decode.cc ;; s/format.code_multiplier - format.code_offset/format.code_multiplier/ ;; kernels ;; Decode.*
dyadic/kernels/column_tree.cc ;; s/sum\[j\] = last\[j\] + 0.0;/sum[j] = last[j];/ ;; kernels ;; ColumnTree.*
dyadic/kernels/column_tree.cc ;; s/std::bit_floor(most)/most/ ;; kernels ;; ColumnTree.*
dyadic/kernels/column_tree.cc ;; s/blocks > 1 \&\& count < block_rows/false/ ;; kernels ;; ColumnTree.*
dyadic/kernels/batch_norm.cc ;; s/if (narrow \&\& row + 1 < count) continue;/if (row + 1 < count) continue;/ ;; kernels ;; BatchNorm.*
dyadic/kernels/batch_norm.cc ;; s/- normalised \* mean_scale\[j\]/+ normalised * mean_scale[j]/ ;; kernels ;; BatchNorm.*
dyadic/kernels/batch_norm.cc ;; s/d\[j\] - mean_bias\[j\]/d[j]/ ;; kernels ;; BatchNorm.*
dyadic/kernels/multi_step.cc ;; s/x\[i\] >= step ? 1/x[i] > step ? 1/ ;; kernels ;; MultiStep.*
dyadic/kernels/multi_step.cc ;; s/<= a ? unit : 0.0/< a ? unit : 0.0/ ;; kernels ;; MultiStep.*
dyadic/kernels/multi_step.cc ;; s/static_cast<Code>(stairs.steps.size() \/ 2)/Code{0}/ ;; kernels ;; MultiStep.*
dyadic/kernels/state_transition.cc ;; s/change > 0 ? top - state : state/top/ ;; kernels ;; StateTransition.*
dyadic/kernels/state_transition.cc ;; s/(0x1p32 + 0x1p12) + 1.0/0x1p31/ ;; kernels ;; StateTransition.*
dyadic/kernels/state_transition.cc ;; s/return word < static_cast/return word > static_cast/ ;; kernels ;; StateTransition.*
dyadic/kernels/state_transition.cc ;; s/state + moves : state - moves/state + moves : state + moves/ ;; kernels ;; StateTransition.*
dyadic/kernels/state_transition.cc ;; s/static_cast<std::uint64_t>(first + i)/static_cast<std::uint64_t>(first \/ 2 + i)/ ;; kernels ;; StateTransition.*
dyadic/kernels/adam.cc ;; s/(1 - job.beta2) \* (g \* g)/(1 - job.beta2) * g/ ;; kernels ;; Adam.*
dyadic/kernels/adam.cc ;; s/reread_elements(tensor, format, begin, std::ssize(next), next.data());// ;; kernels ;; Adam.*
dyadic/kernels/adam.cc ;; s/std::max(moments\[i\], step)/std::max(moments[i], step * 0)/ ;; kernels ;; Adam.*
dyadic/formats/block.cc ;; s/fraction > 1 - /fraction >= 1 - / ;; formats ;; BlockFormat.*
dyadic/formats/block.cc ;; s/elements % format.block_size != 0 ? 1 : 0/0/ ;; formats ;; BlockFormat.*
dyadic/formats/format.h ;; s/family == Family::block ||/false ||/ ;; kernels ;; Blocks.*
dyadic/kernels/blocks.cc ;; s/fabs(scaled) < kLeast \&\& values/fabs(scaled) < 0 \&\& values/ ;; kernels ;; Blocks.*
dyadic/kernels/blocks.cc ;; s/random.from(first));/random);/ ;; kernels ;; Blocks.*
dyadic/kernels/blocks.cc ;; s/exponents + first \/ format.block_size;/exponents;/ ;; kernels ;; Blocks.*
dyadic/kernels/elements.cc ;; s/.first_index = static_cast<std::uint64_t>(first)}/.first_index = 0}/ ;; kernels ;; Elements.*
dyadic/io/stored_tensor.cc ;; s/stored->shape != expected ||/false ||/ ;; io ;; StoredTensor.*
dyadic/train/analysis.cc ;; s/o \/ shape.group_outputs() \* depth/0 * depth/ ;; train ;; Analysis.*
dyadic/nn/squared_hinge.cc ;; s/-2.0 \* target/-1.0 * target/ ;; nn ;; DiscreteNetwork.*
dyadic/nn/batch_norm.cc ;; s/  if (!pass.training) {/  if (false) {/ ;; nn ;; DiscreteNetwork.*
dyadic/nn/weights.cc ;; s/std::bit_width(static_cast<std::uint64_t>(largest))) + 1)/std::bit_width(static_cast<std::uint64_t>(largest))) - 2)/ ;; nn ;; DiscreteNetwork.*
dyadic/data/whitening.cc ;; s/= i % 2 == 0 ? i \/ 2 : stripes - 1 - i \/ 2;/= i \/ 2;/ ;; data ;; Whitening.IsTheSameHowever*
dyadic/data/whitening.cc ;; s/std::min(at_once, columns - stripe \* at_once)/std::min(at_once, columns - stripe * at_once) \/ 2 * 2/ ;; data ;; Whitening.IsTheSameHowever*
dyadic/data/whitening.cc ;; s/set.example(first + i)/set.example(i)/ ;; data ;; Whitening.IsTheSameHowever*
dyadic/data/whitening.cc ;; s/(done + row) \* size/row * size/ ;; data ;; Whitening.IsTheSameHowever*
dyadic/data/whitening.cc ;; s/const Eigen::Index stripes = /at_once += thread_count() - 1; const Eigen::Index stripes = / ;; data ;; Whitening.*InManyStripesAndBlocks
dyadic/data/prepared.cc ;; s/constexpr double kBias = 10;/constexpr double kBias = 10.0001;/ ;; data ;; SvhnLcn.Holds*
dyadic/data/prepared.cc ;; s/normalise_locally(set.shape, image);// ;; data ;; SvhnLcn.Holds*
dyadic/data/contrast.cc ;; s/kSmallestDivisor = 1e-4;/kSmallestDivisor = 0.99e-4;/ ;; data ;; SvhnLcn.Holds*
dyadic/data/svhn.h ;; s/from_train = 400;/from_train = 401;/ ;; data ;; SvhnLcn.Holds*
dyadic/data/svhn.h ;; s/from_extra = 200;/from_extra = 201;/ ;; data ;; SvhnLcn.Holds*
dyadic/data/prepared.cc ;; s/if (!was_there) fs::remove(request.folder, not_empty);// ;; data ;; SvhnLcn.ThatIsInterrupted*
dyadic/data/prepared.cc ;; s/^  remove_temporaries(folder);// ;; data ;; SvhnLcn.ThatIsKilled*
dyadic/experiment/layer_shape.cc ;; s/{"global_average_pool", LayerKind::averaging_pool/{"global_average_pool", LayerKind::selecting_pool/ ;; experiment ;; LayerShape.*
dyadic/nn/layer_table.cc ;; s/return kind == LayerKind::weights || kind == LayerKind::mask;/return kind == LayerKind::weights;/ ;; nn ;; *
dyadic/nn/layer_table.cc ;; s/return kind == LayerKind::mask || kind == LayerKind::selecting_pool/return kind == LayerKind::selecting_pool/ ;; nn ;; RangeOfANode.*
dyadic/nn/layer_table.cc ;; s/(layers\[index - 1\]) == LayerKind::view) --index;/(layers[index - 1]) == LayerKind::mask) --index;/ ;; nn ;; RangeOfANode.*
dyadic/nn/softmax_nll.cc ;; s/score = {.loss = tree_sum(losses_)};/score; for (const double loss : losses_) score.loss += loss;/ ;; nn ;; SoftmaxNll.*
dyadic/train/trainer.cc ;; s/progress_.loss_sum += score.loss;/progress_.loss_sum = score.loss;/ ;; train ;; Loss.OfAnEpoch*
dyadic/train/trainer.cc ;; s/kValues = std::int64_t{1} << 20;/kValues = std::int64_t{1} << 21;/ ;; train ;; Loss.OfAnEvaluation*
dyadic/train/trainer.cc ;; s/step - progress_.init_epochs \* batches_per_epoch()/step/ ;; train ;; DiscreteRuns.Adam*
dyadic/train/trainer.cc ;; s/if (!parameter->moment.empty()) rewrite/if (false) rewrite/ ;; train ;; DiscreteRuns.AStage*
dyadic/train/trainer.cc ;; s/for (LayerState\* state : network_.states()) rewrite/for (LayerState* state : std::vector<LayerState*>()) rewrite/ ;; train ;; DiscreteRuns.AStage*
dyadic/nn/layer_table.cc ;; s/.learning_rate_scale = context.node_spec->learning_rate_scale/.learning_rate_scale = 1/ ;; train ;; DiscreteRuns.Normalisation*
dyadic/nn/batch_norm.cc ;; s/  if (!pass.training) {/  if (false) {/ ;; nn ;; DiscreteNetwork.EvaluationTakes*
dyadic/experiment/recipe_check.cc ;; s/    reads = activation;// ;; experiment ;; DiscreteRecipe.*
dyadic/train/optimizer.cc ;; s/values\[i\] += wanted\[i\]/values[i] -= wanted[i]/ ;; train ;; DiscreteHash.IsTheGolden*
dyadic/train/optimizer.cc ;; s/step.momentum \* values\[i\] - rate/step.momentum * values[i] + rate/ ;; train ;; Optimizer.*
dyadic/formats/trits.cc ;; s/rest > kMostByte/rest > 255/ ;; formats ;; Trits.*
dyadic/formats/trits.cc ;; s/rest != 0 \&\& (at + 1)/false \&\& (at + 1)/ ;; formats ;; Trits.*
dyadic/kernels/threshold.cc ;; s/directed\[j\] >= value\[j\]/directed[j] > value[j]/ ;; kernels ;; Threshold.*
dyadic/kernels/threshold.cc ;; s/direction\[j\] \* static_cast/direction[0] * static_cast/ ;; kernels ;; Threshold.*
dyadic/kernels/threshold.cc ;; s/tile.column, tile.columns, thresholds,/0, tile.columns, thresholds,/ ;; kernels ;; Threshold.ATile*
dyadic/nn/thresholds.cc ;; s/high\[c\] >= low\[c\] ? 1 : -1/1/ ;; nn ;; Thresholds.*
dyadic/nn/thresholds.cc ;; s/(static_cast<std::int64_t>(i)) > static_cast/(static_cast<std::int64_t>(i)) >= static_cast/ ;; nn ;; Thresholds.*
dyadic/nn/thresholds.cc ;; s/most(count, largest + 1)/most(count, largest)/ ;; nn ;; Thresholds.*
dyadic/nn/score_table.cc ;; s/bits > kMagnitude ? -magnitude : magnitude/magnitude/ ;; nn ;; ScoreTable.*
dyadic/nn/packed_network.cc ;; s/first \* values \* code_bytes(type);/0 * values * code_bytes(type);/ ;; convert ;; PackNetwork.Codes*
dyadic/nn/packed_network.cc ;; s/  for (const PoolShape\& shape : node.state_pools) {/  for (const PoolShape\& shape : node.sum_pools) {/ ;; convert ;; PackNetwork.*
dyadic/nn/packed_network.cc ;; s/\[&\] { check_thresholds(/[] {}); if (false) named("", [\&] { check_thresholds(/ ;; convert ;; PackedFile.*
dyadic/nn/packed_plan.cc ;; s/  result.formats = recipe.formats_of_stage(stage);// ;; nn ;; PackedPlan.*
dyadic/convert/packed_file.cc ;; s/node.largest < 32767/node.largest < 3276700/ ;; convert ;; PackedFile.*
dyadic/convert/packed_file.cc ;; s/  reader.expect_no_more();// ;; convert ;; PackedFile.*
dyadic/kernels/avx2/product_narrow.cc ;; s/0, -2, -2, -4, -2, -4, -4, -6, -2, -4, -4, -6, -4, -6, -6, -8,  \/\//0, -2, -2, -4, -2, -4, -4, -6, -2, -4, -4, -6, -4, -6, -6, -6,  \/\// ;; kernels ;; IntegerProduct.*:PackedWeights.*
dyadic/kernels/avx2/product_narrow.cc ;; s/kMostGroups = 15;/kMostGroups = 17;/ ;; kernels ;; IntegerProduct.IsExactForWorst*
dyadic/kernels/avx2/product_narrow.cc ;; s/32767 \/ (2 \* 255 \* product::kLightByte)/32767 \/ (255 * product::kLightByte)/ ;; kernels ;; IntegerProduct.IsExactForWorst*
dyadic/kernels/avx2/product_narrow.cc ;; s/kMostGroups = 32767 \/ (2 \* 255);/kMostGroups = 32767 \/ 255;/ ;; kernels ;; IntegerProduct.IsExactForWorst*
dyadic/kernels/avx2/product_narrow.cc ;; s/32767 \/ (8 \* 128 \* 3)/32767 \/ (2 * 128 * 3)/ ;; kernels ;; PackedWeights.*
dyadic/kernels/avx2/product_planes_pack.cc ;; s/~zero & exist/~zero/ ;; kernels ;; IntegerProduct.*
dyadic/kernels/avx2/product_planes_pack.cc ;; s/const __m256i below = _mm256_cmpgt_epi8(_mm256_setzero_si256(), values)/const __m256i below = _mm256_cmpgt_epi8(values, _mm256_setzero_si256())/ ;; kernels ;; IntegerProduct.*
dyadic/kernels/avx2/product_two_bits_pack.cc ;; s/from\[2 \* width\] << 4/from[2 * width] << 2/ ;; kernels ;; PackedWeights.*
dyadic/kernels/product_driver.cc ;; s/packed_->sums.data() + first \* width/packed_->sums.data()/ ;; kernels ;; PackedWeights.*
dyadic/kernels/ref/product.cc ;; s/std::popcount(gate) - 2/std::popcount(gate) - 1/ ;; kernels ;; IntegerProduct.*
dyadic/tensor/tensor.cc ;; s/pack_stretch(codes, format_, first, count, data_)/pack_stretch(codes, format_, 0, count, data_)/ ;; tensor ;; CompressedTensor.*
dyadic/formats/packing.cc ;; s/packed.data() + first \/ 8 \* format.width/packed.data() + first \/ 8/ ;; tensor ;; CompressedTensor.*
dyadic/nn/network.cc ;; s/      workspace_->take_back(parameter->gradient);// ;; train ;; Allocations.*
dyadic/nn/network.cc ;; s/if (!keeps) parameter.update = Tensor();// ;; train ;; DiscreteRuns.PlainSgd*
dyadic/train/checkpoint.cc ;; s/  trainer.network().fit_updates();.*// ;; train ;; DiscreteRuns.PlainSgd*
dyadic/nn/weight_workspace.cc ;; s/tensor.format(), values + first);/tensor.format(), values);/ ;; train ;; DiscreteHash.*
dyadic/train/optimizer.cc ;; s/gradient\[i\] = -(rate \* gradient\[i\])/gradient[i] = rate * gradient[i]/ ;; train ;; DiscreteRuns.PlainSgd*
TABLE
}

root=$(cd "$(dirname "$0")/.." && pwd)
fields() { awk -F ' ;; ' -v OFS='\t' '{ print $1, $2, $3, $4 }'; }

if [[ ${1:-} == --check ]]; then
  stale=0
  while IFS=$'\t' read -r file expression _; do
    if mutant=$(sed "$expression" "$root/$file") && [[ $mutant != "$(cat "$root/$file")" ]]; then continue; fi
    stale=$((stale + 1))
    echo "changes nothing: $file ;; $expression"
  done < <(mutations | fields)
  exit $((stale > 0))
fi

scratch=${MUTATE_DIR:-}
if [[ -z $scratch ]]; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
fi
tree=$scratch/tree
build=$scratch/build
mkdir -p "$tree"
# Only what is compiled; existing copies keep their times, so that a kept directory builds little.
(cd "$root" && tar -cf - CMakeLists.txt VERSION bench cli dyadic tests) | tar -xf - -C "$tree" || exit 1

launcher=()
if command -v ccache > /dev/null; then
  export CCACHE_BASEDIR=$scratch
  launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
cmake -S "$tree" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O1" -DDYADIC_TESTS=ON \
  "${launcher[@]}" > "$scratch/configure.log" 2>&1 || { tail -20 "$scratch/configure.log"; exit 1; }

build_program() { ninja -C "$build" -j "${JOBS:-2}" "test_$1" > "$scratch/build.log" 2>&1; }
# A mutant may loop for ever: that counts as noticed.
run_tests() { timeout 300 "$build/tests/test_$1" "--gtest_filter=$2" --gtest_brief=1 > "$scratch/test.log" 2>&1; }

mapfile -t table < <(mutations | grep -F -- "${1:-}")
((${#table[@]} > 0)) || { echo "no mutation contains '$1'"; exit 1; }
declare -A programs=()
for line in "${table[@]}"; do
  program=$(awk -F ' ;; ' '{ print $3 }' <<< "$line")
  programs[$program]=1
done
for program in "${!programs[@]}"; do
  build_program "$program" || { echo "test_$program does not build:"; tail -20 "$scratch/build.log"; exit 1; }
done

survived=0
for line in "${table[@]}"; do
  IFS=$'\t' read -r file expression program filter < <(fields <<< "$line")
  verdict=
  if ! run_tests "$program" "$filter" || ! grep -q 'PASSED  \] [1-9]' "$scratch/test.log"; then
    verdict="BROKEN    the tests are not green without the mutation, or there are none"
  else
    cp -p "$tree/$file" "$scratch/original"
    sed -i "$expression" "$tree/$file"
    if cmp -s "$tree/$file" "$scratch/original"; then
      verdict="STALE     the expression changes nothing"
    elif ! build_program "$program"; then
      verdict="BROKEN    the mutant does not compile"
    elif run_tests "$program" "$filter"; then
      verdict="SURVIVED"
    fi
    cp "$scratch/original" "$tree/$file"  # without -p: newer than the mutant's object file
    build_program "$program" || { echo "the tree does not build after $line"; exit 1; }
  fi
  [[ -n $verdict ]] && survived=$((survived + 1))
  printf '%-9s %s: %s\n' "${verdict:-killed}" "$file" "$expression"
done
echo "${#table[@]} mutants, $((${#table[@]} - survived)) killed"
((survived == 0))
