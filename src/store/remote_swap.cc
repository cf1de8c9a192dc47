// Swaps of a remote store: one conditional write each, and what its reply, or the lack of one,
// means.
//
// A write under a condition is sent once. What was lost on the way is found by reading back: our
// write is there (it took place), what was expected is still there (sending it again does no harm:
// at most one of the two can find what it expects), or something else is there. In the last case
// the first word of the server decides: had it refused (412, 409), nothing of ours took place; had
// it not answered, ours may have taken place and been replaced since, and only the ancestry of the
// version can tell (spec S4.3).
#include <algorithm>
#include <charconv>
#include <limits>

#include "store/key.h"
#include "store/padded_file.h"
#include "store/remote_store.h"
#include "store/version_file.h"

namespace dreamdb {

namespace {

// Four pauses, most of a second together: longer than another write is under way. Whoever swaps
// goes on from there with longer ones.
constexpr int kTriesMax = 5;
constexpr uint64_t kFirstPauseNs = 10'000'000;
constexpr int kPauseGrowthBits = 2;
constexpr int kFault = 500;
constexpr size_t kWriteIdSize = 8;

bool is_refusal(const HttpReply& reply) {
  return reply.failure == HttpFailure::kNone && (reply.status == 412 || reply.status == 409);
}

// Sleeps between half and all of a pause that is four times as long with each try.
void pause(Runtime& runtime, int tries) {
  uint16_t draw = 0;
  runtime.random(std::as_writable_bytes(std::span(&draw, 1)));
  const uint64_t most = kFirstPauseNs << (kPauseGrowthBits * tries);
  runtime.sleep_ns(most / 2 + most / 2 * draw / std::numeric_limits<uint16_t>::max());
}

// A tag goes into a header: nothing in it may end the line, and no server makes such ones.
bool is_tag(std::string_view token) {
  return !token.empty() && std::all_of(token.begin(), token.end(),
                                       [](char c) { return c > ' ' && c <= '~' && c != '"'; });
}

// A version is a tag and the size of what has it, which what follows is made to differ from where
// tags may come again: "123/the-tag".
Version version_of(const std::string& etag, uint64_t file_size) {
  return {std::to_string(file_size) + "/" + etag};
}

// nullopt for what `version_of` does not write of a tag.
std::optional<WriteCondition> match_of(std::string_view token) {
  WriteCondition condition{WriteCondition::Kind::kMatch};
  const char* const begin = token.data();
  const char* const end = begin + token.size();
  const auto [slash, error] = std::from_chars(begin, end, condition.file_size);
  if (error != std::errc() || slash == end || *slash != '/') return std::nullopt;
  condition.etag.assign(slash + 1, end);
  if (!is_tag(condition.etag)) return std::nullopt;
  return condition;
}

// What the server said to a write under a condition.
enum class Word : uint8_t {
  kRefused,  // the condition does not hold; it changed nothing
  kNone,     // no answer, or none that says whether it was done
  kOther,    // it was not reached, or refused for another reason: it changed nothing
};

Word word_of(const HttpReply& reply, const Status& status, const WriteCondition& condition,
             const Verdict& verdict) {
  const bool is_match = condition.kind == WriteCondition::Kind::kMatch;
  const bool replied = reply.failure == HttpFailure::kNone;
  if (is_refusal(reply)) return Word::kRefused;
  if (replied && reply.status == kFault && verdict.losers_see_500) return Word::kRefused;
  if (status) return Word::kNone;  // done, but the tag was not told
  if (status.error().code == Code::kNotFound && is_match) return Word::kRefused;
  if (status.error().code == Code::kOutcomeUnknown) return Word::kNone;
  // Throttled, perhaps by a proxy that had passed the request on.
  if (status.error().code == Code::kUnavailable && replied) return Word::kNone;
  return Word::kOther;
}

// What came back for a write, for a message.
std::string answer_text(const HttpReply& reply, const Status& status) {
  if (!status) return status.error().message;
  return reply.endpoint + " answered HTTP " + std::to_string(reply.status) + " without an ETag";
}

std::string counted(int tries) {
  return tries == 1 ? "" : " (" + std::to_string(tries) + " tries)";
}

}  // namespace

// Writes are known again by their ids. Where a store keeps none their bodies have to do, but not
// against the word of the server: others may write the same bytes.
bool RemoteStore::is_ours(const Seen& seen, const Buffer& body, std::string_view write_id,
                          bool refused) {
  if (!seen.is_there || seen.body.view() != body.view()) return false;
  return seen.write_id.empty() ? !refused : seen.write_id == write_id;
}

Result<RemoteStore::Seen> RemoteStore::look(std::string_view key) {
  const HttpReply reply =
      run_one(dialect_->get(key, true, 0, std::numeric_limits<uint64_t>::max()));
  const Status status = dialect_->status_of(reply, "read", key);
  if (!status && status.error().code == Code::kNotFound) {
    Seen absent;
    absent.hint = dialect_->hint_of_absence(reply);
    return absent;
  }
  if (reply.failure == HttpFailure::kRefused && reply.error.code == Code::kCorruption)
    return fail(Code::kCorruption, std::string(key) + " in " + describe() + " has more than " +
                                       std::to_string(kMutableBytesMax) +
                                       " bytes, which no ref or session has (" +
                                       reply.error.message +
                                       "); something else was put there: bring back what it was, "
                                       "or delete it");
  DREAMDB_TRY(status);
  DREAMDB_ASSIGN(std::optional<Buffer> body, dialect_->body_of(reply, key));
  if (!body) return Seen{};
  Seen seen{true, body->view() == deletion_mark(), *std::move(body), {}, reply.body.size(), {}, {}};
  seen.etag = dialect_->etag_of(reply);
  seen.write_id = dialect_->write_id_of(reply);
  return seen;
}

Result<Loaded> RemoteStore::load(std::string_view key) {
  DREAMDB_TRY(check_key(key));
  DREAMDB_ASSIGN(Seen seen, look(key));
  if (!seen.is_there || seen.is_mark)
    return fail(Code::kNotFound, "key " + std::string(key) + " is not in " + describe() +
                                     (seen.hint.empty() ? "" : "." + seen.hint));
  return Loaded{std::move(seen.body), version_of(seen.etag, seen.file_size)};
}

Result<Version> RemoteStore::swap(std::string_view key, const std::optional<Version>& expected,
                                  const Buffer& body) {
  DREAMDB_TRY(check_key(key));
  if (body.view() == deletion_mark())
    return fail(Code::kInvalidArgument,
                "the body of " + std::string(key) + " is the mark of deletion; write another");
  if (body.size() > kMutableBytesMax)
    return fail(Code::kInvalidArgument,
                "the body of " + std::string(key) + " has " + std::to_string(body.size()) +
                    " bytes; a mutable key has at most " + std::to_string(kMutableBytesMax));
  if (is_version_file(body.view()) || is_padded_file(body.view()))
    return fail(Code::kInvalidArgument, "the body of " + std::string(key) +
                                            " begins as a file of the store's own does; write "
                                            "another");
  return swap_to(key, expected, body);
}

Status RemoteStore::swap_delete(std::string_view key, const Version& expected) {
  DREAMDB_TRY(check_key(key));
  DREAMDB_TRY(swap_to(key, expected, Buffer::copy_of(deletion_mark())));
  return {};
}

Result<Version> RemoteStore::swap_to(std::string_view key, const std::optional<Version>& expected,
                                     const Buffer& body) {
  const auto conflict = [&] {
    return fail(Code::kConflict, std::string(key) + " in " + describe() +
                                     " is not what it was: another writer was first");
  };
  DREAMDB_ASSIGN(const Verdict verdict, writing_.verdict());
  const std::optional<WriteCondition> match = expected ? match_of(expected->token) : std::nullopt;
  if (expected && !match) return conflict();
  WriteCondition condition = match.value_or(WriteCondition{WriteCondition::Kind::kAbsent});
  condition.write_id = random_hex(runtime_, kWriteIdSize);
  bool unclear = false;  // a try was not answered: ours may have taken place
  const uint64_t begin_ns = runtime_.monotonic_ns();
  std::string found;  // when the key was read last
  HttpReply reply;
  Status last;
  int tries = 0;
  while (tries < kTriesMax) {
    const Buffer file = dialect_->file_of(body, condition.file_size);
    reply = run_one(dialect_->put(key, true, file, condition, verdict.style));
    ++tries;
    last = dialect_->status_of(reply, "write", key);
    if (last && !dialect_->etag_of(reply).empty())
      return version_of(dialect_->etag_of(reply), file.size());
    const Word word = word_of(reply, last, condition, verdict);
    if (word == Word::kOther) {
      if (!unclear) return std::unexpected(last.error());
      break;
    }
    const auto seen = look(key);
    if (!seen) {
      if (word == Word::kRefused && !unclear) return conflict();
      found = "it cannot be read (" + seen.error().message + ")";
      unclear = true;
      break;
    }
    if (is_ours(*seen, body, condition.write_id, word == Word::kRefused && !unclear))
      return version_of(seen->etag, seen->file_size);
    const bool absent = !seen->is_there || seen->is_mark;
    const bool expects_absent = condition.kind == WriteCondition::Kind::kAbsent;
    const bool unmoved = expects_absent ? absent
                                        : seen->is_there && seen->etag == condition.etag &&
                                              seen->file_size == condition.file_size;
    if (!unmoved) {
      if (word == Word::kRefused && !unclear) return conflict();
      found = "another writer has changed it since";
      unclear = true;
      break;
    }
    found = "it is what it was";
    unclear = unclear || word == Word::kNone;
    if (expects_absent && seen->is_mark) {  // what is deleted is replaced
      condition.kind = WriteCondition::Kind::kMatch;
      condition.etag = seen->etag;
      condition.file_size = seen->file_size;
      continue;
    }
    // Another write was under way at that moment, or the server had a fault.
    if (tries == kTriesMax || runtime_.monotonic_ns() - begin_ns >= unanswered_budget_ns()) break;
    pause(runtime_, tries - 1);
  }
  return given_up(key, answer_text(reply, last) + ", and " + found + counted(tries),
                  !unclear && is_refusal(reply));
}

std::unexpected<Error> RemoteStore::given_up(std::string_view key, const std::string& answer,
                                             bool is_refused) {
  const std::string name = std::string(key) + " in " + describe();
  if (is_refused)
    return fail(Code::kConflict, name + " cannot be written: " + answer +
                                     "; does the server, or a proxy before it, honour If-Match? "
                                     "`dreamdb doctor` examines it");
  return fail(Code::kOutcomeUnknown, "the outcome of writing " + name + " is not known: " + answer +
                                         "; read it and look for what was written");
}

}  // namespace dreamdb
