#include "index/encode.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "simd/simd.h"

namespace dreamdb {

namespace {

constexpr size_t kRowsAtOnce = 1024;  // placed: 2 MiB at 512 dimensions

template <typename T>
void append_all(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Rows of `width` values in the order of `order`.
template <typename T>
std::vector<T> reorder(const std::vector<T>& from, std::span<const uint32_t> order, size_t width) {
  std::vector<T> out;
  out.reserve(from.size());
  for (const uint32_t row : order) {
    const auto begin = from.begin() + static_cast<ptrdiff_t>(row * width);
    out.insert(out.end(), begin, begin + static_cast<ptrdiff_t>(width));
  }
  return out;
}

}  // namespace

void CodeTable::Factors::push(const CodeFactors& f) {
  add.push_back(f.add);
  scale.push_back(f.scale);
  error.push_back(f.error);
}

void CodeTable::Factors::append(const Factors& other) {
  append_all(add, other.add);
  append_all(scale, other.scale);
  append_all(error, other.error);
}

void CodeTable::append(const CodeTable& other) {
  append_all(cells_, other.cells_);
  append_all(anchors_, other.anchors_);
  append_all(bits_, other.bits_);
  append_all(levels_, other.levels_);
  factors_.append(other.factors_);
  extra_.append(other.extra_);
}

void CodeTable::append_row(const CodeTable& other, size_t row) {
  const auto copy = [row](const auto& from, auto& to, size_t width) {
    const auto begin = from.begin() + static_cast<ptrdiff_t>(row * width);
    to.insert(to.end(), begin, begin + static_cast<ptrdiff_t>(width));
  };
  copy(other.cells_, cells_, 1);
  copy(other.anchors_, anchors_, 1);
  copy(other.bits_, bits_, index_->frame().words());
  factors_.push(other.factors_.at(row));
  if (!has_levels()) return;
  copy(other.levels_, levels_, index_->frame().dim());
  extra_.push(other.extra_.at(row));
}

uint64_t CodeTable::row_bytes(const SpatialIndex& index) {
  const size_t dim = index.frame().dim();
  const uint64_t extra = index.parts().bits > 1 ? dim + sizeof(CodeFactors) : 0;
  return sizeof(uint32_t) + sizeof(uint64_t) + dim / 8 + sizeof(CodeFactors) + extra;
}

bool CodeTable::write(std::FILE* file) const {
  const auto put = [file](const auto* values, size_t count) {
    return std::fwrite(values, sizeof *values, count, file) == count;
  };
  const size_t words = index_->frame().words(), dim = index_->frame().dim();
  for (size_t row = 0; row < rows(); ++row) {
    const CodeFactors factors = factors_.at(row);
    if (!put(&cells_[row], 1) || !put(&anchors_[row], 1) || !put(&bits_[row * words], words) ||
        !put(&factors, 1))
      return false;
    if (!has_levels()) continue;
    const CodeFactors extra = extra_.at(row);
    if (!put(&levels_[row * dim], dim) || !put(&extra, 1)) return false;
  }
  return std::fflush(file) == 0;
}

bool CodeTable::read(std::FILE* file, uint64_t count) {
  const auto get = [file](auto& values, size_t more) {
    const size_t at = values.size();
    values.resize(at + more);
    return std::fread(values.data() + at, sizeof values[0], more, file) == more;
  };
  const size_t words = index_->frame().words(), dim = index_->frame().dim();
  std::vector<CodeFactors> factors, extra;
  for (uint64_t row = 0; row < count; ++row) {
    if (!get(cells_, 1) || !get(anchors_, 1) || !get(bits_, words) || !get(factors, 1))
      return false;
    if (has_levels() && (!get(levels_, dim) || !get(extra, 1))) return false;
  }
  for (const CodeFactors& f : factors) factors_.push(f);
  for (const CodeFactors& f : extra) extra_.push(f);
  return true;
}

void CodeTable::add(std::span<const uint64_t> anchors, std::span<const std::byte> values,
                    Dtype dtype) {
  const size_t dim = index_->parts().dim, padded = index_->frame().dim();
  std::vector<float> row(dim), placed;
  for (size_t first = 0; first < anchors.size(); first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, anchors.size() - first);
    placed.resize(count * padded);
    for (size_t i = 0; i < count; ++i) {
      const std::byte* from = values.data() + (first + i) * dim * dtype_size_bytes(dtype);
      if (dtype == Dtype::kF16) {
        simd::widen_f16(reinterpret_cast<const uint16_t*>(from), dim, row.data());
      } else {
        std::memcpy(row.data(), from, dim * sizeof(float));
      }
      place_vector(index_->metric(), row, std::span(placed).subspan(i * padded, padded));
    }
    add_placed(anchors.subspan(first, count), placed);
  }
}

void CodeTable::add_placed(std::span<const uint64_t> anchors, std::span<const float> placed) {
  const CodeFrame& frame = index_->frame();
  const size_t count = anchors.size(), padded = frame.dim(), base = rows();
  const auto bits = static_cast<int>(index_->parts().bits);
  cells_.resize(base + count);
  anchors_.insert(anchors_.end(), anchors.begin(), anchors.end());
  bits_.resize((base + count) * frame.words());
  if (has_levels()) levels_.resize((base + count) * padded);
  const std::span<uint32_t> cells = std::span(cells_).subspan(base);
  index_->assigner().assign(placed.data(), cells);
  // By cell, so that what an encoder prepares serves all rows of its cell.
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), uint32_t{0});
  std::ranges::sort(order, {}, [&](uint32_t i) { return std::pair(cells[i], i); });
  std::vector<CodeFactors> factors(count), extra(has_levels() ? count : 0);
  std::optional<CellEncoder> encoder;
  for (size_t k = 0; k < count; ++k) {
    const uint32_t i = order[k];
    if (k == 0 || cells[i] != cells[order[k - 1]])
      encoder.emplace(frame, index_->centroid(cells[i]));
    const auto vector = placed.subspan(i * padded, padded);
    factors[i] = encoder->encode(vector, bits_.data() + (base + i) * frame.words());
    if (has_levels())
      extra[i] = encoder->encode_levels(vector, bits, index_->parts().level_scale,
                                        levels_.data() + (base + i) * padded);
  }
  for (const CodeFactors& f : factors) factors_.push(f);
  for (const CodeFactors& f : extra) extra_.push(f);
}

Result<BuiltSegment> CodeTable::build(const Nonce& nonce, FieldId field,
                                      const Address& spatial) const {
  std::vector<uint32_t> order(rows());
  std::iota(order.begin(), order.end(), uint32_t{0});
  std::ranges::sort(order, {}, [&](uint32_t i) { return std::pair(cells_[i], anchors_[i]); });
  const auto cells = reorder(cells_, order, 1);
  const auto anchors = reorder(anchors_, order, 1);
  const auto bits = reorder(bits_, order, index_->frame().words());
  const auto add = reorder(factors_.add, order, 1), scale = reorder(factors_.scale, order, 1),
             error = reorder(factors_.error, order, 1);
  CodeRows rows{cells, anchors, bits, add, scale, error, {}, {}, {}, {}};
  std::vector<uint8_t> levels;
  Factors extra;
  if (has_levels()) {
    levels = reorder(levels_, order, index_->frame().dim());
    extra = {reorder(extra_.add, order, 1), reorder(extra_.scale, order, 1),
             reorder(extra_.error, order, 1)};
    rows.levels = levels;
    rows.extra_add = extra.add, rows.extra_scale = extra.scale, rows.extra_error = extra.error;
  }
  return build_code_segment(nonce, field, spatial, index_->parts().dim, index_->parts().bits, rows);
}

}  // namespace dreamdb
