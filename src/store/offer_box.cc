#include "store/offer_box.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/folder_files.h"
#include "store/key.h"
#include "store/posix_file.h"
#include "store/turn_folder.h"

namespace dreamdb {

namespace {

constexpr std::string_view kOfferPrefix = "~offer-";
constexpr std::string_view kAnswerPrefix = "~answer-";
constexpr std::string_view kUnfinished = "~new-";
constexpr size_t kOfferIdSizeMax = 32;
// Answers that nobody came for; whoever waits is long gone.
constexpr uint64_t kLeftoverAgeNs = 12 * kOfferAgeMaxNs;

bool is_id(std::string_view text) { return is_hex(text) && text.size() <= kOfferIdSizeMax; }

struct WholeFile {
  Buffer body;
  uint64_t time_ns = 0;
};

std::optional<WholeFile> read_whole(const std::string& path) {
  const auto fd = open_file(path, O_RDONLY | O_NOFOLLOW);
  struct stat info{};
  if (!fd || fstat(fd->get(), &info) != 0 || static_cast<uint64_t>(info.st_size) > kOfferBytesMax)
    return std::nullopt;
  MutableBuffer bytes(static_cast<size_t>(info.st_size));
  const auto size = read_at(fd->get(), 0, bytes.span(), path);
  if (!size || *size < bytes.size()) return std::nullopt;
  return WholeFile{std::move(bytes).freeze(), modified_ns(info)};
}

bool is_older(uint64_t time_ns, uint64_t now_ns, uint64_t age_ns) {
  return time_ns + age_ns < now_ns;
}

}  // namespace

std::string OfferBox::offer_path(std::string_view id) const {
  return directory_ + "/" + std::string(kOfferPrefix) + std::string(id);
}

std::string OfferBox::answer_path(std::string_view id) const {
  return directory_ + "/" + std::string(kAnswerPrefix) + std::string(id);
}

bool OfferBox::leave(const Offer& offer) const {
  if (directory_.empty() || offer.body.size() > kOfferBytesMax || !is_id(offer.id)) return false;
  const std::string temporary = directory_ + "/" + std::string(kUnfinished) + offer.id;
  const auto write = [&] {
    return write_turn_file(temporary, offer_path(offer.id), offer.body.span());
  };
  if (write()) return true;
  const std::string parent(parent_of(directory_));  // somebody may tidy up there
  return make_private_folder(parent) && make_private_folder(directory_) && write();
}

bool OfferBox::withdraw(const Offer& offer) const {
  return unlink(offer_path(offer.id).c_str()) == 0;
}

std::optional<Buffer> OfferBox::find_answer(const Offer& offer) const {
  const std::string path = answer_path(offer.id);
  auto file = read_whole(path);
  if (!file) return std::nullopt;
  unlink(path.c_str());
  return std::move(file->body);
}

std::vector<Offer> OfferBox::take(Runtime& runtime) const {
  std::vector<Offer> offers;
  if (directory_.empty()) return offers;
  std::vector<std::string> names;
  const auto collect = [&](std::string_view name, EntryKind kind) {
    if (kind == EntryKind::kFile) names.emplace_back(name);
  };
  if (!visit_directory(directory_, collect)) return offers;
  const uint64_t now_ns = runtime.now_ns();
  for (const std::string& name : names) {
    const std::string path = directory_ + "/" + name;
    if (!name.starts_with(kOfferPrefix)) {
      struct stat info{};
      const bool is_ours = name.starts_with(kAnswerPrefix) || name.starts_with(kUnfinished);
      if (is_ours && lstat(path.c_str(), &info) == 0 &&
          is_older(modified_ns(info), now_ns, kLeftoverAgeNs))
        unlink(path.c_str());
      continue;
    }
    if (offers.size() == kOffersTakenMax) continue;
    Offer offer{name.substr(kOfferPrefix.size()), {}};
    auto file = is_id(offer.id) ? read_whole(path) : std::nullopt;
    if (!file || unlink(path.c_str()) != 0) continue;  // withdrawn meanwhile
    if (is_older(file->time_ns, now_ns, kOfferAgeMaxNs)) continue;
    offer.body = std::move(file->body);
    offers.push_back(std::move(offer));
  }
  return offers;
}

void OfferBox::answer(const Offer& offer, const Buffer& body) const {
  write_turn_file(directory_ + "/" + std::string(kUnfinished) + offer.id + "a",
                  answer_path(offer.id), body.span());
}

std::vector<Offer> take_in_turn(FolderTurn& turn, const OfferBox& box, Runtime& runtime) {
  turn.wake_if_kept();
  std::vector<Offer> offers = box.take(runtime);
  if (!offers.empty()) turn.keep();
  return offers;
}

WaitedFolderTurn wait_with_offer(const std::string& turns, const OfferBox& box, uint32_t timeout_ms,
                                 const Offer& offer, Runtime& runtime) {
  WaitedFolderTurn waited;
  if (!box.leave(offer)) return {wait_folder_turn(turns, timeout_ms, runtime), std::nullopt};
  const auto is_answered = [&] {
    waited.answer = box.find_answer(offer);
    return waited.answer.has_value();
  };
  waited.turn = wait_folder_turn(turns, timeout_ms, runtime, is_answered);
  if (waited.answer || box.withdraw(offer)) return waited;
  // Taken. Whoever has the turn now knows that nobody is about to answer.
  if (!is_answered()) waited.is_lost = true;
  return waited;
}

}  // namespace dreamdb
