// A change that another writer of this machine may commit for the one who made it, and what came of
// it: the bodies of `Offer` and of its answer.
//
// Both ends run on one machine, perhaps in programs of different age: a body of another form is no
// offer, and no answer.
//
// Thread rule: pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "format/manifest.h"
#include "format/page.h"
#include "store/store.h"
#include "version/tip.h"

namespace dreamdb {

// What goes up with an offer. More is put by its maker, so that whoever takes it is not held up.
inline constexpr uint64_t kOfferedObjectsMax = 64 << 10;
inline constexpr size_t kOfferedRecordsMax = 8 << 10;

// Codes of rows that a commit adds to a field (spec 12.8): leaf entries of the index's code track,
// and those of the field's track whose rows they cover: `seq` 0 where this commit adds them too.
struct AddedCodes {
  FieldId field{0};
  Address spatial;  // of the index they are under; a version with another takes none of them
  std::vector<Entry> codes, covered;
  bool covers_rest = false;  // nothing of the field is left without codes then
};

// An append of records that are all new.
struct OfferedChange {
  WriteId write{};  // of the version it becomes
  Hash base{};      // `offer_base` of the versions it goes onto
  std::string program;
  std::string operation;
  std::map<FieldId, std::vector<Entry>> entries;  // leaf entries by track
  std::vector<AddedCodes> codes;
  std::vector<Entry> ledger;
  std::vector<uint64_t> records;    // ascending
  std::vector<PutRequest> objects;  // segments
};

// The same for all versions that an append with the same fields goes onto: ref, timeline, schema.
Hash offer_base(const Tip& tip);

// nullopt: too large.
std::optional<Buffer> write_offered_change(const OfferedChange& change);
// nullopt: not what `write_offered_change` writes. Whether it goes onto a version is another
// question.
std::optional<OfferedChange> parse_offered_change(const Buffer& bytes);

struct OfferAnswer {
  bool is_committed = false;        // false: surely not
  Address manifest;                 // of the version it became
  std::vector<PutRequest> objects;  // that manifest and its pages, where reading takes long
};

Buffer write_offer_answer(const OfferAnswer& answer);
std::optional<OfferAnswer> parse_offer_answer(const Buffer& bytes);

}  // namespace dreamdb
