// Streaming, taking and counting records.
#include "dataset/reading.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "dataset/dataset_impl.h"
#include "dreamdb/interrupt.h"
#include "runtime/fork.h"
#include "stream/row_stream.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

constexpr size_t kNamedAnchorsMax = 10;
constexpr size_t kBatchRowsMax = 1u << 24;
constexpr size_t kScanBatchRows = 65'536;
constexpr size_t kDistinctMax = 10'000'000;

// Positions of `wanted` that no run covers, up to a few.
std::vector<uint64_t> missing_anchors(std::span<const uint64_t> wanted,
                                      std::span<const MatchRun> records) {
  std::vector<uint64_t> missing;
  size_t next = 0;
  for (const MatchRun& run : records) {
    for (; next < run.pos; ++next) missing.push_back(wanted[next]);
    next = run.pos + run.len;
  }
  for (; next < wanted.size(); ++next) missing.push_back(wanted[next]);
  return missing;
}

Scalar scalar_at(const Column& column, size_t row) {
  if (!column.is_valid(row)) return {};
  switch (column.type) {
    case FieldType::kBool: return column.as<uint8_t>()[row] != 0;
    case FieldType::kInt:
    case FieldType::kTimestamp: return column.as<int64_t>()[row];
    case FieldType::kFloat: return column.as<double>()[row];
    default: return std::string(column.text(row));
  }
}

// The bytes that tell values apart; floats by their bits, so that 0.0 and -0.0 are two values.
std::string scalar_key(const Column& column, size_t row) {
  switch (column.type) {
    case FieldType::kBool: return {static_cast<char>(column.as<uint8_t>()[row])};
    case FieldType::kInt:
    case FieldType::kTimestamp:
    case FieldType::kFloat: {
      const auto* bytes = reinterpret_cast<const char*>(column.values.data()) + row * 8;
      return {bytes, 8};
    }
    default: return std::string(column.text(row));
  }
}

// Values of one type: ints 0 1 2 ... -1 -2 ..., the others ascending, NaN last.
bool scalar_less(const Scalar& a, const Scalar& b) {
  if (const auto* x = std::get_if<int64_t>(&a)) {
    if (const auto* y = std::get_if<int64_t>(&b)) {
      if ((*x < 0) != (*y < 0)) return *y < 0;
      return *x < 0 ? *x > *y : *x < *y;
    }
  }
  if (const auto* x = std::get_if<double>(&a)) {
    if (const auto* y = std::get_if<double>(&b))
      if (std::isnan(*x) || std::isnan(*y)) return std::isnan(*y) && !std::isnan(*x);
  }
  return a < b;
}

}  // namespace

Result<RowStreamOptions> bind_read(const ManifestPtr& manifest, const ReadOptions& options) {
  if (options.batch_rows == 0 || options.batch_rows > kBatchRowsMax)
    return fail(Code::kInvalidArgument, "batch_rows is " + std::to_string(options.batch_rows) +
                                            "; a batch has 1 to " + std::to_string(kBatchRowsMax) +
                                            " rows");
  RowStreamOptions out;
  DREAMDB_ASSIGN(out.fields, choose_fields(manifest->schema, options.fields));
  if (options.where) {
    DREAMDB_ASSIGN(out.filter, Filter::bind(*options.where, manifest->schema));
    for (const FieldId id : out.filter->fields())
      out.filter_fields.push_back(manifest->schema.find(id));
  }
  out.first = options.start;
  out.last = options.end == 0 ? 0 : options.end - 1;
  if (options.end <= options.start) {
    out.first = 1;  // an empty range
    out.last = 0;
  }
  out.batch_rows = options.batch_rows;
  out.memory_bytes = std::max<uint64_t>(options.memory_bytes, 1);
  out.present_only = options.present_only && !out.fields.empty();
  return out;
}

class BatchStream::Impl {
 public:
  Impl(std::shared_ptr<Space> space, const ManifestPtr& manifest, RowStreamOptions options)
      : space_(std::move(space)),
        manifest_(manifest),
        rows_(std::make_unique<RowStream>(space_->shared_objects(), manifest, std::move(options))) {
  }

  ~Impl() {
    // The threads of a stream do not exist in a forked child: it is left as it is there.
    if (!home_.is_here()) {
      [[maybe_unused]] RowStream* const left = rows_.release();
    }
  }

  Result<std::optional<Batch>> next() {
    if (!home_.is_here())
      return fail(Code::kInvalidArgument,
                  "this stream reads ahead in the process that opened it and cannot go on in a "
                  "child of fork(); open a stream in the child (its dataset handle works)");
    return rows_->next();
  }

 private:
  const HomeProcess home_;
  const std::shared_ptr<Space> space_;
  const ManifestPtr manifest_;  // the fields of the stream point into its schema
  std::unique_ptr<RowStream> rows_;
};

BatchStream::BatchStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BatchStream::BatchStream(BatchStream&&) noexcept = default;
BatchStream& BatchStream::operator=(BatchStream&&) noexcept = default;
BatchStream::~BatchStream() = default;

Result<std::optional<Batch>> BatchStream::next() { return impl_->next(); }

Result<BatchStream> Dataset::stream(const ReadOptions& options) const {
  const ManifestPtr manifest = impl_->manifest();
  DREAMDB_ASSIGN(RowStreamOptions bound, bind_read(manifest, options));
  return BatchStream(
      std::make_unique<BatchStream::Impl>(impl_->shared_space(), manifest, std::move(bound)));
}

Result<uint64_t> Dataset::count(const std::optional<Where>& where) const {
  if (!where) return impl_->manifest()->record_count();
  ReadOptions options;
  options.fields.emplace();
  options.where = where;
  options.batch_rows = kScanBatchRows;
  DREAMDB_ASSIGN(BatchStream rows, stream(options));
  uint64_t total = 0;
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, rows.next());
    if (!batch) return total;
    total += batch->rows();
  }
}

std::unexpected<Error> no_records(std::span<const uint64_t> missing) {
  std::string text = std::to_string(missing.size()) +
                     (missing.size() == 1 ? " anchor has" : " anchors have") + " no record: ";
  for (size_t i = 0; i < missing.size() && i < kNamedAnchorsMax; ++i)
    text += (i > 0 ? ", " : "") + std::to_string(missing[i]);
  if (missing.size() > kNamedAnchorsMax) text += ", ...";
  return fail(Code::kNotFound, text);
}

Result<Batch> take_rows(const RowReader& reader, std::span<const uint64_t> anchors,
                        std::span<const Field* const> fields, bool skip_missing) {
  std::vector<std::pair<uint64_t, uint32_t>> places;  // of each anchor in the list
  places.reserve(anchors.size());
  for (const uint64_t anchor : anchors)
    places.emplace_back(anchor, static_cast<uint32_t>(places.size()));
  std::sort(places.begin(), places.end());
  std::vector<uint64_t> sorted;
  std::vector<uint32_t> order(anchors.size());  // the row of each anchor
  sorted.reserve(anchors.size());
  for (const auto& [anchor, place] : places) {
    if (sorted.empty() || sorted.back() != anchor) sorted.push_back(anchor);
    order[place] = static_cast<uint32_t>(sorted.size() - 1);
  }
  DREAMDB_ASSIGN(RowPlan plan,
                 reader.plan(Buffer::copy_of(std::as_bytes(std::span(sorted))), fields, true));
  const std::vector<uint64_t> missing = missing_anchors(sorted, plan.records);
  if (!missing.empty() && !skip_missing) return no_records(missing);
  const bool is_permutation = missing.empty() && sorted.size() == anchors.size();
  const bool is_ascending = is_permutation && std::ranges::equal(sorted, anchors);
  if (is_permutation && !is_ascending)
    for (const auto& [anchor, place] : places) plan.matrix_rows.push_back(place);
  DREAMDB_ASSIGN(Batch batch, reader.fetch(plan));
  if (is_ascending) return batch;
  if (!missing.empty())
    std::erase_if(order, [&](uint32_t row) {
      return std::binary_search(missing.begin(), missing.end(), sorted[row]);
    });
  DREAMDB_TRY(check_texts(batch, order));
  if (!is_permutation) return pick_rows(batch, order);
  std::vector<Column> columns = std::exchange(batch.columns, {});
  Batch out = pick_rows(batch, order);  // the anchors
  for (Column& column : columns)
    out.columns.push_back(is_matrix(column.type) ? std::move(column) : pick_rows(column, order));
  return out;
}

Result<Batch> Dataset::take(std::span<const uint64_t> anchors,
                            const std::optional<std::vector<std::string>>& fields,
                            bool skip_missing) const {
  const ManifestPtr manifest = impl_->manifest();
  DREAMDB_ASSIGN(const auto chosen, choose_fields(manifest->schema, fields));
  return take_rows(RowReader(impl_->objects(), manifest), anchors, chosen, skip_missing);
}

Result<std::vector<std::pair<Scalar, uint64_t>>> Dataset::distinct_values(
    std::string_view field) const {
  DREAMDB_ASSIGN(const Field* found, schema().get(field));
  if (!is_scalar(found->type))
    return fail(Code::kInvalidArgument, "field `" + found->name + "` is of type " +
                                            std::string(type_name(found->type)) +
                                            "; distinct values are told of scalars only");
  ReadOptions options;
  options.fields = {found->name};
  options.batch_rows = kScanBatchRows;
  DREAMDB_ASSIGN(BatchStream rows, stream(options));
  std::unordered_map<std::string, std::pair<Scalar, uint64_t>> counts;
  for (;;) {
    DREAMDB_ASSIGN(const std::optional<Batch> batch, rows.next());
    if (!batch) break;
    const Column& column = batch->columns[0];
    for (size_t row = 0; row < batch->rows(); ++row) {
      if (!column.is_valid(row)) continue;
      auto [it, fresh] = counts.try_emplace(scalar_key(column, row));
      if (fresh) it->second.first = scalar_at(column, row);
      ++it->second.second;
    }
    if (counts.size() > kDistinctMax)
      return fail(Code::kExhausted, "field `" + found->name + "` has more than " +
                                        std::to_string(kDistinctMax) +
                                        " distinct values; stream it instead");
  }
  std::vector<std::pair<Scalar, uint64_t>> out;
  for (auto& [key, value] : counts) out.push_back(std::move(value));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : scalar_less(a.first, b.first);
  });
  return out;
}

}  // namespace dreamdb
