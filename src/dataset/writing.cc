// Appending rows and changing what a version says of itself.
#include <algorithm>

#include "codec/utf8.h"
#include "dataset/appender.h"
#include "dreamdb/interrupt.h"
#include "runtime/fork.h"
#include "track/columns.h"

namespace dreamdb {

namespace {

constexpr uint64_t kJoinBytesMax = 2ull << 30;  // offsets of joined texts are 32-bit
constexpr size_t kMetaKeyBytesMax = 256;

void add_report(AppendReport& into, AppendReport&& more) {
  into.rows += more.rows;
  into.records += more.records;
  into.filled += more.filled;
  into.unchanged += more.unchanged;
  into.skipped += more.skipped;
  into.replaced += more.replaced;
  into.already_applied = into.already_applied || more.already_applied;
  into.manifest = std::move(more.manifest);
  into.assigned.insert(into.assigned.end(), more.assigned.begin(), more.assigned.end());
}

Result<bool> go_on(const Tip&, Change&) { return true; }

Status change_meta(Dataset::Impl& impl, const std::string& operation,
                   const std::function<void(std::map<std::string, std::string>&)>& edit) {
  DREAMDB_TRY(impl.check_writable());
  const std::lock_guard lock(impl.write_mutex());
  Change change;
  change.operation = operation;
  change.edit = [&edit](Manifest& manifest) -> Status {
    edit(manifest.meta);
    return {};
  };
  return impl.commit(std::move(change), go_on);
}

}  // namespace

Result<AppendReport> Dataset::append(NewRows rows, const AppendOptions& options) {
  DREAMDB_TRY(impl_->check_writable());
  const std::lock_guard lock(impl_->write_mutex());
  Appender appender(*impl_, options.on_conflict);
  // Before rows are checked and written that are there already.
  DREAMDB_ASSIGN(const auto applied, appender.find_applied(options.idempotency_key, rows.rows));
  if (applied) return *applied;
  DREAMDB_TRY(appender.add(std::move(rows), false));
  if (options.progress && !options.progress(appender.pending_rows(), appender.pending_bytes()))
    return fail(Code::kCancelled, "stopped because the caller asked to; nothing was committed");
  return appender.commit(options.idempotency_key);
}

class Writer::Impl {
 public:
  Impl(std::shared_ptr<Dataset::Impl> dataset, WriterOptions options)
      : dataset_(std::move(dataset)),
        options_(std::move(options)),
        appender_(std::make_unique<Appender>(*dataset_, options_.append.on_conflict)) {}

  ~Impl() {
    if (home_.is_here()) return;
    [[maybe_unused]] Appender* const parents = appender_.release();
  }

  Status append(NewRows rows) {
    DREAMDB_TRY(check_home());
    const std::lock_guard lock(dataset_->write_mutex());
    if (!rows.name_of_row)
      rows.name_of_row = [first = given_rows_](size_t row) {
        return "row " + std::to_string(first + row);
      };
    given_rows_ += rows.rows;
    DREAMDB_TRY(check_columns(rows, dataset_->schema()));
    // A buffer holds either rows with anchors or rows without, of the same columns.
    const uint64_t bytes = rows_bytes(rows);
    if (!buffer_.empty() &&
        (!same_shape(buffer_.front(), rows) || buffered_bytes_ + bytes > kJoinBytesMax))
      DREAMDB_TRY(flush(true));
    buffered_rows_ += rows.rows;
    buffered_bytes_ += bytes;
    if (rows.rows > 0) buffer_.push_back(std::move(rows));
    if (buffered_bytes_ >= std::min(options_.buffer_bytes, options_.commit_bytes) ||
        buffered_rows_ >= options_.commit_rows)
      DREAMDB_TRY(flush(true));
    if (appender_->pending_rows() >= options_.commit_rows ||
        appender_->pending_bytes() >= options_.commit_bytes)
      return commit_pending();
    return {};
  }

  Result<AppendReport> commit() {
    DREAMDB_TRY(check_home());
    const std::lock_guard lock(dataset_->write_mutex());
    if (!buffer_.empty()) DREAMDB_TRY(flush(false));
    DREAMDB_TRY(commit_pending());
    return total_;
  }

  const AppendReport& report() const { return total_; }

 private:
  Status check_home() const {
    if (home_.is_here()) return {};
    return fail(Code::kInvalidArgument,
                "this writer belongs to the process that made it, which commits its rows; in a "
                "child of fork() make a writer of its own (the dataset handle works there)");
  }

  static bool same_shape(const NewRows& a, const NewRows& b) {
    if (a.anchors.has_value() != b.anchors.has_value() || a.columns.size() != b.columns.size())
      return false;
    for (size_t c = 0; c < a.columns.size(); ++c)
      if (a.columns[c].name != b.columns[c].name) return false;
    return true;
  }

  // What to call the rows of `pieces` when they are one.
  static std::function<std::string(size_t)> names_of(std::span<const NewRows> pieces) {
    std::vector<std::pair<size_t, std::function<std::string(size_t)>>> names;  // by first row
    size_t first = 0;
    for (const NewRows& rows : pieces) {
      names.emplace_back(first, rows.name_of_row);
      first += rows.rows;
    }
    return [names = std::move(names)](size_t row) {
      const auto after =
          std::upper_bound(names.begin(), names.end(), row,
                           [](size_t wanted, const auto& one) { return wanted < one.first; });
      const auto& [begin, name] = *std::prev(after);
      return name(row - begin);
    };
  }

  // Joins what is buffered into one piece, column by column so that little stands twice.
  NewRows join_buffer() {
    if (buffer_.size() == 1) {
      NewRows only = std::move(buffer_.front());
      buffer_.clear();
      return only;
    }
    NewRows out;
    for (const NewRows& rows : buffer_) out.rows += rows.rows;
    out.name_of_row = names_of(buffer_);
    const bool anchored = buffer_.front().anchors.has_value();
    for (size_t c = 0; c < buffer_.front().columns.size(); ++c) {
      std::vector<Batch> pieces;
      for (NewRows& rows : buffer_) {
        MutableBuffer unused(rows.rows * 8);
        Buffer anchors = anchored ? *rows.anchors : std::move(unused).freeze();
        pieces.push_back({std::move(anchors), {}});
        pieces.back().columns.push_back(std::move(rows.columns[c]));
      }
      Batch joined = concat_batches(pieces);
      out.columns.push_back(std::move(joined.columns[0]));
    }
    if (anchored) {
      std::vector<Batch> pieces;
      for (NewRows& rows : buffer_) pieces.push_back({*std::move(rows.anchors), {}});
      out.anchors = concat_batches(pieces).anchors_bytes;
    }
    buffer_.clear();
    return out;
  }

  // spill: as of Appender::add; not the last rows, which go up in the wave of the commit.
  Status flush(bool spill) {
    std::vector<NewRows> pieces;
    if (anchors_repeat()) {
      pieces = std::exchange(buffer_, {});  // appended twice: one after the other
    } else {
      pieces.push_back(join_buffer());
    }
    buffered_rows_ = buffered_bytes_ = 0;
    for (NewRows& rows : pieces) DREAMDB_TRY(add(std::move(rows), spill));
    return {};
  }

  // Whether an anchor stands twice in the buffer.
  bool anchors_repeat() const {
    if (buffer_.size() < 2 || !buffer_.front().anchors) return false;
    std::vector<uint64_t> anchors;
    for (const NewRows& rows : buffer_) {
      const auto* held = reinterpret_cast<const uint64_t*>(rows.anchors->data());
      anchors.insert(anchors.end(), held, held + rows.anchors->size() / 8);
    }
    if (!std::is_sorted(anchors.begin(), anchors.end())) std::sort(anchors.begin(), anchors.end());
    return std::adjacent_find(anchors.begin(), anchors.end()) != anchors.end();
  }

  Status add(NewRows rows, bool spill) {
    if (appender_->meets_pending(rows)) {
      if (options_.commit_rows == UINT64_MAX && options_.commit_bytes == UINT64_MAX) {
        // All rows are to become one commit, and a version has one value at an anchor.
        appender_->drop();
        return fail(Code::kInvalidArgument,
                    "an anchor stands twice among the rows of one commit; append each once");
      }
      DREAMDB_TRY(commit_pending());
    }
    Status added = appender_->add(std::move(rows), spill);
    if (!added) {
      appender_->drop();
      return added;
    }
    const auto& progress = options_.append.progress;
    const bool go_on = check_interrupt().has_value() &&
                       (!progress || progress(total_.rows + appender_->pending_rows(),
                                              committed_bytes_ + appender_->pending_bytes()));
    if (go_on) return {};
    appender_->drop();
    return fail(Code::kCancelled,
                "stopped because the caller asked to; what was committed before stays, the rows "
                "since are dropped");
  }

  Status commit_pending() {
    if (appender_->empty()) {
      if (total_.manifest.empty()) total_.manifest = dataset_->tip().address().text();
      return {};
    }
    const uint64_t bytes = appender_->pending_bytes();
    std::string key = options_.append.idempotency_key;
    if (!key.empty() && commits_ > 0) key += "/" + std::to_string(commits_);
    DREAMDB_ASSIGN(AppendReport report, appender_->commit(key));
    ++commits_;
    committed_bytes_ += bytes;
    add_report(total_, std::move(report));
    return {};
  }

  const HomeProcess home_;
  const std::shared_ptr<Dataset::Impl> dataset_;
  const WriterOptions options_;
  std::unique_ptr<Appender> appender_;
  std::vector<NewRows> buffer_;
  uint64_t given_rows_ = 0;  // since this writer was made
  uint64_t buffered_rows_ = 0;
  uint64_t buffered_bytes_ = 0;
  uint64_t committed_bytes_ = 0;
  uint64_t commits_ = 0;
  AppendReport total_;
};

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Status Writer::append(NewRows rows) { return impl_->append(std::move(rows)); }

Result<AppendReport> Writer::commit() { return impl_->commit(); }

const AppendReport& Writer::report() const { return impl_->report(); }

Result<Writer> Dataset::writer(const WriterOptions& options) {
  DREAMDB_TRY(impl_->check_writable());
  return Writer(std::make_unique<Writer::Impl>(impl_, options));
}

Status Dataset::add_field(Field field) {
  DREAMDB_TRY(impl_->check_writable());
  const std::lock_guard lock(impl_->write_mutex());
  Change change;
  change.operation = "add_field";
  change.edit = [&field](Manifest& manifest) -> Status {
    if (field.required && manifest.record_count() > 0)
      return fail(Code::kInvalidArgument, "field `" + field.name +
                                              "`: cannot be required, because the " +
                                              std::to_string(manifest.record_count()) +
                                              " records there are lack it; add it as optional");
    if (manifest.schema.find(field.name) != nullptr)
      return fail(Code::kAlreadyExists, "field `" + field.name + "` already exists in the schema");
    return manifest.schema.add_apart(field);
  };
  return impl_->commit(std::move(change), go_on);
}

Status Dataset::set_meta(std::string_view key, std::string_view value) {
  if (key.empty() || key.size() > kMetaKeyBytesMax)
    return fail(Code::kInvalidArgument,
                "a meta key has 1 to 256 bytes, not " + std::to_string(key.size()));
  return change_meta(*impl_, "set_meta",
                     [&](auto& meta) { meta[std::string(key)] = std::string(value); });
}

Status Dataset::set_application(std::string_view name, std::string_view revision) {
  constexpr size_t kBytesMax = 256;
  for (const std::string_view text : {name, revision})
    if (text.size() > kBytesMax || !is_utf8(text) || has_control_character(text))
      return fail(Code::kInvalidArgument,
                  "an application's name and revision are text of at most 256 bytes without "
                  "control characters");
  std::string program = impl_->space().writer().program + ";application=" + std::string(name);
  if (!revision.empty()) program += ";application-revision=" + std::string(revision);
  impl_->set_program(std::move(program));
  return {};
}

Status Dataset::remove_meta(std::string_view key) {
  return change_meta(*impl_, "remove_meta", [&](auto& meta) { meta.erase(std::string(key)); });
}

}  // namespace dreamdb
