#include "version/commit.h"

#include <algorithm>

#include "format/limits.h"
#include "runtime/interrupt.h"
#include "store/digest.h"
#include "track/tombstones.h"
#include "version/edit.h"
#include "version/grow.h"
#include "version/history.h"

namespace dreamdb {

namespace {

constexpr uint64_t kLostPauseMaxNs = 50'000'000;
constexpr uint32_t kTurnTimeoutMs = 2'000;
// Groups of offers that one turn commits after its own: their pages are at hand here.
constexpr int kFurtherGroupsMax = 2;
constexpr uint64_t kAddingMaxNs = 500'000'000;  // of that, for what others offer
constexpr uint64_t kGroupBytesMax = 16 << 20;   // to put at once; in memory two or three times that
constexpr uint64_t kBytesInTurnMax = 1 << 20;   // written and synced within a millisecond or two
constexpr uint64_t kCommitBudgetNs = 600'000'000'000;  // ten minutes of lost races: give up

uint64_t total_bytes(std::span<const PutRequest> requests) {
  uint64_t sum = 0;
  for (const PutRequest& request : requests) sum += request.body.size();
  return sum;
}

// S4.5
void forget_passed(std::vector<PassedVersion>& passed, uint64_t now_ns) {
  std::erase_if(passed, [&](const PassedVersion& one) {
    return now_ns > one.time_ns && now_ns - one.time_ns > kPassedKeptNs;
  });
  if (passed.size() > kRefPassedMax)
    passed.erase(passed.begin(), passed.end() - static_cast<ptrdiff_t>(kRefPassedMax));
}

}  // namespace

Result<Committer::Built> Committer::build(const Tip* parent, const Change& change,
                                          const WriteId& write) {
  PageMap pages;
  return build_as(parent, change, write, writer_.program, pages);
}

Result<Committer::Built> Committer::build_as(const Tip* parent, const Change& change,
                                             const WriteId& write, const std::string& program,
                                             PageMap& pages) {
  Built built;
  Manifest& m = built.manifest;
  if (parent != nullptr) {
    m = *parent->manifest;
    m.parents = {parent->address()};
    m.generation += 1;
    m.depth += 1;
    m.ancestors = ancestors_of_child(*parent->manifest, parent->address());
  }
  m.nonce = writer_.nonce;
  m.operation = change.operation;
  m.writer = program;
  m.write = write;
  m.time_ns = std::max(runtime_.now_ns(), m.time_ns);
  if (change.edit) DREAMDB_TRY(change.edit(m));
  DREAMDB_TRY(grow(objects_, change, writer_.nonce, pages, built));
  DREAMDB_TRY(edit_trees(objects_, change.edits, writer_.nonce, pages, built));
  DREAMDB_ASSIGN(const Buffer body, write_manifest(m));
  built.address = Address::of(body.span());
  built.manifest_bytes = body.size();
  built.objects.push_back({manifest_key(built.address), body});
  return built;
}

Result<EntryPtr> find_ledger_entry(Objects& objects, const Manifest& manifest, const Entry& wanted,
                                   PageMap& pages) {
  if (!manifest.ledger) return nullptr;
  DREAMDB_ASSIGN(const Found found, with_pages(objects, pages, [&](const PageMap& have) {
                   return find_range(*manifest.ledger, wanted.first, wanted.last, have);
                 }));
  const auto at = std::find_if(found.entries.begin(), found.entries.end(),
                               [&](const EntryPtr& entry) { return entry->child == wanted.child; });
  return at == found.entries.end() ? nullptr : *at;
}

Result<bool> Committer::is_ancestor(const Address& address, uint64_t depth, const Address& of) {
  DREAMDB_ASSIGN(const ManifestPtr from, objects_.manifest(of));
  if (from->depth < depth) return false;
  DREAMDB_ASSIGN(const VersionPoint found, ancestor_at(objects_, {of, from}, depth));
  return found.address == address;
}

Result<Committer::Attempt> Committer::publish(const Tip& tip, const Group& group) {
  const Built& built = group.links.back().built;
  const WriteId& write = group.links.back().write;
  Ref ref = tip.ref;
  ref.nonce = writer_.nonce;
  ref.manifest = built.address;
  ref.write = write;
  ref.time_ns = runtime_.now_ns();
  forget_passed(ref.passed, ref.time_ns);
  const Buffer body = write_ref(ref);
  Published published =
      objects_.store().publish(group.objects, ref_key(tip.name), tip.version, body);
  for (Status& put : published.puts) DREAMDB_TRY(std::move(put));
  for (const Link& link : group.links)
    for (const NewPage& page : link.built.pages)
      objects_.remember(page.address, page.page, page.body.size());
  Result<Version> swapped = *std::move(published.swapped);
  Pauses pauses(runtime_, objects_.store());
  bool unclear = false;  // a try may have taken place: all errors but Unavailable leave that open
  for (int tries = 0;; ++tries) {
    if (tries > 0) {
      const FinishScope finish;
      swapped = objects_.store().swap(ref_key(tip.name), tip.version, body);
    }
    if (swapped) return Attempt{Outcome::kCommitted, {tip.name, ref, *std::move(swapped), nullptr}};
    const Error cause = swapped.error();
    const bool lost = cause.code == Code::kConflict;
    // After a try without an answer no error of a later try says that nothing was committed.
    if (tries == 0 && !lost && cause.code != Code::kOutcomeUnknown &&
        cause.code != Code::kUnavailable)
      return std::unexpected(cause);
    auto found = load_ref(objects_.store(), tip.name);
    if (found) {
      bool moved = found->version != tip.version;
      Attempt attempt{Outcome::kLost, {tip.name, found->ref, found->version, nullptr}};
      if (found->ref.write == write) attempt.outcome = Outcome::kCommitted;
      if (attempt.outcome == Outcome::kLost && moved) {
        // Our version may stand below what others put on top of it meanwhile.
        const auto below = is_ancestor(built.address, built.manifest.depth, found->ref.manifest);
        // The old version stays in the tip, so that the next commit finds the ref moved.
        if (below && *below) attempt = {Outcome::kCommitted, {tip.name, ref, tip.version, nullptr}};
        // Who cannot read the ancestry does not know: no word of "not committed" then.
        if (!below) moved = false;
        // Waiting does not make a newer format readable.
        if (!below && below.error().code == Code::kUnsupported)
          return fail(Code::kOutcomeUnknown,
                      "ref `" + tip.name +
                          "` was moved by a newer program while this one was to commit: " +
                          below.error().message +
                          "; whether this commit is below it cannot be told here. Upgrade, open "
                          "the dataset and look");
      }
      if (moved || attempt.outcome == Outcome::kCommitted) return attempt;
      // Unmoved: the request may still be on its way. The same swap again does no harm: at most
      // one of the two can find the version it expects.
    } else if (found.error().code == Code::kNotFound) {
      return fail(Code::kConflict, "ref `" + tip.name + "` was deleted while this writer was at " +
                                       "work; nothing was committed");
    }
    unclear = unclear || cause.code != Code::kUnavailable;
    if (pauses.wait()) continue;
    if (!unclear)
      return fail(check_interrupt() ? Code::kUnavailable : Code::kCancelled,
                  "ref `" + tip.name + "`: nothing was committed: " + cause.message);
    // Whoever asks to stop now is not told "nothing happened": it may have.
    return fail(Code::kOutcomeUnknown,
                "ref `" + tip.name + "`: the store did not say whether the commit took place (" +
                    cause.message +
                    "); open the dataset and look, or repeat the call with the "
                    "same anchors or idempotency key");
  }
}

Result<std::optional<Tip>> Committer::advance(const Tip& tip, const Address& to,
                                              const ManifestPtr& manifest) {
  Built built;
  built.manifest = *manifest;
  built.address = to;
  Group group;
  group.links.push_back({std::move(built), random_write_id(runtime_), std::nullopt});
  Tip from = tip;
  from.ref.passed.push_back({tip.address(), runtime_.now_ns()});
  DREAMDB_ASSIGN(Attempt attempt, publish(from, group));
  if (attempt.outcome == Outcome::kLost) return std::optional<Tip>();
  attempt.tip.manifest = manifest;
  return std::optional(std::move(attempt.tip));
}

std::optional<Tip> Committer::tip_ahead(const Tip& tip, Turn& turn, const Commutes& commutes) {
  std::optional<Loaded> loaded = turn.ahead();
  if (!loaded) return std::nullopt;
  auto ahead = tip_of(objects_, tip.name, *std::move(loaded));
  if (!ahead || ahead->ref.snapshot || !check_same_timeline(tip, *ahead)) return std::nullopt;
  const auto goes = commutes(*ahead);
  if (!goes || !*goes) return std::nullopt;
  return *std::move(ahead);
}

std::optional<Tip> Committer::tip_of_answer(const Tip& tip, const OfferAnswer& answer,
                                            const WriteId& write) {
  (void)objects_.admit(answer.objects);  // what is wrong with them is found when they are read
  const auto manifest = objects_.manifest(answer.manifest);
  if (!manifest || (*manifest)->write != write) return std::nullopt;
  Ref ref = tip.ref;
  ref.manifest = answer.manifest;
  ref.write = write;
  ref.time_ns = (*manifest)->time_ns;
  // The old version stays in the tip, so that the next commit finds the ref moved.
  return Tip{tip.name, ref, tip.version, *manifest};
}

Committer::TurnOrTip Committer::take_turn(const Tip& tip, const Change& change, Contest& contest) {
  Store& store = objects_.store();
  const std::string key = ref_key(tip.name);
  std::unique_ptr<Turn> free = store.wait_turn(key, 0);
  if (free != nullptr) return {std::move(free), std::nullopt};
  // Somebody is at it, or the store has no turns, which is told by the time it takes. Who does not
  // wait then starves whoever has met others: their commits take five waves, ours two.
  const uint64_t before_ns = runtime_.monotonic_ns();
  std::optional<Offer> offer;
  const WriteId write = random_write_id(runtime_);
  if (contest.may_offer) {
    const auto body = write_offered_change({write, offer_base(tip), writer_.program,
                                            change.operation, change.entries, change.codes,
                                            change.ledger, change.new_records, change.objects});
    if (body) offer = Offer{hex_text(write), *body};
  }
  Waited waited;
  if (offer) {
    waited = store.wait_turn_or_answer(key, kTurnTimeoutMs, *offer);
  } else {
    waited.turn = store.wait_turn(key, kTurnTimeoutMs);
  }
  contest.must_read = contest.must_read || waited.turn != nullptr || waited.answer ||
                      runtime_.monotonic_ns() - before_ns >= uint64_t{kTurnTimeoutMs} * 1'000'000;
  if (waited.answer) {
    const auto answer = parse_offer_answer(*waited.answer);
    if (answer && answer->is_committed) {
      if (auto committed = tip_of_answer(tip, *answer, write)) return {nullptr, committed};
    }
    if (!answer || answer->is_committed) waited.is_lost = true;
    contest.may_offer = false;  // what did not go onto the version there is seldom does later
    if (waited.turn == nullptr) waited.turn = store.wait_turn(key, kTurnTimeoutMs);
  }
  if (waited.is_lost) contest.unheard.push_back(write);
  return {std::move(waited.turn), std::nullopt};
}

Result<std::optional<Tip>> Committer::find_unheard(const Tip& moved, const Address& start,
                                                   std::span<const WriteId> unheard) {
  HistoryWalk walk(objects_, {moved.address(), moved.manifest});
  for (;;) {
    auto point = walk.next();
    if (!point)
      return fail(point.error().code, "the versions cannot be read: " + point.error().message);
    if (!*point && walk.collected())
      return fail(Code::kUnavailable, "the versions since then were collected");
    if (!*point || (*point)->address == start) return std::nullopt;
    const Manifest& manifest = *(*point)->manifest;
    if (std::find(unheard.begin(), unheard.end(), manifest.write) == unheard.end()) continue;
    // Its writer may have died before it was durable.
    DREAMDB_TRY(objects_.store().make_durable(ref_key(moved.name)));
    Ref ref = moved.ref;
    ref.manifest = (*point)->address;
    ref.write = manifest.write;
    return Tip{moved.name, ref, {}, (*point)->manifest};
  }
}

void Committer::add_offers(Turn& turn, const Tip& tip, Group& group) {
  const uint64_t begin_ns = runtime_.monotonic_ns();
  for (const Offer& offer : turn.take_offers()) {
    const bool is_full = runtime_.monotonic_ns() - begin_ns > kAddingMaxNs ||
                         total_bytes(group.objects) > kGroupBytesMax;
    const auto added = is_full ? Result<bool>(false) : add_offer(offer, tip, group);
    if (!added || !*added) turn.answer(offer, write_offer_answer({}));
  }
}

Result<bool> Committer::add_offer(const Offer& offer, const Tip& tip, Group& group) {
  auto offered = parse_offered_change(offer.body);
  if (!offered || offered->operation.size() > kOperationBytesMax) return false;
  Tip on = tip;
  if (!group.links.empty()) {
    const Built& before = group.links.back().built;
    on.ref.manifest = before.address;
    on.manifest = std::make_shared<const Manifest>(before.manifest);
  }
  if (offered->base != offer_base(on)) return false;
  if (offered->records.empty()) return false;
  DREAMDB_ASSIGN(const auto taken,
                 find_taken(objects_, *on.manifest, offered->records, group.pages));
  if (!taken.empty()) return false;
  for (const Entry& entry : offered->ledger) {
    DREAMDB_ASSIGN(const EntryPtr applied,
                   find_ledger_entry(objects_, *on.manifest, entry, group.pages));
    if (applied != nullptr) return false;
  }
  Change change;
  change.operation = std::move(offered->operation);
  change.entries = std::move(offered->entries);
  change.codes = std::move(offered->codes);
  change.ledger = std::move(offered->ledger);
  DREAMDB_ASSIGN(Built built, build_as(&on, change, offered->write, offered->program, group.pages));
  group.add_objects(offered->objects);
  group.add_objects(built.objects);
  group.links.push_back({std::move(built), offered->write, offer});
  return true;
}

void Committer::commit_offers(Turn& turn, Tip newest) {
  for (int i = 0; i < kFurtherGroupsMax; ++i) {
    Group further;
    add_offers(turn, newest, further);
    if (further.links.empty()) return;
    auto attempt = publish(newest, further);
    answer_offers(turn, further.links, attempt);
    if (!attempt || attempt->outcome != Outcome::kCommitted) return;
    const Built& last = further.links.back().built;
    newest = std::move(attempt->tip);
    newest.manifest = std::make_shared<const Manifest>(last.manifest);
    objects_.remember(last.address, newest.manifest, last.manifest_bytes);
  }
}

void Committer::answer_offers(Turn& turn, std::span<const Link> links,
                              const Result<Attempt>& attempt) {
  if (!attempt && attempt.error().code == Code::kOutcomeUnknown) return;
  const bool is_committed = attempt && attempt->outcome == Outcome::kCommitted;
  for (const Link& link : links) {
    if (!link.offer) continue;
    OfferAnswer answer{is_committed, link.built.address, {}};
    if (is_committed && objects_.store().is_far()) answer.objects = link.built.objects;
    turn.answer(*link.offer, write_offer_answer(answer));
  }
}

Result<Tip> Committer::commit(const Tip& start, Change change, const Rebase& rebase,
                              const Commutes& commutes) {
  Contest contest;
  contest.must_read = contended_;
  auto committed = commit_in(contest, start, std::move(change), rebase, commutes);
  if (committed || contest.unheard.empty() || committed.error().code == Code::kOutcomeUnknown)
    return committed;
  // Whatever went wrong here: the one who took the offer may still bring it about. What the error
  // says behind its cause, such as "nothing was committed", does not hold then.
  const std::string& message = committed.error().message;
  return fail(Code::kOutcomeUnknown,
              "ref `" + start.name + "`: another writer was asked to commit this change and did " +
                  "not say whether it has (" + message.substr(0, message.find(';')) +
                  "); open the dataset and look, or repeat the call with the same anchors or "
                  "idempotency key");
}

Result<Tip> Committer::commit_in(Contest& contest, const Tip& start, Change change,
                                 const Rebase& rebase, const Commutes& commutes) {
  Tip tip = start;
  // By the clock that goes on further: one stops while the machine sleeps, and what went up before
  // may have been collected meanwhile.
  const uint64_t begin_ns = runtime_.monotonic_ns(), begin_wall_ns = runtime_.now_ns();
  const auto elapsed_ns = [&] {
    const uint64_t wall_ns = runtime_.now_ns();
    return std::max(runtime_.monotonic_ns() - begin_ns,
                    wall_ns > begin_wall_ns ? wall_ns - begin_wall_ns : 0);
  };
  uint64_t pause_ns = 1'000'000;
  // Data goes up before the turn, which others wait for. A little of it goes up in the turn, in the
  // wave of the manifest: the syncs of those who wait would slow down the one whose turn it is.
  const bool is_far = objects_.store().is_far();
  if (contended_ && total_bytes(change.objects) > (is_far ? kOfferedObjectsMax : kBytesInTurnMax)) {
    DREAMDB_TRY(objects_.put(change.objects));
    change.objects.clear();
  }
  bool met_others = false;
  for (int tries = 0;; ++tries) {
    // Whoever shares the machine goes first or later, not at the same time: a lost race costs the
    // pages and the manifest that were written for it.
    contest.may_offer = tries == 0 && commutes && !change.new_records.empty() && !change.edit &&
                        total_bytes(change.objects) <= kOfferedObjectsMax;
    TurnOrTip taken = take_turn(tip, change, contest);
    if (taken.committed) {
      contended_ = true;
      return *std::move(taken.committed);
    }
    const std::unique_ptr<Turn> turn = std::move(taken.turn);
    if (tries > 0 && turn == nullptr) {
      uint64_t draw = 0;
      runtime_.random(std::as_writable_bytes(std::span(&draw, 1)));
      runtime_.sleep_ns(draw % pause_ns);
      pause_ns = std::min(pause_ns * 2, kLostPauseMaxNs);
    }
    std::optional<Tip> ahead;
    if (turn != nullptr && commutes && contest.unheard.empty())
      ahead = tip_ahead(tip, *turn, commutes);
    const bool is_known = ahead && ahead->version == tip.version;
    // One that was built on in vain: it may never come.
    if (is_known && tries > 0) ahead.reset();
    if (ahead) {
      met_others = met_others || !is_known;
      tip = *std::move(ahead);
    } else if (contest.must_read) {
      DREAMDB_ASSIGN(Tip moved, load_tip(objects_, tip.name));
      if (moved.version != tip.version) {
        met_others = true;
        DREAMDB_TRY(check_same_timeline(tip, moved));
        if (!contest.unheard.empty()) {
          DREAMDB_ASSIGN(auto found, find_unheard(moved, start.address(), contest.unheard));
          if (found) {
            contended_ = true;
            found->version = start.version;
            return *std::move(found);
          }
        }
        DREAMDB_ASSIGN(const bool go_on, rebase(moved, change));
        tip = std::move(moved);
        if (!go_on) return tip;
      }
    }
    if (tip.ref.snapshot)
      return fail(Code::kDenied, "`" + tip.name +
                                     "` is a snapshot and never moves; make a branch of it to "
                                     "write");
    const WriteId write = random_write_id(runtime_);
    Group group;
    DREAMDB_ASSIGN(Built built, build_as(&tip, change, write, writer_.program, group.pages));
    group.objects = std::move(change.objects);
    change.objects.clear();
    group.add_objects(built.objects);
    group.links.push_back({std::move(built), write, std::nullopt});
    if (turn != nullptr && contest.must_read) add_offers(*turn, tip, group);
    Result<Attempt> attempt = publish(tip, group);
    if (turn != nullptr) answer_offers(*turn, group.links, attempt);
    std::vector<Link>& links = group.links;
    if (!attempt) return std::unexpected(std::move(attempt).error());
    if (attempt->outcome == Outcome::kCommitted) {
      // Until a commit meets nobody, each waits its turn: who barges in starves the others.
      contended_ = met_others || links.size() > 1;
      ManifestPtr last;
      for (Link& link : links) {
        auto manifest = std::make_shared<const Manifest>(std::move(link.built.manifest));
        if (!link.offer) attempt->tip.manifest = manifest;
        last = manifest;
        objects_.remember(link.built.address, std::move(manifest), link.built.manifest_bytes);
      }
      if (links.size() > 1) {
        Tip newest = attempt->tip;
        newest.manifest = std::move(last);
        commit_offers(*turn, std::move(newest));
        // Ours has others on it by now: the old version, as in `tip_of_answer`.
        attempt->tip.ref.manifest = links.front().built.address;
        attempt->tip.ref.write = write;
        attempt->tip.version = tip.version;
      }
      return std::move(attempt->tip);
    }
    if (elapsed_ns() > kCommitBudgetNs)
      return fail(Code::kConflict, "publish conflict on ref `" + tip.name +
                                       "`: it advanced concurrently for ten minutes; nothing was "
                                       "committed, try again");
    DREAMDB_TRY(check_interrupt());
    contest.must_read = true;
  }
}

}  // namespace dreamdb
