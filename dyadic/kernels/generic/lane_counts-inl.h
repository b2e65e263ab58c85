// What is counted of short codes on the way through an update, written once for the tiers that have 256-bit vectors.
// The tier names add_lanes, the sum of sixteen 16-bit lanes.

/// Counts of one tensor's codes, sixteen at a time.
struct LaneCounts {
  __m256i high, low, half, largest, half_range, zeros;
  explicit LaneCounts(const Format& format)
      : high(_mm256_set1_epi16(static_cast<short>(format.max_code))),
        low(_mm256_set1_epi16(static_cast<short>(format.min_code))),
        half(_mm256_set1_epi16(static_cast<short>((1 << (format.width - 2)) - 1))),
        largest(_mm256_setzero_si256()),
        half_range(largest),
        zeros(largest) {}
  /// Columns beyond the row's end are zero.
  DYADIC_INLINE void add(__m256i codes) {
    // Subtracting a comparison adds one where it holds. high and low differ, so the two never hold together.
    largest =
        _mm256_sub_epi16(largest, _mm256_or_si256(_mm256_cmpeq_epi16(codes, high), _mm256_cmpeq_epi16(codes, low)));
    half_range = _mm256_sub_epi16(half_range, _mm256_cmpgt_epi16(_mm256_abs_epi16(codes), half));
    zeros = _mm256_sub_epi16(zeros, _mm256_cmpeq_epi16(codes, _mm256_setzero_si256()));
  }
  DYADIC_INLINE void finish(std::int64_t elements, std::int64_t padding, RoundingCounts& counts) const {
    counts.elements += elements;
    counts.largest += add_lanes(largest);
    counts.half_range += add_lanes(half_range);
    counts.zeros += add_lanes(zeros) - padding;
  }
};
