#include "version/offer.h"

#include <algorithm>
#include <cstring>

#include "codec/cbor.h"
#include "format/schema_cbor.h"
#include "store/offer_box.h"

namespace dreamdb {

namespace {

constexpr uint64_t kForm = 2;
constexpr uint64_t kAnswerBytes = 64;  // an answer without objects at most, and what each adds

// As a leaf page has them: its parser checks each entry, and their order.
void write_entries(std::vector<Entry> entries, CborWriter& out) {
  if (entries.empty()) return out.bytes({});
  Page page;
  page.entries = std::move(entries);
  std::sort(page.entries.begin(), page.entries.end(), entry_less);
  out.bytes(write_page(page).span());
}

Result<std::vector<Entry>> parse_entries(CborReader& in) {
  DREAMDB_ASSIGN(const auto bytes, in.bytes());
  if (bytes.empty()) return std::vector<Entry>();
  DREAMDB_ASSIGN(Page page, parse_page(bytes, "an offer"));
  if (page.height != 0) return fail(Code::kCorruption, "an offer: not a leaf page");
  return std::move(page.entries);
}

void write_objects(std::span<const PutRequest> objects, CborWriter& out) {
  out.array(2 * objects.size());
  for (const PutRequest& object : objects) {
    out.text(object.key);
    out.bytes(object.body.span());
  }
}

Result<std::vector<PutRequest>> parse_objects(CborReader& in, const Buffer& whole) {
  std::vector<PutRequest> objects;
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count % 2 != 0) return fail(Code::kCorruption, "objects: a key without a body");
  for (uint64_t i = 0; i < count; i += 2) {
    DREAMDB_ASSIGN(const std::string_view key, in.text());
    DREAMDB_ASSIGN(const auto body, in.bytes());
    objects.push_back({std::string(key),
                       whole.slice(static_cast<size_t>(body.data() - whole.data()), body.size())});
  }
  DREAMDB_TRY(in.end());
  return objects;
}

template <size_t kSize>
Status parse_fixed(CborReader& in, std::array<std::byte, kSize>& out) {
  DREAMDB_ASSIGN(const auto bytes, in.bytes(kSize));
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return {};
}

Result<std::vector<uint64_t>> parse_records(CborReader& in) {
  DREAMDB_ASSIGN(const auto bytes, in.bytes());
  std::vector<uint64_t> records(bytes.size() / sizeof(uint64_t));
  if (!records.empty()) std::memcpy(records.data(), bytes.data(), records.size() * 8);
  if (bytes.size() % sizeof(uint64_t) != 0 || !std::ranges::is_sorted(records))
    return fail(Code::kCorruption, "an offer: anchors that do not ascend");
  return records;
}

void write_codes(std::span<const AddedCodes> codes, CborWriter& out) {
  out.array(4 * codes.size());
  for (const AddedCodes& added : codes) {
    out.uint(static_cast<uint64_t>(added.field));
    out.bytes(added.spatial.bytes());
    write_entries(added.codes, out);
    write_entries(added.covered, out);
  }
}

Result<std::vector<AddedCodes>> parse_codes(CborReader& in) {
  std::vector<AddedCodes> codes;
  DREAMDB_ASSIGN(const uint64_t count, in.array());
  if (count % 4 != 0) return fail(Code::kCorruption, "an offer: codes without entries");
  for (uint64_t i = 0; i < count; i += 4) {
    AddedCodes added;
    DREAMDB_ASSIGN(const uint64_t field, in.uint());
    added.field = static_cast<FieldId>(field);
    DREAMDB_ASSIGN(const auto address, in.bytes());
    DREAMDB_ASSIGN(added.spatial, Address::from_bytes(address));
    DREAMDB_ASSIGN(added.codes, parse_entries(in));
    DREAMDB_ASSIGN(added.covered, parse_entries(in));
    codes.push_back(std::move(added));
  }
  DREAMDB_TRY(in.end());
  return codes;
}

Status parse_change(const Buffer& bytes, OfferedChange& change) {
  CborReader in(bytes.span());
  DREAMDB_TRY(in.array(10));
  DREAMDB_ASSIGN(const uint64_t form, in.uint());
  if (form != kForm) return fail(Code::kUnsupported, "an offer of another form");
  DREAMDB_TRY(parse_fixed(in, change.write));
  DREAMDB_TRY(parse_fixed(in, change.base));
  DREAMDB_ASSIGN(change.program, in.text());
  DREAMDB_ASSIGN(change.operation, in.text());
  DREAMDB_ASSIGN(const uint64_t tracks, in.array());
  if (tracks % 2 != 0) return fail(Code::kCorruption, "an offer: a track without entries");
  for (uint64_t i = 0; i < tracks; i += 2) {
    DREAMDB_ASSIGN(const uint64_t field, in.uint());
    DREAMDB_ASSIGN(change.entries[static_cast<FieldId>(field)], parse_entries(in));
  }
  DREAMDB_TRY(in.end());
  DREAMDB_ASSIGN(change.codes, parse_codes(in));
  DREAMDB_ASSIGN(change.ledger, parse_entries(in));
  DREAMDB_ASSIGN(change.records, parse_records(in));
  DREAMDB_ASSIGN(change.objects, parse_objects(in, bytes));
  DREAMDB_TRY(in.end());
  return in.finish();
}

Status parse_answer(const Buffer& bytes, OfferAnswer& answer) {
  CborReader in(bytes.span());
  DREAMDB_TRY(in.array(4));
  DREAMDB_ASSIGN(const uint64_t form, in.uint());
  if (form != kForm) return fail(Code::kUnsupported, "an answer of another form");
  DREAMDB_ASSIGN(answer.is_committed, in.boolean());
  DREAMDB_TRY(parse_fixed(in, answer.manifest.hash));
  DREAMDB_ASSIGN(answer.objects, parse_objects(in, bytes));
  DREAMDB_TRY(in.end());
  return in.finish();
}

}  // namespace

Hash offer_base(const Tip& tip) {
  CborWriter out;
  out.text(tip.name);
  out.uint(tip.ref.epoch);
  out.bytes(tip.manifest->timeline.hash);
  write_schema(tip.manifest->schema, out);
  return blake3(out.span());
}

std::optional<Buffer> write_offered_change(const OfferedChange& change) {
  CborWriter out;
  out.array(10);
  out.uint(kForm);
  out.bytes(change.write);
  out.bytes(change.base);
  out.text(change.program);
  out.text(change.operation);
  out.array(2 * change.entries.size());
  for (const auto& [field, entries] : change.entries) {
    out.uint(static_cast<uint64_t>(field));
    write_entries(entries, out);
  }
  write_codes(change.codes, out);
  write_entries(change.ledger, out);
  out.bytes(std::as_bytes(std::span(change.records)));
  write_objects(change.objects, out);
  if (out.size() > kOfferBytesMax) return std::nullopt;
  return Buffer::copy_of(out.span());
}

std::optional<OfferedChange> parse_offered_change(const Buffer& bytes) {
  OfferedChange change;
  if (!parse_change(bytes, change)) return std::nullopt;
  return change;
}

Buffer write_offer_answer(const OfferAnswer& answer) {
  uint64_t size = kAnswerBytes;
  for (const PutRequest& object : answer.objects)
    size += object.key.size() + object.body.size() + kAnswerBytes;
  // They only spare the reading.
  if (size > kOfferBytesMax) return write_offer_answer({answer.is_committed, answer.manifest, {}});
  CborWriter out;
  out.array(4);
  out.uint(kForm);
  out.boolean(answer.is_committed);
  out.bytes(answer.manifest.hash);
  write_objects(answer.objects, out);
  return Buffer::copy_of(out.span());
}

std::optional<OfferAnswer> parse_offer_answer(const Buffer& bytes) {
  OfferAnswer answer;
  if (!parse_answer(bytes, answer)) return std::nullopt;
  return answer;
}

}  // namespace dreamdb
