// Sixteen processes append to one ref of a folder: all get on, nothing is lost or doubled.
//
// DREAMDB_RACE_SECONDS says for how long the sixteen race (3 by default). How many commits they
// make together, against one process alone for as long, is printed: in turns, as disks and
// processors have their moods and a commit among more records writes larger pages.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <unordered_set>

#include "store/folder_store.h"
#include "store/scratch_folder.h"
#include "tests/model/model.h"

namespace dreamdb {
namespace {

constexpr uint64_t kProcesses = 16;
constexpr uint64_t kNumbersMax = 128;  // processes over all phases
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr size_t kRowsMax = 4;
constexpr int kRounds = 4;

double race_seconds() {
  const char* const text = std::getenv("DREAMDB_RACE_SECONDS");
  return text == nullptr ? 3 : std::max(0.1, std::atof(text));
}

// One acknowledged commit, as a process notes it in its log.
struct Note {
  char manifest[53];
  uint64_t first_salt;
  uint64_t rows;
};

using Append = std::function<Result<AppendReport>(Dataset& ds, uint64_t process, uint64_t turn)>;

uint64_t rows_of_turn(uint64_t turn) { return 1 + turn % kRowsMax; }

uint64_t first_salt(uint64_t process, uint64_t turn) {
  return (process + 1) << 26 | turn * kRowsMax;
}

// Anchors of all processes lie between one another.
Result<AppendReport> append_given(Dataset& ds, uint64_t process, uint64_t turn) {
  std::vector<model::Row> rows;
  for (uint64_t i = 0; i < rows_of_turn(turn); ++i) {
    const uint64_t number = turn * kRowsMax + i;
    rows.push_back({number * kNumbersMax + process, first_salt(process, turn) + i});
  }
  return ds.append(model::rows_of(rows));
}

Result<AppendReport> append_assigned(Dataset& ds, uint64_t process, uint64_t turn) {
  return ds.append(
      model::unanchored_rows(rows_of_turn(turn), model::kAssignedSalt + first_salt(process, turn)));
}

// Every process fills another field of the same records, and all overwrite one record.
Result<AppendReport> append_same(Dataset& ds, uint64_t process, uint64_t turn) {
  std::vector<model::Row> rows = {{0, first_salt(process, turn)}};
  for (uint64_t i = 1; i < rows_of_turn(turn); ++i)
    rows.push_back({(turn * kRowsMax + i) * kNumbersMax + process, first_salt(process, turn) + i});
  AppendOptions options;
  options.on_conflict = OnConflict::kReplace;
  return ds.append(model::rows_of(rows), options);
}

// The life of a process: appends until `end_ns`, notes what is acknowledged.
int append_until(const std::string& folder, const std::string& log, const Append& append,
                 uint64_t process, uint64_t end_ns) {
  const auto store = open_folder_store(folder, false);
  if (!store) return 90;
  auto ds = open_in(model::space_on(*store), "main");
  if (!ds) return 91;
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  for (uint64_t turn = 0; real_runtime().monotonic_ns() < end_ns; ++turn) {
    const auto report = append(*ds, process, turn);
    if (!report) {
      std::cerr << "process " << process << ": " << report.error().message << "\n";
      return 1;
    }
    Note note{};
    std::memcpy(note.manifest, report->manifest.data(), sizeof(note.manifest));
    note.first_salt = first_salt(process, turn);
    note.rows = rows_of_turn(turn);
    if (write(fd, &note, sizeof(note)) != sizeof(note)) return 92;
  }
  return 0;
}

class Race {
 public:
  explicit Race(Append append) : append_(std::move(append)) {
    auto ds = create_in(model::space_on(*open_folder_store(folder_.path(), true)), "main",
                        model::full_schema());
    EXPECT_TRUE(ds);
  }

  // Runs `processes` for `seconds`; commits a second of all together.
  double run(uint64_t processes, double seconds) {
    // A fresh log a run; processes of several runs have different numbers.
    const uint64_t begin_ns = real_runtime().monotonic_ns();
    const uint64_t end_ns = begin_ns + static_cast<uint64_t>(seconds * kSecondNs);
    std::vector<pid_t> children;
    for (uint64_t p = 0; p < processes; ++p) {
      const uint64_t number = next_process_++;
      const pid_t child = fork();
      if (child == 0) {
        alarm(static_cast<unsigned>(seconds) + 300);
        _exit(append_until(folder_.path(), log_of(number), append_, number, end_ns));
      }
      children.push_back(child);
    }
    for (const pid_t child : children) {
      int status = 0;
      waitpid(child, &status, 0);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    }
    // Whoever waits for a turn when the time is over still gets it.
    const double took_s = static_cast<double>(real_runtime().monotonic_ns() - begin_ns) / kSecondNs;
    uint64_t commits = 0;
    least_ = UINT64_MAX, most_ = 0;
    for (uint64_t n = next_process_ - processes; n < next_process_; ++n) {
      const uint64_t own = notes_of(n).size();
      commits += own;
      least_ = std::min(least_, own);
      most_ = std::max(most_, own);
    }
    return static_cast<double>(commits) / took_s;
  }

  uint64_t least() const { return least_; }
  uint64_t most() const { return most_; }

  std::vector<Note> notes() const {
    std::vector<Note> all;
    for (uint64_t n = 0; n < next_process_; ++n) {
      const auto own = notes_of(n);
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  }

  Result<Dataset> open() const {
    DREAMDB_ASSIGN(const auto store, open_folder_store(folder_.path(), false));
    return open_in(model::space_on(store, 64u << 20), "main");
  }

 private:
  std::string log_of(uint64_t number) const { return logs_.path() + "/" + std::to_string(number); }

  std::vector<Note> notes_of(uint64_t number) const {
    std::vector<Note> notes;
    const int fd = ::open(log_of(number).c_str(), O_RDONLY);
    Note note;
    while (read(fd, &note, sizeof(note)) == sizeof(note)) notes.push_back(note);
    close(fd);
    return notes;
  }

  const ScratchFolder folder_, logs_;
  const Append append_;
  uint64_t next_process_ = 0;
  uint64_t least_ = 0, most_ = 0;
};

// Every acknowledged commit stands in the one chain of versions, once, and nothing else does.
void check_history(const Dataset& ds, const std::vector<Note>& notes) {
  std::unordered_set<std::string> acknowledged;
  for (const Note& note : notes)
    EXPECT_TRUE(acknowledged.emplace(note.manifest, sizeof(note.manifest)).second);
  auto history = ds.history();
  ASSERT_TRUE(history) << history.error().message;
  uint64_t versions = 0, found = 0;
  std::string expected = ds.manifest();
  for (;; ++versions) {
    const auto commit = history->next();
    ASSERT_TRUE(commit) << commit.error().message;
    if (!*commit) break;
    EXPECT_EQ((*commit)->manifest, expected);
    found += acknowledged.contains((*commit)->manifest);
    expected = (*commit)->parents.empty() ? "" : (*commit)->parents[0];
  }
  EXPECT_EQ(found, notes.size()) << "acknowledged commits are missing in the history";
  EXPECT_EQ(versions, notes.size() + 1) << "and the first one, which is empty";
}

enum class Salts { kGiven, kAssigned };

void race(const std::string& what, const Append& append, Salts salts) {
  const double seconds = race_seconds() / kRounds;
  Race race(append);
  uint64_t least = UINT64_MAX, most = 0;
  double together = 0, alone = race.run(1, seconds / 2) / 2;
  for (int round = 0; round < kRounds; ++round) {
    together += race.run(kProcesses, seconds);
    least = std::min(least, race.least()), most = std::max(most, race.most());
    alone += race.run(1, seconds) / (round + 1 < kRounds ? 1 : 2);
  }
  std::cout << what << ": 16 processes " << together / kRounds << " commits/s (each " << least
            << " to " << most << " in " << seconds << " s), one alone " << alone / kRounds
            << ", ratio " << together / alone << std::endl;
  EXPECT_GT(least, 0u) << "a process got nowhere";

  const auto ds = race.open();
  ASSERT_TRUE(ds) << ds.error().message;
  const auto notes = race.notes();
  check_history(*ds, notes);
  const auto state = model::read_state(*ds);
  ASSERT_TRUE(state) << state.error().message;
  uint64_t rows = 0;
  std::multiset<uint64_t> found = state->assigned;
  for (const auto& [anchor, salt] : state->salts) found.insert(salt);
  for (const Note& note : notes) {
    rows += note.rows;
    for (uint64_t i = 0; i < note.rows; ++i) {
      const uint64_t salt =
          note.first_salt + i + (salts == Salts::kAssigned ? model::kAssignedSalt : 0);
      EXPECT_EQ(found.count(salt), 1u) << "salt " << salt;
    }
  }
  EXPECT_EQ(found.size(), rows);
}

TEST(Race, GivenAnchors) { race("given anchors", append_given, Salts::kGiven); }

TEST(Race, AssignedAnchors) { race("assigned anchors", append_assigned, Salts::kAssigned); }

// Writers that meet in one record read their rows back and check them against the newer version.
TEST(Race, OneRecordReplacedByAll) {
#ifdef DREAMDB_SANITIZE_THREAD
  GTEST_SKIP() << "the thread sanitizer starts no threads in forked processes; other builds race";
#endif
  Race race(append_same);
  const double rate = race.run(kProcesses, race_seconds());
  std::cout << "one record replaced by all: " << rate << " commits/s, each " << race.least()
            << " to " << race.most() << std::endl;
  EXPECT_GT(race.least(), 0u);
  const auto ds = race.open();
  ASSERT_TRUE(ds);
  const auto notes = race.notes();
  check_history(*ds, notes);
  const auto state = model::read_state(*ds);
  ASSERT_TRUE(state) << state.error().message;
  std::set<uint64_t> first_salts;
  uint64_t rows = 1;
  for (const Note& note : notes) {
    first_salts.insert(note.first_salt);
    rows += note.rows - 1;
  }
  EXPECT_EQ(state->records(), rows);
  EXPECT_TRUE(first_salts.contains(state->salts.at(0))) << "a value that nobody wrote";
}

}  // namespace
}  // namespace dreamdb
