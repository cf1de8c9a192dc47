// A writer process killed at random moments, a hundred times over one growing dataset.
//
// This program is also the writer: `crash_test --writer FOLDER RUN` appends batches in four ways
// until it dies and writes a note of each acknowledged batch to its output. `--append FOLDER` makes
// one append, for disk_test.cc.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <random>

#include "base/one_in.h"
#include "store/folder_store.h"
#include "store/scratch_folder.h"
#include "tests/crash/kill_writer.h"

namespace dreamdb::kill_writer {
namespace {

constexpr uint64_t kKills = 100;

struct Child {
  pid_t pid = -1;
  int output = -1;
};

Child start_writer(const std::string& folder, uint64_t run) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const std::string number = std::to_string(run);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    alarm(60);
    execl("/proc/self/exe", "crash_test", "--writer", folder.c_str(), number.c_str(), nullptr);
    _exit(99);
  }
  close(ends[1]);
  return {pid, ends[0]};
}

// What the dead writer had been told before it died.
std::vector<Note> notes_of(const Child& child) {
  std::vector<Note> notes;
  Note note;
  while (read(child.output, &note, sizeof(note)) == sizeof(note)) notes.push_back(note);
  close(child.output);
  return notes;
}

// Batches by number: their salts tell which they belong to, and how many rows each has.
class Ledger {
 public:
  void acknowledge(const Note& note) { acknowledged_.insert(note.batch); }

  // Every acknowledged batch is there, and every batch that is there is whole.
  void check(const model::State& state) {
    std::map<uint64_t, uint64_t> rows;
    for (const auto& [anchor, salt] : state.salts) {
      ++rows[batch_of(salt)];
      EXPECT_EQ(anchor, anchor_of(salt));
    }
    for (const uint64_t salt : state.assigned) ++rows[batch_of(salt - model::kAssignedSalt)];
    for (const auto& [batch, count] : rows)
      EXPECT_EQ(count, batch_rows(batch)) << "batch " << batch << " is there in part, or twice";
    for (const uint64_t batch : acknowledged_)
      EXPECT_TRUE(rows.contains(batch)) << "batch " << batch << " was acknowledged and is lost";
    batches_ = rows.size();
  }

  uint64_t acknowledged() const { return acknowledged_.size(); }
  uint64_t batches() const { return batches_; }

 private:
  std::set<uint64_t> acknowledged_;
  uint64_t batches_ = 0;
};

uint64_t chain_length(const Dataset& ds) {
  auto history = ds.history();
  uint64_t versions = 0;
  while (history) {
    const auto commit = history->next();
    EXPECT_TRUE(commit) << commit.error().message;
    if (!commit || !*commit) break;
    ++versions;
  }
  return versions;
}

TEST(Kill, NothingAcknowledgedIsLost) {
  const ScratchFolder folder;
  ASSERT_TRUE(create_in(model::space_on(*open_folder_store(folder.path(), true)), "main",
                        model::full_schema()));
  std::mt19937_64 random(std::random_device{}());
  Ledger ledger;
  uint64_t run = 0, early = 0;
  const uint64_t least_kills = OneIn().of(kKills);
  uint64_t kills = 0;
  // Where the machine is slow and the kills are few, more until enough was acknowledged.
  for (; kills < least_kills || (ledger.acknowledged() <= kills && kills < kKills); ++run) {
    const Child child = start_writer(folder.path(), run);
    ASSERT_GE(child.pid, 0);
    // Some die while they start, most while they write.
    usleep(static_cast<useconds_t>(random() % 10 == 0 ? random() % 20'000 : random() % 250'000));
    kill(child.pid, SIGKILL);
    int status = 0;
    waitpid(child.pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "status " << status;
    ++kills;
    const auto notes = notes_of(child);
    early += notes.empty();
    for (const Note& note : notes) ledger.acknowledge(note);
    const auto ds = open_in(model::space_on(*open_folder_store(folder.path(), false)), "main");
    ASSERT_TRUE(ds) << ds.error().message;
    const auto state = model::read_state(*ds);
    ASSERT_TRUE(state) << state.error().message;
    ledger.check(*state);
    if (HasFailure()) return;
  }
  const auto ds = open_in(model::space_on(*open_folder_store(folder.path(), false)), "main");
  ASSERT_TRUE(ds);
  const uint64_t versions = chain_length(*ds);
  EXPECT_EQ(versions, ledger.batches() + 1) << "each batch is one commit";
  EXPECT_LE(ledger.batches(), ledger.acknowledged() + kills);
  EXPECT_GT(ledger.acknowledged(), kills);
  std::cout << kills << " kills (" << early << " before the first commit of a run), "
            << ledger.acknowledged() << " batches acknowledged, "
            << ledger.batches() - ledger.acknowledged() << " more found whole, " << *ds->count()
            << " records, " << versions << " versions\n";
}

}  // namespace
}  // namespace dreamdb::kill_writer

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--writer")
    return dreamdb::kill_writer::write_until_killed(argv[2], std::stoull(argv[3]));
  if (argc == 4 && std::string(argv[1]) == "--append")
    return dreamdb::kill_writer::append_once(argv[2], argv[3]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
