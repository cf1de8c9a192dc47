// The loop of `ingest`.
#include "cli/ingest_job.h"

#include <algorithm>
#include <limits>

#include "cli/interrupt.h"
#include "cli/text.h"
#include "dreamdb/interrupt.h"

namespace dreamdb::cli {

namespace {

// A batch ends here whatever its rows, so that blobs do not pile up.
constexpr uint64_t kBatchBytes = 16 << 20;

// Lines of one file that became rows.
struct RowPlace {
  std::string name;
  std::vector<uint64_t> lines;
};

std::string place_of(std::span<const RowPlace> places, size_t row) {
  for (const RowPlace& place : places) {
    if (row < place.lines.size()) return place.name + ":" + std::to_string(place.lines[row]);
    row -= place.lines.size();
  }
  return "a row";
}

uint64_t size_of(const NewRows& rows) {
  uint64_t bytes = 0;
  for (const Column& column : rows.columns) {
    bytes += column.values.size();
    for (const Buffer& blob : column.blobs) bytes += blob.size();
  }
  return bytes;
}

}  // namespace

IngestJob::IngestJob(Dataset dataset, std::vector<std::string> files, NpyColumns npy,
                     IngestLimits limits, Progress& progress)
    : dataset_(std::move(dataset)),
      schema_(dataset_.schema()),
      files_(std::move(files)),
      npy_(std::move(npy)),
      limits_(limits),
      progress_(progress),
      builder_(schema_, npy_.fields()) {
  // Commits are made between batches.
  limits_.batch_rows = std::min(limits_.batch_rows, limits_.commit_rows);
}

Result<AppendReport> IngestJob::run(const AppendOptions& options) {
  // Commits are made here, at known rows of the input, so that a failure can say where to go on.
  WriterOptions writer_options;
  writer_options.append = options;
  writer_options.append.progress = [](uint64_t, uint64_t) { return !interrupted(); };
  writer_options.commit_bytes = std::numeric_limits<uint64_t>::max();
  writer_options.commit_rows = std::numeric_limits<uint64_t>::max();
  const InterruptScope scope(interrupted, [this] {
    progress_.note("finishing the commit that was sent; Ctrl-C again ends at once");
  });
  has_key_ = !options.idempotency_key.empty();
  report_.manifest = dataset_.manifest();
  auto writer = dataset_.writer(writer_options);
  if (!writer) return std::unexpected(std::move(writer).error());
  if (auto status = ingest(*writer); !status) {
    return std::unexpected(
        with_outlook(std::move(status).error(), !options.idempotency_key.empty()));
  }
  return report_;
}

Status IngestJob::ingest(Writer& writer) {
  DREAMDB_TRY(skip());
  while (true) {
    if (interrupted()) return fail(Code::kCancelled, "interrupted");
    DREAMDB_ASSIGN(NewRows rows, next_batch());
    if (rows.rows == 0) break;
    const uint64_t bytes = size_of(rows);
    const uint64_t count = rows.rows;
    if (auto status = writer.append(std::move(rows)); !status) {
      return std::unexpected(std::move(status).error());
    }
    bytes_ += bytes;
    since_commit_rows_ += count;
    since_commit_bytes_ += bytes;
    progress_.update(read_ - limits_.skip_rows, bytes_);
    if (since_commit_rows_ >= limits_.commit_rows || since_commit_bytes_ >= limits_.commit_bytes) {
      DREAMDB_TRY(commit(writer));
    }
  }
  return commit(writer);
}

Status IngestJob::commit(Writer& writer) {
  DREAMDB_ASSIGN(AppendReport report, writer.commit());
  // Rows that are there already make no commit, unless a key is noted with them.
  const auto written = [](const AppendReport& r) { return r.records + r.filled + r.replaced; };
  const bool noted = has_key_ && report.manifest != report_.manifest;
  if (written(report) != written(report_) || noted) ++commits_;
  report_ = std::move(report);
  committed_ = read_;
  since_commit_rows_ = 0;
  since_commit_bytes_ = 0;
  return {};
}

Status IngestJob::skip() {
  for (; read_ < limits_.skip_rows; ++read_) {
    if (files_.empty()) {
      if (read_ >= npy_.rows()) break;
      continue;
    }
    DREAMDB_ASSIGN(const auto line, next_line());
    if (!line) break;
  }
  if (read_ < limits_.skip_rows) {
    return fail(Code::kInvalidArgument, "--skip " + std::to_string(limits_.skip_rows) +
                                            ": the input has only " + with_commas(read_) + " rows");
  }
  npy_.skip(read_);
  committed_ = read_;
  return {};
}

Result<std::optional<std::string_view>> IngestJob::next_line() {
  while (true) {
    if (!lines_) {
      if (next_file_ == files_.size()) return std::nullopt;
      DREAMDB_ASSIGN(lines_, LineReader::open(files_[next_file_++]));
    }
    DREAMDB_ASSIGN(const auto line, lines_->next());
    if (line && !is_blank(*line)) return line;
    if (!line) lines_.reset();
  }
}

Result<NewRows> IngestJob::next_of_npy() {
  NewRows rows;
  const uint64_t by_bytes = kBatchBytes / std::max<uint64_t>(npy_.row_bytes(), 1);
  rows.rows = std::min(
      {npy_.rows() - npy_.next_row(), limits_.batch_rows, std::max<uint64_t>(by_bytes, 1)});
  if (rows.rows == 0) return rows;
  rows.name_of_row = [of = npy_.describe(), first = npy_.next_row()](size_t row) {
    return of + " row " + std::to_string(first + row);
  };
  DREAMDB_TRY(npy_.add_to(rows, [](const std::string&) { return std::vector<size_t>(); }));
  read_ += rows.rows;
  return rows;
}

Result<NewRows> IngestJob::next_batch() {
  if (files_.empty()) return next_of_npy();
  std::vector<RowPlace> places;
  while (builder_.rows() < limits_.batch_rows &&
         builder_.size_bytes() + builder_.rows() * npy_.row_bytes() < kBatchBytes) {
    DREAMDB_ASSIGN(const auto line, next_line());
    if (!line) break;
    const std::string place = lines_->place();
    if (places.empty() || places.back().name != lines_->name())
      places.push_back({lines_->name(), {}});
    places.back().lines.push_back(lines_->number());
    auto row = parse_json(*line);
    if (!row) {
      return fail(row.error().code,
                  place + ": " + row.error().message + "; each line is one JSON object");
    }
    if (npy_.has_anchors() && row->is_object() && row->contains("_anchor")) {
      return fail(Code::kInvalidArgument,
                  place + ": `_anchor` comes from --npy and stands in the row too");
    }
    DREAMDB_TRY(builder_.add(*row, place, lines_->folder()));
    if (!npy_.empty() && npy_.next_row() + builder_.rows() > npy_.rows()) {
      return fail(Code::kInvalidArgument,
                  place + ": this is row " + with_commas(read_ + builder_.rows()) + ", and " +
                      npy_.describe() + " has only " + with_commas(npy_.rows()) + " rows");
    }
  }
  const uint64_t count = builder_.rows();
  if (count == 0 && !npy_.empty() && npy_.next_row() < npy_.rows()) {
    return fail(Code::kInvalidArgument, "the JSON lines end after " + with_commas(read_) +
                                            " rows, and " + npy_.describe() + " has " +
                                            with_commas(npy_.rows()));
  }
  std::vector<std::pair<std::string, std::vector<size_t>>> nulls;
  for (const std::string& field : npy_.fields()) nulls.emplace_back(field, builder_.nulls(field));
  NewRows rows = builder_.take();
  rows.name_of_row = [places = std::move(places)](size_t row) { return place_of(places, row); };
  if (count == 0 || npy_.empty()) {
    read_ += count;
    return rows;
  }
  DREAMDB_TRY(npy_.add_to(rows, [&](const std::string& field) {
    for (const auto& [name, absent] : nulls) {
      if (name == field) return absent;
    }
    return std::vector<size_t>();
  }));
  read_ += count;
  return rows;
}

Error IngestJob::with_outlook(Error error, bool has_key) const {
  std::string& text = error.message;
  if (error.code == Code::kOutcomeUnknown) {
    text += outlook_of_unknown(has_key);
  } else if (commits_ == 0 && error.code == Code::kCancelled) {
    text +=
        "\nNothing was committed; the dataset is as it was. To ingest it all, run the same command "
        "again.";
  } else if (commits_ == 0) {
    text +=
        "\nNothing was committed; the dataset is as it was. When the cause is mended, run the "
        "same command again.";
  } else {
    text += "\nThe first " + with_commas(committed_) +
            " rows of the input are committed (version " + report_.manifest +
            "), nothing after them is visible. Go on with the same command and --skip " +
            std::to_string(committed_) + ".";
  }
  return error;
}

std::string IngestJob::outlook_of_unknown(bool has_key) const {
  std::string text = "\nRows " + with_commas(committed_ + 1) + " to " + with_commas(read_) +
                     " of the input may be committed or not, all of them or none; ";
  if (commits_ > 0) text += "those before are (version " + report_.manifest + "), ";
  text += "nothing after them is visible. ";
  if (has_key)
    return text +
           "Run the same command with the same --idempotency-key again: what took place is not "
           "applied twice.";
  return text + "`dreamdb log " + dataset_.locator() +
         "` shows whether there is a new version with them: if so, go on with --skip " +
         std::to_string(read_) + ", if not, with --skip " + std::to_string(committed_) +
         ". Running again without looking doubles these rows, unless they have anchors of their "
         "own (`_anchor`) or are ingested under --idempotency-key.";
}

}  // namespace dreamdb::cli
