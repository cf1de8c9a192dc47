#include "tests/crash/kill_writer.h"

#include <sys/uio.h>
#include <unistd.h>

#include <iostream>

#include "store/folder_store.h"

namespace dreamdb::kill_writer {

namespace {

NewRows given(uint64_t batch) {
  std::vector<model::Row> rows;
  for (uint64_t i = 0; i < batch_rows(batch); ++i) {
    const uint64_t salt = batch * kSaltsPerBatch + i;
    rows.push_back({anchor_of(salt), salt});
  }
  return model::rows_of(rows);
}

NewRows assigned(uint64_t batch) {
  return model::unanchored_rows(batch_rows(batch), model::kAssignedSalt + batch * kSaltsPerBatch);
}

Status append(Dataset& ds, uint64_t batch) {
  AppendOptions options;
  if (batch % 4 == 1) options.idempotency_key = "batch " + std::to_string(batch);
  if (batch % 4 == 2) {
    DREAMDB_TRY(ds.append(assigned(batch), options));
    return {};
  }
  if (batch % 4 == 3) {
    // Through a writer that puts segments in the background.
    WriterOptions writing;
    writing.buffer_bytes = 1;
    DREAMDB_ASSIGN(Writer writer, ds.writer(writing));
    DREAMDB_TRY(writer.append(given(batch)));
    DREAMDB_TRY(writer.commit());
    return {};
  }
  DREAMDB_TRY(ds.append(given(batch), options));
  return {};
}

}  // namespace

int write_until_killed(const std::string& folder, uint64_t run) {
  const auto store = open_folder_store(folder, true);
  if (!store) return 1;
  const auto space = model::space_on(*store);
  auto ds = open_in(space, "main");
  if (!ds && ds.error().code == Code::kNotFound)
    ds = create_in(space, "main", model::full_schema());
  if (!ds) return 2;
  constexpr uint64_t kBatchesMax = 10'000;
  for (uint64_t i = 0; i < kBatchesMax; ++i) {
    const Note note{run * kBatchesMax + i};
    if (const Status status = append(*ds, note.batch); !status) {
      std::cerr << "batch " << note.batch << ": " << status.error().message << "\n";
      return 3;
    }
    if (write(STDOUT_FILENO, &note, sizeof(note)) != sizeof(note)) return 4;
  }
  return 5;
}

int append_once(const std::string& folder, const std::string& key) {
  const auto append = [&]() -> Status {
    DREAMDB_ASSIGN(const auto store, open_folder_store(folder, false));
    DREAMDB_ASSIGN(Dataset ds, open_in(model::space_on(store), "main"));
    AppendOptions options;
    options.idempotency_key = key;
    DREAMDB_TRY(ds.append(model::rows_of(model::row_range(100, 5, 1)), options));
    return {};
  };
  const Status status = append();
  if (status) return 0;
  std::string line = std::string(code_name(status.error().code)) + ": " + status.error().message;
  // Not write(): that may be the very call that is made to fail in this thread.
  const iovec piece{line.data(), line.size()};
  return writev(STDOUT_FILENO, &piece, 1) > 0 ? 1 : 2;
}

}  // namespace dreamdb::kill_writer
