#include "http/word.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "http/fault.h"

namespace dreamdb {

namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

std::string named(const HttpAttempt& attempt) {
  return attempt.method + " " + attempt.url.substr(0, attempt.url.find('?'));
}

// Why there is no reply, where there is none.
void read_failure(const Shot& shot, CURLcode code, Word& word) {
  using Stop = Incoming::Stop;
  const Incoming& incoming = shot.incoming;
  HttpReply& reply = word.reply;
  if (incoming.stop() == Stop::kBodyTooLong || incoming.stop() == Stop::kHeadTooLong) {
    word.is_lasting = true;
    word.reason =
        incoming.stop() == Stop::kHeadTooLong
            ? "the head of the reply has no end"
            : "the reply is longer than " + std::to_string(incoming.body_bytes_max()) + " bytes";
    // A write may have been done all the same.
    const bool unclear = shot.only_once || incoming.stop() == Stop::kHeadTooLong;
    reply.failure = unclear ? HttpFailure::kCut : HttpFailure::kRefused;
    if (!unclear) reply.error = {Code::kCorruption, word.name + ": " + word.reason};
  } else if (incoming.is_stale()) {
    reply.failure = HttpFailure::kCut;
    word.reason = "the rest of a reply that was cut is none: it is of another object or place";
  } else if (code != CURLE_OK && incoming.stop() == Stop::kNone) {
    const Fault fault = fault_of(code, shot.sends);
    reply.failure = fault.failure;
    word.is_lasting = fault.is_lasting;
    reply.way_out = fault.way_out;
    word.reason = shot.reason;
  } else if (reply.status == 0) {
    reply.failure = HttpFailure::kCut;
    word.reason = "the reply is none of HTTP";
  }
}

}  // namespace

Word word_of(Shot& shot, CURLcode code, uint64_t time_ns) {
  Word word;
  word.name = named(shot.attempt);
  HttpReply& reply = word.reply;
  if (code == CURLE_OK) shot.incoming.finish();
  reply.status = shot.incoming.status();
  reply.request_bytes = shot.attempt.body.size();
  read_failure(shot, code, word);
  reply.headers = shot.incoming.take_headers();
  if (reply.failure == HttpFailure::kNone) {
    reply.body = shot.incoming.take_whole();
    return word;
  }
  word.is_silence = code == CURLE_OPERATION_TIMEDOUT;
  word.is_cut_short = word.is_silence && shot.is_out_of_budget;
  // Of connections libcurl says more: whether the name or the host was in vain.
  if (word.is_silence && (shot.sends > 0 || word.is_cut_short))
    word.reason = silence_text(reply.failure, reply.status != 0, time_ns);
  return word;
}

std::string counted(uint32_t attempts) {
  return " (" + std::to_string(attempts) + (attempts == 1 ? " attempt)" : " attempts)");
}

std::string silence_text(HttpFailure failure, bool has_begun, uint64_t time_ns) {
  const uint64_t seconds = std::max<uint64_t>((time_ns + kSecondNs / 2) / kSecondNs, 1);
  const std::string_view what = failure == HttpFailure::kNotSent ? "no connection"
                                : !has_begun                     ? "no answer"
                                                                 : "no end of the answer";
  return std::string(what) + " in " + std::to_string(seconds) + " s";
}

}  // namespace dreamdb
