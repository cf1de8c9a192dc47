#include "store/doctor_checks.h"

#include <algorithm>
#include <array>
#include <limits>

#include "dreamdb/interrupt.h"
#include "http/content_range.h"
#include "store/key.h"

namespace dreamdb {

namespace {

constexpr uint64_t kEverything = std::numeric_limits<uint64_t>::max();
constexpr int kOk = 200;
constexpr int kPartial = 206;
constexpr int kNotInRange = 416;
constexpr uint64_t kRangedBytes = 1'000;
constexpr uint64_t kKiB = 1 << 10;
constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kPartBytes = 8 * kMiB;
constexpr uint64_t kPartsBytes = kPartBytes + kMiB;  // two parts
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSkewNoticedNs = 60 * kSecondNs;

Buffer pattern(uint64_t size) {
  std::string bytes(size, '\0');
  for (uint64_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  return Buffer::adopt(std::move(bytes));
}

// The same request with a range header of its own. Signatures do not cover it: S3 asks only for
// the host and the x-amz headers.
HttpJob with_range(HttpJob job, std::string range) {
  job.prepare = [inner = std::move(job.prepare),
                 range = std::move(range)](const AttemptContext& context) -> Result<HttpAttempt> {
    DREAMDB_ASSIGN(HttpAttempt attempt, inner(context));
    attempt.headers.push_back("range: bytes=" + range);
    return attempt;
  };
  job.resume = job.hedge = false;
  return job;
}

// Errors of a write that was certainly not carried out.
bool is_refusal(Code code) {
  return code == Code::kDenied || code == Code::kInvalidArgument || code == Code::kExhausted ||
         code == Code::kUnsupported;
}

// Whether the reply is bytes [begin, end) of `whole`, or all of it from a server without ranges.
bool is_slice(const HttpReply& reply, std::string_view whole, uint64_t begin, uint64_t end) {
  if (reply.status == kOk) return reply.body.view() == whole;
  const auto range = parse_content_range(reply.header("content-range"));
  return reply.status == kPartial && reply.body.view() == whole.substr(begin, end - begin) &&
         range && range->first == begin && range->last + 1 == end && range->total == whole.size();
}

std::string seconds_text(int64_t ns) {
  const int64_t seconds = ns / kSecondNs;
  if (seconds < 120) return std::to_string(seconds) + " s";
  return std::to_string(seconds / 60) + " min";
}

std::string size_text(uint64_t bytes) {
  return bytes < kMiB ? std::to_string(bytes / kKiB) + " KiB"
                      : std::to_string(bytes / kMiB) + " MiB";
}

// What a request with several ranges gave.
std::string several_text(const HttpReply& reply) {
  if (reply.failure == HttpFailure::kNone && reply.status == kOk) return "sends all for several";
  if (reply.status != kPartial) return "refuses several at once";
  const bool parts = reply.header("content-type").find("multipart/byteranges") == 0;
  return parts ? "sends several at once" : "sends only the first of several";
}

}  // namespace

HttpReply run_one(DoctorGround& ground, const HttpJob& job) {
  return std::move(ground.client().run(std::span(&job, 1)).front());
}

HttpReply write_one(DoctorGround& ground, const std::string& key, const Buffer& body) {
  const bool first = ground.will_write_mutable(key);
  HttpReply reply = run_one(ground, ground.dialect().put(key, true, body, {}, EtagStyle::kQuoted));
  const Status written = ground.dialect().status_of(reply, "write", key);
  if (first && !written && is_refusal(written.error().code)) ground.was_refused(key);
  return reply;
}

Finding unable(std::string check, const Error& error) {
  const bool denied = error.code == Code::kDenied;
  return {std::move(check), denied ? Health::kNote : Health::kUnknown, error.message, ""};
}

Finding check_tags(DoctorGround& ground) {
  const std::string key = "tag";
  std::array<std::string, 3> tags;
  const std::array<std::string_view, 3> bodies = {"one", "two", "one"};
  bool quoted = true;
  uint64_t size = 0;
  for (size_t i = 0; i < bodies.size(); ++i) {
    const Buffer file = ground.dialect().file_of(Buffer::copy_of(bodies[i]), size);
    size = file.size();
    const HttpReply put = write_one(ground, key, file);
    const Status written = ground.dialect().status_of(put, "write", key);
    if (!written) return unable("tags", written.error());
    const HttpReply got = run_one(ground, ground.dialect().get(key, true, 0, kEverything));
    const Status read = ground.dialect().status_of(got, "read", key);
    if (!read) return unable("tags", read.error());
    if (got.body.view() != file.view())
      return {"tags", Health::kBad, "a read after a write gives the body that was there before",
              "do not write here: a server, or a cache before it, serves stale objects"};
    tags[i] = ground.dialect().etag_of(got);
    quoted = quoted && got.header("etag").find('"') != std::string_view::npos;
    const std::string told = ground.dialect().etag_of(put);
    if (!told.empty() && told != tags[i])
      return {"tags", Health::kBad, "the ETag told after a write is not the one that is read",
              "do not write here: swaps cannot be told apart"};
  }
  if (tags[0].empty())
    return {"tags", Health::kBad, "replies have no ETag, so nothing can be swapped",
            "let the server send ETags (lighttpd: set a default MIME type)"};
  if (tags[0] == tags[1])
    return {"tags", Health::kBad, "the ETag stays the same when the body changes",
            "do not write here: swaps cannot be told apart"};
  std::string found =
      std::string("ETag changes with the body, ") + (quoted ? "quoted" : "without quotes");
  // Where the third file is another than the first it cannot be told.
  if (!ground.dialect().tags_may_repeat())
    found += tags[0] == tags[2] ? ", a hash of it" : ", new with each write";
  return {"tags", Health::kGood, std::move(found), ""};
}

Finding check_versions(const HttpReply& written) {
  const std::string_view version = written.header("x-amz-version-id");
  if (version.empty() || version == "null")
    return {"versions", Health::kGood, "the bucket keeps no old versions", ""};
  return {"versions", Health::kNote,
          "the bucket keeps versions: what is replaced or deleted stays and is paid for",
          "use a bucket without versioning, or expire old versions with a lifecycle rule"};
}

Finding check_ranges(DoctorGround& ground) {
  const std::string key = "ranges";
  const Buffer whole = pattern(kRangedBytes);
  const Status written = ground.dialect().status_of(write_one(ground, key, whole), "write", key);
  if (!written) return unable("ranges", written.error());
  Dialect& dialect = ground.dialect();
  const HttpJob plain = dialect.get(key, true, 0, kEverything);
  const std::array<HttpJob, 5> jobs = {dialect.get(key, true, 10, 20),
                                       dialect.get(key, true, kRangedBytes - 10, 100),
                                       dialect.get(key, true, 2 * kRangedBytes, 10),
                                       with_range(plain, "-5"), with_range(plain, "0-9,100-109")};
  const std::vector<HttpReply> replies = ground.client().run(jobs);
  for (size_t i = 0; i < 2; ++i) {
    const Status read = dialect.status_of(replies[i], "read", key);
    if (!read) return unable("ranges", read.error());
  }
  std::string wrong;
  if (!is_slice(replies[0], whole.view(), 10, 30)) wrong = "of 20 bytes in the middle";
  if (!is_slice(replies[1], whole.view(), kRangedBytes - 10, kRangedBytes))
    wrong = "that goes over the end";
  const HttpReply& beyond = replies[2];
  if (beyond.status != kNotInRange && !is_slice(beyond, whole.view(), 0, 0) &&
      beyond.body.size() != 0)
    wrong = "beyond the end";
  if (!wrong.empty())
    return {"ranges", Health::kBad, "the answer to a range " + wrong + " is not those bytes",
            "do not use this server, or the proxy before it"};
  if (replies[0].status == kOk)
    return {"ranges", Health::kNote,
            "ranges are not known: each read of a part fetches the whole object",
            "let the server, or the proxy before it, honour Range"};
  const bool suffix = is_slice(replies[3], whole.view(), kRangedBytes - 5, kRangedBytes);
  return {"ranges", Health::kGood,
          std::string("single ones are right, over and beyond the end too; ") +
              (suffix ? "" : "none from the end; ") + several_text(replies[4]) +
              " (never asked for)",
          ""};
}

Finding check_one_range(RemoteStore& store, const std::string& key, bool is_mutable) {
  const HttpJob job = store.dialect().get(key, is_mutable, 0, 1);
  const HttpReply reply = std::move(store.client().run(std::span(&job, 1)).front());
  const Status read = store.dialect().status_of(reply, "read", key);
  if (!read) return unable("ranges", read.error());
  if (reply.status == kOk && reply.body.size() > 1)
    return {"ranges", Health::kNote,
            "ranges are not known: each read of a part fetches the whole object, and large ones "
            "cannot be read",
            "let the server, or the proxy before it, honour Range"};
  return {"ranges", Health::kGood, "one byte can be asked for", ""};
}

namespace {

// The keys below "list/" in pages of `page_max`; an error when one is out of order.
Result<std::vector<std::string>> list_all(DoctorGround& ground, std::string after,
                                          size_t page_max) {
  std::vector<std::string> keys;
  for (bool more = true; more;) {
    DREAMDB_ASSIGN(const Dialect::Listing page,
                   ground.dialect().list(ground.client(), "list/", after, page_max));
    if (page.objects.size() > page_max)
      return fail(Code::kCorruption, "a listing is longer than was asked for");
    for (const Dialect::Listed& listed : page.objects) {
      if (listed.object.key <= after || !listed.object.key.starts_with("list/"))
        return fail(Code::kCorruption,
                    "it lists " + printable(listed.object.key) + " after " + printable(after));
      after = listed.object.key;
      keys.push_back(after);
    }
    more = page.more && !page.objects.empty();
  }
  return keys;
}

}  // namespace

Finding check_listing(DoctorGround& ground) {
  // In the order of bytes; other orders that servers have sort them otherwise.
  std::vector<std::string> keys = {"list/B",   "list/Z9", "list/a-b", "list/a.b",
                                   "list/a/b", "list/a0", "list/b",   "list/b_"};
  ground.will_write(keys);
  std::vector<HttpJob> jobs;
  for (const std::string& key : keys)
    jobs.push_back(ground.dialect().put(key, false, Buffer::copy_of(key), {}, EtagStyle::kQuoted));
  for (const HttpReply& reply : ground.client().run(jobs)) {
    const Status written = ground.dialect().status_of(reply, "write", "list/");
    if (!written) return unable("listing", written.error());
  }
  const auto wrong = [](std::string found) {
    return Finding{"listing", Health::kBad, std::move(found),
                   "do not write here: keys could be missed"};
  };
  const auto failed = [&](const Error& error) {
    return error.code == Code::kCorruption ? wrong(error.message) : unable("listing", error);
  };
  const auto all = list_all(ground, "", keys.size() + 10);
  if (!all) return failed(all.error());
  if (*all != keys)
    return wrong("right after a write the listing shows " + std::to_string(all->size()) + " of " +
                 std::to_string(keys.size()) + " objects");
  const auto pages = list_all(ground, "", 3);
  if (!pages) return failed(pages.error());
  if (*pages != keys) return wrong("pages of a listing do not give all objects");
  const auto rest = list_all(ground, keys[3], keys.size());
  if (!rest) return failed(rest.error());
  if (*rest != std::vector<std::string>(keys.begin() + 4, keys.end()))
    return wrong("a listing that begins after a key does not give what follows it");
  const HttpJob remove = ground.dialect().remove(keys[2], false);
  const Status removed = ground.dialect().status_of(run_one(ground, remove), "delete", keys[2]);
  if (!removed) return unable("listing", removed.error());
  keys.erase(keys.begin() + 2);
  const auto without = list_all(ground, "", keys.size() + 10);
  if (!without) return failed(without.error());
  if (*without != keys) return wrong("what was deleted is still listed");
  return {"listing", Health::kGood,
          "in the order of bytes, in pages; shows at once what was written or deleted", ""};
}

namespace {

bool goes_up_whole(DoctorGround& ground, uint64_t size) {
  const std::string key = "whole-" + std::to_string(size);
  ground.will_write(key);
  const PutRequest put{key, pattern(size)};
  return ground.store().put_many(std::span(&put, 1)).front().has_value();
}

// About the largest size below that of parts at which an object goes up whole, by less than half
// too small; 0: not even 64 KiB do. Limits are met from below: what is refused may take long.
uint64_t largest_whole(DoctorGround& ground) {
  uint64_t refused = ground.dialect().large_bytes();
  uint64_t most = 0;
  for (const uint64_t size : {refused - 1, kPartBytes, kMiB, 64 * kKiB}) {
    if (!check_interrupt()) return 0;
    if (goes_up_whole(ground, size)) {
      most = size;
      break;
    }
    refused = size;
  }
  while (most > 0 && most * 2 < refused && check_interrupt()) {
    const uint64_t size = most * 2;
    (goes_up_whole(ground, size) ? most : refused) = size;
  }
  const uint64_t between = most + most / 2;
  const bool is_open = most > 0 && between < refused && check_interrupt();
  return is_open && goes_up_whole(ground, between) ? between : most;
}

PartsCheck without_parts(DoctorGround& ground, const Error& why) {
  const uint64_t most = largest_whole(ground);
  const std::string large = size_text(ground.dialect().large_bytes());
  const bool all_whole = most + 1 == ground.dialect().large_bytes();
  const std::string limit = all_whole ? "below " + large : "up to " + size_text(most);
  return {{"parts", Health::kNote,
           "an upload in parts fails: " + why.message + (why.message.ends_with('?') ? " " : ". ") +
               (most == 0 ? "Nor does an object of 64 KiB go up"
                          : "Objects " + limit +
                                " go up whole; larger ones end the write that "
                                "needs them with such an error, and nothing else"),
           "let the server, and a proxy before it, take " +
               (all_whole ? std::string("multipart uploads")
                          : "bodies of " + large + " and multipart uploads") +
               "; until then commit less at a time (--commit-bytes, buffer_bytes), and keep blobs "
               "smaller"},
          most};
}

}  // namespace

PartsCheck check_parts(DoctorGround& ground) {
  if (ground.dialect().large_bytes() == 0)
    return {
        {"parts", Health::kGood, "objects go up whole: a store of this kind knows no parts", ""},
        {}};
  const std::string key = "parts";
  const Buffer body = pattern(kPartsBytes);
  ground.will_write(key);
  const Status written = [&] {
    // What was begun is finished or aborted: parts without an object are paid for, for ever.
    const InterruptScope whole([] { return false; });
    return ground.dialect().put_large(ground.client(), key, body);
  }();
  if (!written && written.error().code == Code::kDenied)
    return {unable("parts", written.error()), {}};
  if (!written) return without_parts(ground, written.error());
  const ReadRequest read{key, 0, kPartsBytes};
  const Result<Buffer> got = std::move(ground.store().read_many(std::span(&read, 1)).front());
  if (!got) return {unable("parts", got.error()), {}};
  if (got->view() != body.view())
    return {{"parts", Health::kBad, "an object that went up in parts reads back as other bytes",
             "do not use this server, or the proxy before it"},
            {}};
  return {{"parts", Health::kGood, "a body of 9 MiB went up in two parts and reads back right", ""},
          {}};
}

Finding check_clock(int64_t skew_ns) {
  const int64_t size = skew_ns < 0 ? -skew_ns : skew_ns;
  if (size < kSkewNoticedNs)
    return {"clock", Health::kGood, "the server's is within a minute of this machine's", ""};
  return {"clock", Health::kNote,
          "this machine's is " + seconds_text(size) + (skew_ns > 0 ? " behind" : " ahead of") +
              " the server's; requests are signed with the server's time",
          "set the clock: times of versions and of sessions are taken from it"};
}

}  // namespace dreamdb
