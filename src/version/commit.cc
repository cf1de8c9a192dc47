#include "version/commit.h"

#include <algorithm>

#include "dreamdb/interrupt.h"
#include "version/history.h"

namespace dreamdb {

namespace {

constexpr uint64_t kLostPauseMaxNs = 50'000'000;
constexpr uint32_t kTurnTimeoutMs = 2'000;
constexpr uint64_t kBytesInTurnMax = 1 << 20;  // written and synced within a millisecond or two
constexpr uint64_t kCommitBudgetNs = 600'000'000'000;  // ten minutes of lost races: give up

// One tree that a commit adds to.
struct Growth {
  const Root* root;  // nullptr: empty
  FieldId field;
  std::vector<Entry> entries;
  bool ledger;
};

// Puts the entries into their trees: one wave a level for all trees together.
Result<std::vector<std::optional<Root>>> grow_trees(Objects& objects, std::vector<Growth> growths,
                                                    uint64_t seq, const Nonce& nonce,
                                                    Committer::Built& built) {
  for (Growth& growth : growths)
    for (Entry& entry : growth.entries) entry.seq = seq;
  PageMap pages;
  std::vector<std::optional<Inserted>> done(growths.size());
  for (std::vector<PageRef> missing;;) {
    for (size_t i = 0; i < growths.size(); ++i) {
      if (done[i]) continue;
      const Growth& g = growths[i];
      DREAMDB_ASSIGN(Inserted inserted,
                     insert_entries(g.root == nullptr ? std::nullopt : std::optional(*g.root),
                                    g.field, g.entries, nonce, pages));
      missing.insert(missing.end(), inserted.missing.begin(), inserted.missing.end());
      if (inserted.missing.empty()) done[i] = std::move(inserted);
    }
    if (missing.empty()) break;
    DREAMDB_TRY(objects.pages(missing, pages));
    missing.clear();
  }
  std::vector<std::optional<Root>> roots;
  for (std::optional<Inserted>& inserted : done) {
    for (NewPage& page : inserted->pages) {
      built.objects.push_back({page_key(page.address), page.body});
      built.pages.push_back(std::move(page));
    }
    roots.push_back(inserted->root);
  }
  return roots;
}

uint64_t total_bytes(std::span<const PutRequest> requests) {
  uint64_t sum = 0;
  for (const PutRequest& request : requests) sum += request.body.size();
  return sum;
}

void set_root(std::vector<Root>& tracks, const Root& root) {
  const auto at = std::lower_bound(tracks.begin(), tracks.end(), root.field,
                                   [](const Root& r, FieldId f) { return r.field < f; });
  if (at != tracks.end() && at->field == root.field) {
    *at = root;
  } else {
    tracks.insert(at, root);
  }
}

}  // namespace

Result<Committer::Built> Committer::build(const Tip* parent, const Change& change,
                                          const WriteId& write) {
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
  m.writer = writer_.program;
  m.write = write;
  m.time_ns = std::max(runtime_.now_ns(), m.time_ns);
  if (change.edit) DREAMDB_TRY(change.edit(m));
  std::vector<Growth> growths;
  for (const auto& [field, entries] : change.entries)
    growths.push_back({m.find_track(field), field, entries, false});
  if (!change.ledger.empty())
    growths.push_back({m.ledger ? &*m.ledger : nullptr, kRecordTrack, change.ledger, true});
  DREAMDB_ASSIGN(const auto roots,
                 grow_trees(objects_, growths, m.generation, writer_.nonce, built));
  for (size_t i = 0; i < roots.size(); ++i) {
    if (!roots[i]) continue;
    if (growths[i].ledger) {
      m.ledger = roots[i];
    } else {
      set_root(m.tracks, *roots[i]);
    }
  }
  DREAMDB_ASSIGN(const Buffer body, write_manifest(m));
  built.address = Address::of(body.span());
  built.manifest_bytes = body.size();
  built.objects.push_back({manifest_key(built.address), body});
  return built;
}

Result<bool> Committer::is_ancestor(const Address& address, uint64_t depth, const Address& of) {
  DREAMDB_ASSIGN(const ManifestPtr from, objects_.manifest(of));
  if (from->depth < depth) return false;
  DREAMDB_ASSIGN(const VersionPoint found, ancestor_at(objects_, {of, from}, depth));
  return found.address == address;
}

Result<Committer::Attempt> Committer::publish(const Tip& tip, const Built& built,
                                              const WriteId& write,
                                              std::span<const PutRequest> objects) {
  Ref ref = tip.ref;
  ref.nonce = writer_.nonce;
  ref.manifest = built.address;
  ref.write = write;
  ref.time_ns = runtime_.now_ns();
  const Buffer body = write_ref(ref);
  Published published = objects_.store().publish(objects, ref_key(tip.name), tip.version, body);
  for (Status& put : published.puts) DREAMDB_TRY(std::move(put));
  for (const NewPage& page : built.pages)
    objects_.remember(page.address, page.page, page.body.size());
  Result<Version> swapped = *std::move(published.swapped);
  Pauses pauses(runtime_);
  for (int tries = 0;; ++tries) {
    if (tries > 0) swapped = objects_.store().swap(ref_key(tip.name), tip.version, body);
    if (swapped) return Attempt{Outcome::kCommitted, {tip.name, ref, *std::move(swapped), nullptr}};
    const Error cause = std::move(swapped).error();
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
      }
      if (moved || attempt.outcome == Outcome::kCommitted) return attempt;
      // Unmoved: the request may still be on its way. The same swap again does no harm: at most
      // one of the two can find the version it expects.
    } else if (found.error().code == Code::kNotFound) {
      return fail(Code::kConflict, "ref `" + tip.name + "` was deleted while this writer was at " +
                                       "work; nothing was committed");
    }
    // Whoever asks to stop now is not told "nothing happened": it may have.
    if (!pauses.wait())
      return fail(Code::kOutcomeUnknown,
                  "ref `" + tip.name + "`: the store did not say whether the commit took place (" +
                      cause.message +
                      "); open the dataset and look, or repeat the call with the "
                      "same anchors or idempotency key");
  }
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

// `must_read` is set when others were at it: the tip is not the newest then.
std::unique_ptr<Turn> Committer::take_turn(const std::string& name, bool& must_read) {
  Store& store = objects_.store();
  if (must_read) return store.wait_turn(ref_key(name), kTurnTimeoutMs);
  std::unique_ptr<Turn> turn = store.wait_turn(ref_key(name), 0);
  if (turn != nullptr) return turn;
  // Somebody is at it, or the store has no turns, which is told by the time it takes. Who does not
  // wait then starves whoever has met others: their commits take five waves, ours two.
  const uint64_t before_ns = runtime_.monotonic_ns();
  turn = store.wait_turn(ref_key(name), kTurnTimeoutMs);
  must_read = turn != nullptr ||
              runtime_.monotonic_ns() - before_ns >= uint64_t{kTurnTimeoutMs} * 1'000'000;
  return turn;
}

Result<Tip> Committer::commit(const Tip& start, Change change, const Rebase& rebase,
                              const Commutes& commutes) {
  Tip tip = start;
  const uint64_t begin_ns = runtime_.monotonic_ns();
  uint64_t pause_ns = 1'000'000;
  // Data goes up before the turn, which others wait for. A little of it goes up in the turn, in the
  // wave of the manifest: the syncs of those who wait would slow down the one whose turn it is.
  if (contended_ && (objects_.store().is_far() || total_bytes(change.objects) > kBytesInTurnMax)) {
    DREAMDB_TRY(objects_.put(change.objects));
    change.objects.clear();
  }
  bool met_others = false;
  bool must_read = contended_;
  for (int tries = 0;; ++tries) {
    // Whoever shares the machine goes first or later, not at the same time: a lost race costs the
    // pages and the manifest that were written for it.
    const std::unique_ptr<Turn> turn = take_turn(tip.name, must_read);
    if (tries > 0 && turn == nullptr) {
      uint64_t draw = 0;
      runtime_.random(std::as_writable_bytes(std::span(&draw, 1)));
      runtime_.sleep_ns(draw % pause_ns);
      pause_ns = std::min(pause_ns * 2, kLostPauseMaxNs);
    }
    std::optional<Tip> ahead;
    if (turn != nullptr && commutes) ahead = tip_ahead(tip, *turn, commutes);
    const bool is_known = ahead && ahead->version == tip.version;
    // One that was built on in vain: it may never come.
    if (is_known && tries > 0) ahead.reset();
    if (ahead) {
      met_others = met_others || !is_known;
      tip = *std::move(ahead);
    } else if (must_read) {
      DREAMDB_ASSIGN(Tip moved, load_tip(objects_, tip.name));
      if (moved.version != tip.version) {
        met_others = true;
        DREAMDB_TRY(check_same_timeline(tip, moved));
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
    DREAMDB_ASSIGN(Built built, build(&tip, change, write));
    std::vector<PutRequest> objects = std::move(change.objects);
    change.objects.clear();
    objects.insert(objects.end(), built.objects.begin(), built.objects.end());
    DREAMDB_ASSIGN(Attempt attempt, publish(tip, built, write, objects));
    if (attempt.outcome == Outcome::kCommitted) {
      // Until a commit meets nobody, each waits its turn: who barges in starves the others.
      contended_ = met_others;
      attempt.tip.manifest = std::make_shared<const Manifest>(std::move(built.manifest));
      objects_.remember(built.address, attempt.tip.manifest, built.manifest_bytes);
      return std::move(attempt.tip);
    }
    if (runtime_.monotonic_ns() - begin_ns > kCommitBudgetNs)
      return fail(Code::kConflict, "publish conflict on ref `" + tip.name +
                                       "`: it advanced concurrently for ten minutes; nothing was "
                                       "committed, try again");
    DREAMDB_TRY(check_interrupt());
    must_read = true;
  }
}

}  // namespace dreamdb
