// The loop of `ingest`.
#include "cli/ingest_job.h"

#include <algorithm>
#include <limits>

#include "cli/interrupt.h"
#include "cli/text.h"

namespace dreamdb::cli {

namespace {

// A batch ends here whatever its rows, so that blobs do not pile up.
constexpr uint64_t kBatchBytes = 16 << 20;

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
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
      builder_(schema_, npy_.fields()) {}

Result<AppendReport> IngestJob::run(const AppendOptions& options) {
  // Commits are made here, at known rows of the input, so that a failure can say where to go on.
  WriterOptions writer_options;
  writer_options.append = options;
  writer_options.append.progress = [](uint64_t, uint64_t) { return !interrupted(); };
  writer_options.commit_bytes = std::numeric_limits<uint64_t>::max();
  writer_options.commit_rows = std::numeric_limits<uint64_t>::max();
  auto writer = dataset_.writer(writer_options);
  if (!writer) return std::unexpected(std::move(writer).error());
  if (auto status = ingest(*writer); !status) {
    return std::unexpected(with_outlook(std::move(status).error()));
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
      Error error = std::move(status).error();
      error.message = batch_place_ + ": " + error.message;
      return std::unexpected(std::move(error));
    }
    bytes_ += bytes;
    since_commit_rows_ += count;
    since_commit_bytes_ += bytes;
    progress_.update(read_ - limits_.skip_rows, bytes_);
    if (since_commit_rows_ >= limits_.commit_rows || since_commit_bytes_ >= limits_.commit_bytes) {
      DREAMDB_TRY(commit(writer));
    }
  }
  if (since_commit_rows_ > 0 || commits_ == 0) DREAMDB_TRY(commit(writer));
  return {};
}

Status IngestJob::commit(Writer& writer) {
  DREAMDB_ASSIGN(report_, writer.commit());
  committed_ = read_;
  ++commits_;
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
  batch_place_ = npy_.describe() + " rows " + std::to_string(npy_.next_row()) + " to " +
                 std::to_string(npy_.next_row() + rows.rows - 1);
  DREAMDB_TRY(npy_.add_to(rows, [](const std::string&) { return std::vector<size_t>(); }));
  read_ += rows.rows;
  return rows;
}

Result<NewRows> IngestJob::next_batch() {
  if (files_.empty()) return next_of_npy();
  std::string first, last;
  while (builder_.rows() < limits_.batch_rows &&
         builder_.size_bytes() + builder_.rows() * npy_.row_bytes() < kBatchBytes) {
    DREAMDB_ASSIGN(const auto line, next_line());
    if (!line) break;
    last = lines_->place();
    if (first.empty()) first = last;
    auto row = parse_json(*line);
    if (!row) {
      return fail(row.error().code,
                  last + ": " + row.error().message + "; each line is one JSON object");
    }
    if (npy_.has_anchors() && row->is_object() && row->contains("_anchor")) {
      return fail(Code::kInvalidArgument,
                  last + ": `_anchor` comes from --npy and stands in the row too");
    }
    DREAMDB_TRY(builder_.add(*row, last, lines_->folder()));
    if (!npy_.empty() && npy_.next_row() + builder_.rows() > npy_.rows()) {
      return fail(Code::kInvalidArgument,
                  last + ": this is row " + with_commas(read_ + builder_.rows()) + ", and " +
                      npy_.describe() + " has only " + with_commas(npy_.rows()) + " rows");
    }
  }
  batch_place_ = first == last ? first : "rows of " + first + " to " + last;
  const uint64_t count = builder_.rows();
  if (count == 0 && !npy_.empty() && npy_.next_row() < npy_.rows()) {
    return fail(Code::kInvalidArgument, "the JSON lines end after " + with_commas(read_) +
                                            " rows, and " + npy_.describe() + " has " +
                                            with_commas(npy_.rows()));
  }
  std::vector<std::pair<std::string, std::vector<size_t>>> nulls;
  for (const std::string& field : npy_.fields()) nulls.emplace_back(field, builder_.nulls(field));
  NewRows rows = builder_.take();
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

Error IngestJob::with_outlook(Error error) const {
  std::string& text = error.message;
  if (commits_ == 0) {
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

}  // namespace dreamdb::cli
