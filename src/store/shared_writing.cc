#include "store/shared_writing.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <mutex>
#include <set>
#include <vector>

#include "store/digest.h"
#include "store/reply_error.h"

namespace dreamdb {

namespace {

constexpr std::string_view kTitle = "dreamdb shared writing 1\n";
constexpr std::string_view kFolder = ".dreamdb/writing/";
constexpr size_t kPlaceDigits = 16;
constexpr uint64_t kVerdictBytesMax = 64 << 10;
constexpr int kTriesMax = 4;
constexpr int kFault = 500;
constexpr size_t kQuickWrites = 64;
constexpr size_t kAnswersMin = kRaceWriters / 2;  // fewer are no race

// The rest of the next line of `text` that begins with `name`; empty when it does not.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view name) {
  const size_t end = text.find('\n');
  if (!text.starts_with(name) || end == std::string_view::npos || end < name.size())
    return std::nullopt;
  const std::string_view rest = text.substr(name.size(), end - name.size());
  text.remove_prefix(end + 1);
  return rest;
}

// One race on one key.
struct Outcome {
  size_t winners = 0;
  size_t unanswered = 0;  // nobody knows of these writers what became of them
  bool losers_see_500 = false;
  std::string etag;  // of what is there afterwards
  uint64_t file_size = 0;
  // What the server said where it judged no condition: nobody won or was refused by it.
  std::optional<Error> unjudged = {};
};

class Race {
 public:
  Race(Dialect& dialect, HttpClient& client, std::string_view stem, Runtime& runtime)
      : dialect_(dialect), client_(client), stem_(stem), id_(random_hex(runtime, 8)) {}

  ~Race() {
    std::vector<HttpJob> jobs;
    for (int round = 0; round < kRaceRounds; ++round)
      jobs.push_back(dialect_.remove(key(round), true));
    client_.run(jobs);
  }

  // Sixteen writers at once under `condition`; again when nobody won and some were not answered. An
  // error when too few were answered.
  Result<Outcome> run(int round, const WriteCondition& condition, EtagStyle style) {
    for (int tries = 1;; ++tries) {
      DREAMDB_ASSIGN(Outcome outcome, run_once(round, condition, style));
      const bool is_open = outcome.winners == 0 && outcome.unanswered > 0;
      if (!is_open || tries == kTriesMax) return outcome;
    }
  }

  // Fails when two of many quick writes got the same tag: a third writer could not tell them apart.
  // Tags of web servers are made of times that tick and numbers of files that come again; their
  // sizes differ as those of swaps do.
  Status check_tags_differ() {
    std::vector<HttpJob> jobs;
    uint64_t size = 0;
    for (size_t i = 0; i < kQuickWrites; ++i) {
      const std::string body = "dreamdb race " + id_ + " quick write " + std::to_string(100 + i);
      const Buffer file = dialect_.file_of(Buffer::copy_of(body), size);
      size = file.size();
      jobs.push_back(dialect_.put(key(0), true, file, {}, EtagStyle::kQuoted));
    }
    std::set<std::string> tags;
    size_t told = 0;
    for (const HttpReply& reply : client_.run(jobs)) {
      DREAMDB_TRY(dialect_.status_of(reply, kUpload, key(0)));
      std::string tag = dialect_.etag_of(reply);
      if (tag.empty()) continue;
      ++told;
      tags.insert(std::move(tag));
    }
    if (tags.size() == told) return {};
    return fail(Code::kUnsupported, std::to_string(told - tags.size()) + " of " +
                                        std::to_string(told) +
                                        " quick writes got an ETag that another one had");
  }

 private:
  Result<Outcome> run_once(int round, const WriteCondition& condition, EtagStyle style) {
    std::vector<std::string> bodies;
    std::vector<HttpJob> jobs;
    for (size_t writer = 0; writer < kRaceWriters; ++writer) {
      bodies.push_back("dreamdb race " + id_ + " write " + std::to_string(++writes_) + "\n");
      jobs.push_back(dialect_.put(
          key(round), true, dialect_.file_of(Buffer::copy_of(bodies.back()), condition.file_size),
          condition, style));
      jobs.back().races = true;
    }
    const std::vector<HttpReply> replies = client_.run(jobs);
    Outcome outcome;
    std::vector<size_t> told;  // that they won
    size_t refused = 0;
    std::optional<Error> refusal, oddity;
    bool is_judged = false;
    for (size_t i = 0; i < replies.size(); ++i) {
      const HttpReply& reply = replies[i];
      const Status status = dialect_.status_of(reply, kUpload, key(round));
      is_judged = is_judged || status || is_judgement(status.error());
      if (!status && status.error().code == Code::kUnavailable) oddity = status.error();
      if (!status && says_nothing(status.error())) {
        refusal = status.error();
        ++refused;
      }
      if (reply.failure != HttpFailure::kNone || reply.status == 429 || reply.status > kFault)
        ++outcome.unanswered;
      else if (reply.status == kFault)
        outcome.losers_see_500 = true;
      if (status) told.push_back(i);
    }
    // Some servers deny what collides with another write; denied to all, it is no race.
    if (refused > 0 && refused + outcome.unanswered >= kRaceWriters)
      return std::unexpected(*refusal);
    if (kRaceWriters - outcome.unanswered < kAnswersMin) {
      if (oddity) return std::unexpected(*std::move(oddity));
      return fail(Code::kUnavailable, dialect_.describe() + ": too few of " +
                                          std::to_string(kRaceWriters) +
                                          " writes at once were answered to judge its conditional "
                                          "writes; try again later");
    }
    DREAMDB_ASSIGN(const std::string there, look(round, outcome));
    const auto at = std::find(bodies.begin(), bodies.end(), there);
    const bool one_is_there = at != bodies.end();
    const auto is_there = [&](size_t i) { return bodies[i] == there; };
    // Whose bytes are there has won, told or not; who was told so and whose bytes are not there was
    // followed by another.
    outcome.winners =
        told.size() + (one_is_there && std::none_of(told.begin(), told.end(), is_there) ? 1 : 0);
    if (outcome.winners == 0 && !is_judged) outcome.unjudged = std::move(oddity);
    return outcome;
  }

  std::string key(int round) const { return stem_ + std::to_string(round); }

  // Errors of a condition that does not hold: another writer was first, or there is nothing.
  static bool is_judgement(const Error& error) {
    return error.code == Code::kConflict || error.code == Code::kNotFound;
  }

  // Errors that say nothing about conditions.
  static bool says_nothing(const Error& error) {
    return error.code == Code::kDenied || error.code == Code::kInvalidArgument ||
           error.code == Code::kExhausted || error.code == Code::kUnsupported;
  }

  // The body that is there, empty for none; sets the tag.
  Result<std::string> look(int round, Outcome& outcome) {
    const HttpJob job = dialect_.get(key(round), true, 0, std::numeric_limits<uint64_t>::max());
    const HttpReply reply = std::move(client_.run(std::span(&job, 1)).front());
    const Status status = dialect_.status_of(reply, "read", key(round));
    if (!status && status.error().code == Code::kNotFound) return std::string();
    DREAMDB_TRY(status);
    outcome.etag = dialect_.etag_of(reply);
    outcome.file_size = reply.body.size();
    DREAMDB_ASSIGN(const std::optional<Buffer> body, dialect_.body_of(reply, key(round)));
    return std::string(body ? body->view() : "");
  }

  Dialect& dialect_;
  HttpClient& client_;
  const std::string stem_;
  const std::string id_;  // of the writers' bodies
  int writes_ = 0;
};

std::unexpected<Error> refuse(const Dialect& dialect, const std::string& found) {
  return fail(Code::kUnsupported, dialect.describe() + " must not be written by several: " + found +
                                      ". Reading works. " +
                                      std::string(dialect.where_writing_is_safe()));
}

std::string count_text(size_t winners, std::string_view condition) {
  return std::to_string(winners) + " of " + std::to_string(kRaceWriters) +
         " writers won a race under " + std::string(condition) + ", where one must";
}

}  // namespace

std::string write_verdict(const Verdict& verdict) {
  return std::string(kTitle) + "place " + verdict.place + "\ntag " +
         (verdict.style == EtagStyle::kQuoted ? "quoted" : "plain") + "\nloser " +
         (verdict.losers_see_500 ? "500" : "412") + "\ntime_ns " + std::to_string(verdict.time_ns) +
         "\n" + (verdict.unsafe.empty() ? "" : "unsafe " + verdict.unsafe + "\n");
}

std::optional<Verdict> parse_verdict(std::string_view text) {
  Verdict verdict;
  if (!text.starts_with(kTitle)) return std::nullopt;
  text.remove_prefix(kTitle.size());
  const auto place = take_line(text, "place ");
  const auto tag = place ? take_line(text, "tag ") : std::nullopt;
  const auto loser = tag ? take_line(text, "loser ") : std::nullopt;
  const auto time = loser ? take_line(text, "time_ns ") : std::nullopt;
  if (!time) return std::nullopt;
  const bool is_safe = text.empty();
  const auto unsafe = is_safe ? std::nullopt : take_line(text, "unsafe ");
  if (!is_safe && (!unsafe || unsafe->empty() || !text.empty())) return std::nullopt;
  const auto [end, error] =
      std::from_chars(time->data(), time->data() + time->size(), verdict.time_ns);
  const bool canonical = std::to_string(verdict.time_ns) == *time;
  if (error != std::errc() || !canonical || (*tag != "quoted" && *tag != "plain") ||
      (*loser != "412" && *loser != "500"))
    return std::nullopt;
  verdict.place = *place;
  verdict.style = *tag == "quoted" ? EtagStyle::kQuoted : EtagStyle::kPlain;
  verdict.losers_see_500 = *loser == "500";
  verdict.unsafe = unsafe.value_or("");
  return verdict;
}

std::string verdict_key(std::string_view place) {
  return std::string(kFolder) + hex_text(sha256(place)).substr(0, kPlaceDigits);
}

Result<Verdict> race_writers(Dialect& dialect, HttpClient& client, std::string_view place,
                             std::string_view stem, Runtime& runtime) {
  Verdict verdict{std::string(place), EtagStyle::kQuoted, false, runtime.now_ns(), {}};
  Race race(dialect, client, stem, runtime);
  for (int round = 0; round < kRaceRounds; ++round) {
    DREAMDB_ASSIGN(const Outcome absent,
                   race.run(round, {WriteCondition::Kind::kAbsent}, verdict.style));
    if (absent.unjudged) return std::unexpected(*absent.unjudged);
    if (absent.winners != 1) return refuse(dialect, count_text(absent.winners, "If-None-Match: *"));
    if (absent.etag.empty())
      return refuse(dialect, "its replies have no ETag, so nothing can be written under If-Match");
    const WriteCondition match{WriteCondition::Kind::kMatch, absent.etag, absent.file_size};
    DREAMDB_ASSIGN(Outcome swapped, race.run(round, match, verdict.style));
    if (round == 0 && swapped.winners == 0) {
      verdict.style = EtagStyle::kPlain;
      DREAMDB_ASSIGN(swapped, race.run(round, match, verdict.style));
    }
    if (swapped.unjudged) return std::unexpected(*swapped.unjudged);
    if (swapped.winners != 1) return refuse(dialect, count_text(swapped.winners, "If-Match"));
    verdict.losers_see_500 |= absent.losers_see_500 || swapped.losers_see_500;
  }
  if (dialect.tags_may_repeat()) {
    const Status differ = race.check_tags_differ();
    if (!differ && differ.error().code == Code::kUnsupported)
      return refuse(dialect, differ.error().message);
    DREAMDB_TRY(differ);
  }
  return verdict;
}

Result<std::optional<Verdict>> read_verdict(Dialect& dialect, HttpClient& client,
                                            std::string_view place) {
  const std::string key = verdict_key(place);
  HttpJob job = dialect.get(key, false, 0, std::numeric_limits<uint64_t>::max());
  job.body_bytes_max = kVerdictBytesMax;
  const HttpReply reply = std::move(client.run(std::span(&job, 1)).front());
  const bool is_too_long =
      reply.failure == HttpFailure::kRefused && reply.error.code == Code::kCorruption;
  if (is_too_long) return std::nullopt;  // something else, and so no verdict (S10.9)
  const Status read = dialect.status_of(reply, "read", key);
  if (!read && read.error().code != Code::kNotFound) return std::unexpected(read.error());
  if (!read) return std::nullopt;
  std::optional<Verdict> found = parse_verdict(reply.body.view());
  if (!found || found->place != place) return std::nullopt;
  return found;
}

Status keep_verdict(Dialect& dialect, HttpClient& client, const Verdict& verdict) {
  const std::string key = verdict_key(verdict.place);
  const HttpJob job =
      dialect.put(key, false, Buffer::adopt(write_verdict(verdict)), {}, EtagStyle::kQuoted);
  return dialect.status_of(client.run(std::span(&job, 1)).front(), "write", key);
}

Status forget_verdict(Dialect& dialect, HttpClient& client, std::string_view place) {
  const std::string key = verdict_key(place);
  const HttpJob job = dialect.remove(key, false);
  const Status done = dialect.status_of(client.run(std::span(&job, 1)).front(), "delete", key);
  return !done && done.error().code == Code::kNotFound ? Status() : done;
}

std::shared_ptr<std::mutex> SharedWriting::finding() {
  const std::lock_guard lock(mutex_);
  // Whoever held it when this process was forked is not here to give it back.
  if (!finding_ || generation_ != fork_generation()) finding_ = std::make_shared<std::mutex>();
  generation_ = fork_generation();
  return finding_;
}

Result<Verdict> SharedWriting::verdict() {
  const auto known = [this] {
    const std::lock_guard lock(mutex_);
    return verdict_;
  };
  if (const auto verdict = known()) return *verdict;
  const std::shared_ptr<std::mutex> finding = this->finding();
  const std::lock_guard one_at_a_time(*finding);
  if (const auto verdict = known()) return *verdict;
  auto kept = read_verdict(dialect_, client_, place_);
  // Who may not list is told "denied" of what is not there, and one of another account may be
  // hidden: then the race tells.
  if (!kept && kept.error().code != Code::kDenied) return std::unexpected(kept.error());
  std::optional<Verdict> found;
  if (kept) found = *std::move(kept);
  if (!found) {
    DREAMDB_TRY(dialect_.check_ground(client_));
    const std::string stem = std::string(kRaceFolder) + random_hex(runtime_, 8) + "-";
    DREAMDB_ASSIGN(found, race_writers(dialect_, client_, place_, stem, runtime_));
    // Not kept, it is found out again by the next process: no error of this one.
    (void)keep_verdict(dialect_, client_, *found);
  } else if (!found->unsafe.empty()) {
    return fail(Code::kUnsupported,
                dialect_.describe() + " must not be written by several: `dreamdb doctor` found: " +
                    found->unsafe + ". Reading works. When it is mended, let `dreamdb doctor` " +
                    "examine it again");
  }
  const std::lock_guard lock(mutex_);
  verdict_ = std::move(found);
  return *verdict_;
}

}  // namespace dreamdb
