// Fingerprints of a dataset's records.
#include "dataset/dataset_impl.h"
#include "dreamdb/upkeep.h"
#include "upkeep/sum_records.h"

namespace dreamdb {

namespace {

Fingerprint fingerprint_of(const RecordSum& sum) {
  return {sum.fingerprint(), sum.records(), sum.text()};
}

}  // namespace

Result<Fingerprint> fingerprint(const Dataset& dataset, const FingerprintOptions& options) {
  const Dataset::Impl& impl = dataset.impl();
  DREAMDB_ASSIGN(const RecordSum sum,
                 sum_records(impl.space().shared_objects(), impl.manifest(),
                             options.shard.value_or(Shard()), options.progress));
  return fingerprint_of(sum);
}

Result<Fingerprint> join_fingerprints(std::span<const std::string> parts) {
  RecordSum sum;
  for (const std::string& part : parts) {
    DREAMDB_ASSIGN(const RecordSum of_part, RecordSum::parse(part));
    sum.add(of_part);
  }
  return fingerprint_of(sum);
}

}  // namespace dreamdb
