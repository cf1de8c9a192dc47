// Waves of reads and writes, listings; swaps are in remote_swap.cc.
#include "store/remote_store.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "http/content_range.h"
#include "runtime/interrupt.h"
#include "runtime/thread_pool.h"
#include "store/key.h"
#include "store/reply_error.h"

namespace dreamdb {

namespace {

constexpr uint64_t kEverything = std::numeric_limits<uint64_t>::max();
constexpr int kOk = 200;
constexpr int kPartial = 206;
constexpr int kNotInRange = 416;

}  // namespace

// The bytes of a piece, or why there are none.
struct RemoteStore::Fetched {
  Status status;
  uint64_t offset = 0;     // in the object
  Buffer body;             // to the end of the object where it is shorter than the piece
  uint64_t total = 0;      // size of the object
  bool is_sparse = false;  // much of it nobody asked for: do not keep it alive
};

RemoteStore::RemoteStore(std::unique_ptr<Dialect> dialect, std::shared_ptr<HttpClient> client,
                         std::string place, Runtime& runtime)
    : dialect_(std::move(dialect)),
      client_(std::make_shared<WireCountingClient>(std::move(client))),
      runtime_(runtime),
      writing_(*dialect_, *client_, std::move(place), runtime) {}

HttpReply RemoteStore::run_one(const HttpJob& job) {
  return std::move(client_->run(std::span(&job, 1)).front());
}

RemoteStore::Fetched RemoteStore::fetched(const ReadPiece& piece, HttpReply reply) {
  Fetched found;
  found.offset = piece.offset;
  if (reply.failure == HttpFailure::kNone && reply.status == kNotInRange) {
    found.total = parse_unsatisfied_range(reply.header("content-range")).value_or(0);
    return found;  // the object ends before the piece
  }
  found.status = dialect_->status_of(reply, "read", piece.key);
  if (!found.status) return found;
  if (reply.status == kOk) {  // a server that knows no ranges sends all
    found.offset = 0;
    found.total = reply.body.size();
    found.body = std::move(reply.body);
    return found;
  }
  const auto range = parse_content_range(reply.header("content-range"));
  const uint64_t end = piece.offset + reply.body.size();
  const bool right = reply.status == kPartial && range && range->first >= piece.offset &&
                     range->last + 1 == end &&
                     (end == piece.offset + piece.size || end == range->total);
  if (!right) {
    found.status =
        fail(Code::kUnavailable,
             "cannot read " + std::string(piece.key) + " from " + describe() + ": asked for " +
                 std::to_string(piece.size) + " bytes at " + std::to_string(piece.offset) +
                 ", the server sent " + std::to_string(reply.body.size()) + " bytes as \"" +
                 printable(dialect_->without_secrets(reply.header("content-range"))) +
                 "\"; does it, or a proxy before it, know ranges?");
    return found;
  }
  found.total = range->total;
  found.body = std::move(reply.body);
  found.is_sparse = piece.wanted < piece.size / 4 * 3;
  return found;
}

Result<Buffer> RemoteStore::assemble(const ReadRequest& request, const ReadPlace& place,
                                     std::span<const Fetched> pieces) {
  // Part of `request` that is in `piece`.
  const auto part = [&](const Fetched& piece) {
    const uint64_t end = piece.offset + piece.body.size();
    const uint64_t begin = std::clamp(request.offset, piece.offset, end);
    const uint64_t wanted_end =
        request.size > kEverything - request.offset ? kEverything : request.offset + request.size;
    const uint64_t stop = std::clamp(wanted_end, begin, end);
    return piece.body.slice(begin - piece.offset, stop - begin);
  };
  const auto used = pieces.subspan(place.first, place.count);
  for (const Fetched& piece : used)
    if (!piece.status) return std::unexpected(piece.status.error());
  if (used.size() == 1) {
    const Buffer only = part(used.front());
    return used.front().is_sparse ? Buffer::copy_of(only.span()) : only;
  }
  // A server that sends all for each piece has sent it in the first one.
  if (!used.empty() && used.front().offset == 0 && used.front().body.size() == used.front().total)
    return part(used.front());
  uint64_t size = 0;
  for (const Fetched& piece : used) size += part(piece).size();
  MutableBuffer whole(size);
  uint64_t at = 0;
  for (const Fetched& piece : used) {
    const Buffer bytes = part(piece);
    if (!bytes.empty()) std::memcpy(whole.data() + at, bytes.data(), bytes.size());
    at += bytes.size();
  }
  return std::move(whole).freeze();
}

std::vector<Result<Buffer>> RemoteStore::read_many(std::span<const ReadRequest> requests) {
  std::vector<Result<Buffer>> results(requests.size());
  std::vector<bool> skip(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    const Status allowed = check_key(requests[i].key);
    skip[i] = !allowed;
    if (!allowed) results[i] = std::unexpected(allowed.error());
  }
  const ReadPlan plan = plan_reads(requests, skip);
  std::vector<HttpJob> jobs;
  jobs.reserve(plan.pieces.size());
  for (const ReadPiece& piece : plan.pieces)
    jobs.push_back(dialect_->get(piece.key, false, piece.offset, piece.size));
  std::vector<HttpReply> replies = client_->run(jobs);
  std::vector<Fetched> pieces;
  pieces.reserve(replies.size());
  for (size_t i = 0; i < replies.size(); ++i)
    pieces.push_back(fetched(plan.pieces[i], std::move(replies[i])));
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!skip[i]) results[i] = assemble(requests[i], plan.places[i], pieces);
  }
  read_rests(requests, plan, pieces, results);
  return results;
}

void RemoteStore::read_rests(std::span<const ReadRequest> requests, const ReadPlan& plan,
                             std::span<const Fetched> pieces, std::span<Result<Buffer>> results) {
  std::vector<ReadRequest> rests;
  std::vector<size_t> owners;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!results[i] || !plan.places[i].is_open) continue;
    const Fetched& last = pieces[plan.places[i].first];
    const uint64_t begin = last.offset + last.body.size();
    if (begin >= last.total || begin < requests[i].offset) continue;
    const uint64_t end = std::min(last.total, requests[i].size > kEverything - requests[i].offset
                                                  ? kEverything
                                                  : requests[i].offset + requests[i].size);
    for (uint64_t at = begin; at < end; at += kReadSizeMax) {
      rests.push_back({requests[i].key, at, std::min(kReadSizeMax, end - at)});
      owners.push_back(i);
    }
  }
  if (rests.empty()) return;
  std::vector<Result<Buffer>> more = read_many(rests);
  std::vector<std::vector<Buffer>> parts(requests.size());
  for (size_t k = 0; k < rests.size(); ++k) {
    Result<Buffer>& result = results[owners[k]];
    if (!more[k]) result = std::unexpected(more[k].error());
    if (more[k]) parts[owners[k]].push_back(*std::move(more[k]));
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    if (parts[i].empty() || !results[i]) continue;
    uint64_t size = results[i]->size();
    for (const Buffer& part : parts[i]) size += part.size();
    MutableBuffer whole(size);
    std::byte* to = std::copy_n(results[i]->data(), results[i]->size(), whole.data());
    for (const Buffer& part : parts[i]) to = std::copy_n(part.data(), part.size(), to);
    results[i] = std::move(whole).freeze();
  }
}

std::vector<Status> RemoteStore::put_many(std::span<const PutRequest> requests) {
  std::vector<Status> statuses(requests.size());
  const uint64_t large_bytes = dialect_->large_bytes();
  std::vector<size_t> small, large;
  for (size_t i = 0; i < requests.size(); ++i) {
    statuses[i] = check_key(requests[i].key);
    if (!statuses[i]) continue;
    const bool is_large = large_bytes != 0 && requests[i].body.size() >= large_bytes;
    (is_large ? large : small).push_back(i);
  }
  // Bodies are hashed while jobs are made: worth all processors.
  std::vector<HttpJob> jobs(small.size());
  shared_pool().parallel_for(small.size(), [&](size_t k) {
    const PutRequest& request = requests[small[k]];
    jobs[k] = dialect_->put(request.key, false, request.body, {}, EtagStyle::kQuoted);
  });
  // The small ones are one batch; each large one is a batch of its own beside it.
  interruptible_for(waiting_pool(), large.size() + 1, [&](size_t k) {
    if (k > 0) {
      const PutRequest& request = requests[large[k - 1]];
      statuses[large[k - 1]] = dialect_->put_large(*client_, request.key, request.body);
      return;
    }
    const std::vector<HttpReply> replies = client_->run(jobs);
    for (size_t i = 0; i < replies.size(); ++i)
      statuses[small[i]] = dialect_->status_of(replies[i], kUpload, requests[small[i]].key);
    confirm_uploads(requests, small, replies, statuses);
  });
  return statuses;
}

// Servers that tell no tag exist, and so do proxies that answer in the place of one: the object
// itself decides, by its size, since its name is that of its bytes.
void RemoteStore::confirm_uploads(std::span<const PutRequest> requests,
                                  std::span<const size_t> sent, std::span<const HttpReply> replies,
                                  std::span<Status> statuses) {
  std::vector<HttpJob> jobs;
  std::vector<size_t> asked;  // of `sent`
  for (size_t i = 0; i < sent.size(); ++i) {
    if (!statuses[sent[i]] || dialect_->confirms_upload(replies[i])) continue;
    jobs.push_back(dialect_->get(requests[sent[i]].key, false, 0, 1));
    asked.push_back(i);
  }
  if (jobs.empty()) return;
  std::vector<HttpReply> found = client_->run(jobs);
  for (size_t k = 0; k < found.size(); ++k) {
    const PutRequest& request = requests[sent[asked[k]]];
    const HttpReply& answer = replies[asked[k]];
    const Fetched first = fetched({request.key, 0, 1, 1}, std::move(found[k]));
    if (first.status && first.total == request.body.size()) continue;
    statuses[sent[asked[k]]] =
        fail(Code::kUnavailable,
             "cannot write " + request.key + " in " + describe() + ": " + answer.endpoint +
                 " answered HTTP " + std::to_string(answer.status) + " without an ETag, and " +
                 (first.status ? "the object has " + std::to_string(first.total) + " bytes, not " +
                                     std::to_string(request.body.size())
                               : "then: " + first.status.error().message) +
                 "; nothing was committed with it. Is it S3, or does a proxy answer in its place?");
  }
}

Result<ListPage> RemoteStore::list(std::string_view prefix, std::string_view start_after,
                                   size_t limit) {
  if (limit == 0) return fail(Code::kInvalidArgument, "a listing of 0 keys has no end; ask for 1");
  ListPage page;
  std::string last(start_after);
  do {
    DREAMDB_ASSIGN(Dialect::Listing listing,
                   dialect_->list(*client_, prefix, last, limit - page.objects.size()));
    page.more = listing.more;
    if (listing.objects.empty()) break;
    last = listing.objects.back().object.key;
    std::vector<HttpJob> jobs;
    std::vector<size_t> asked;
    for (size_t i = 0; i < listing.objects.size(); ++i) {
      const Dialect::Listed& listed = listing.objects[i];
      if (!listed.may_be_gone) continue;
      jobs.push_back(dialect_->get(listed.object.key, true, 0, kEverything));
      asked.push_back(i);
    }
    const std::vector<HttpReply> replies =
        jobs.empty() ? std::vector<HttpReply>() : client_->run(jobs);
    std::vector<bool> gone(listing.objects.size());
    for (size_t k = 0; k < replies.size(); ++k) {
      const Status read =
          dialect_->status_of(replies[k], "read", listing.objects[asked[k]].object.key);
      if (!read && read.error().code != Code::kNotFound) return std::unexpected(read.error());
      if (read) {
        const std::string& key = listing.objects[asked[k]].object.key;
        DREAMDB_ASSIGN(const std::optional<Buffer> body, dialect_->body_of(replies[k], key));
        gone[asked[k]] = !body || body->view() == deletion_mark();
      } else {
        gone[asked[k]] = true;
      }
    }
    for (size_t i = 0; i < listing.objects.size(); ++i)
      if (!gone[i]) page.objects.push_back(std::move(listing.objects[i].object));
  } while (page.more && page.objects.size() < limit);
  return page;
}

std::vector<Status> RemoteStore::delete_many(std::span<const std::string> keys) {
  std::vector<Status> statuses(keys.size());
  std::vector<std::string> allowed;
  std::vector<size_t> places;
  for (size_t i = 0; i < keys.size(); ++i) {
    statuses[i] = check_key(keys[i]);
    if (!statuses[i]) continue;
    allowed.push_back(keys[i]);
    places.push_back(i);
  }
  if (allowed.empty()) return statuses;
  std::vector<Status> done = dialect_->delete_many(*client_, allowed);
  for (size_t k = 0; k < done.size(); ++k) statuses[places[k]] = std::move(done[k]);
  return statuses;
}

}  // namespace dreamdb
