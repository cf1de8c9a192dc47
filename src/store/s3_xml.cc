#include "store/s3_xml.h"

#include <charconv>
#include <chrono>
#include <pugixml.hpp>

#include "store/key.h"

namespace dreamdb {

namespace {

constexpr unsigned kParse =
    pugi::parse_minimal | pugi::parse_escapes | pugi::parse_cdata | pugi::parse_ws_pcdata_single;

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The root element if it is `name`, whatever its namespace; null otherwise.
pugi::xml_node parse_root(pugi::xml_document& document, std::string_view xml,
                          std::string_view name) {
  if (!document.load_buffer(xml.data(), xml.size(), kParse, pugi::encoding_utf8)) return {};
  const pugi::xml_node root = document.document_element();
  return name == root.name() ? root : pugi::xml_node();
}

std::unexpected<Error> unexpected_reply(std::string_view wanted, std::string_view found) {
  return fail(Code::kCorruption, "expected <" + std::string(wanted) + "> as S3 sends it, found \"" +
                                     printable(found.substr(0, 100)) + "\"");
}

}  // namespace

std::optional<S3Error> parse_s3_error(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_node root = parse_root(document, xml, "Error");
  S3Error error{root.child_value("Code"), root.child_value("Message"), root.child_value("Region"),
                root.child_value("Endpoint")};
  if (error.code.empty()) return std::nullopt;
  return error;
}

Result<S3Listing> parse_s3_listing(std::string_view xml) {
  constexpr std::string_view kRoot = "ListBucketResult";
  pugi::xml_document document;
  const pugi::xml_node root = parse_root(document, xml, kRoot);
  if (!root) return unexpected_reply(kRoot, xml);
  S3Listing listing;
  const std::string_view truncated = root.child_value("IsTruncated");
  listing.truncated = truncated == "true";
  listing.next_token = root.child_value("NextContinuationToken");
  if ((!listing.truncated && truncated != "false") ||
      (listing.truncated && listing.next_token.empty())) {
    return unexpected_reply("IsTruncated> with true or false, and true with <NextContinuationToken",
                            truncated);
  }
  for (const pugi::xml_node object : root.children("Contents")) {
    ListedObject listed;
    listed.key = object.child_value("Key");
    const auto size = parse_number<uint64_t>(object.child_value("Size"));
    const auto time = parse_s3_time(object.child_value("LastModified"));
    if (listed.key.empty() || !size || !time) {
      return unexpected_reply("Contents> with <Key>, <Size> and <LastModified", listed.key);
    }
    listed.size_bytes = *size;
    listed.time_ns = *time;
    listing.objects.push_back(std::move(listed));
  }
  return listing;
}

Result<std::vector<S3DeleteFailure>> parse_s3_delete_result(std::string_view xml) {
  constexpr std::string_view kRoot = "DeleteResult";
  pugi::xml_document document;
  const pugi::xml_node root = parse_root(document, xml, kRoot);
  if (!root) return unexpected_reply(kRoot, xml);
  std::vector<S3DeleteFailure> failures;
  for (const pugi::xml_node error : root.children("Error")) {
    failures.push_back(
        {error.child_value("Key"), error.child_value("Code"), error.child_value("Message")});
  }
  return failures;
}

Result<std::string> parse_s3_upload_id(std::string_view xml) {
  constexpr std::string_view kRoot = "InitiateMultipartUploadResult";
  pugi::xml_document document;
  std::string id = parse_root(document, xml, kRoot).child_value("UploadId");
  if (id.empty()) return unexpected_reply(kRoot, xml);
  return id;
}

Result<std::string> parse_s3_completed(std::string_view xml) {
  constexpr std::string_view kRoot = "CompleteMultipartUploadResult";
  pugi::xml_document document;
  const pugi::xml_node root = parse_root(document, xml, kRoot);
  if (!root) return unexpected_reply(kRoot, xml);
  return std::string(root.child_value("ETag"));
}

std::optional<uint64_t> parse_s3_time(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() < kForm.size() + 1 || text.back() != 'Z') return std::nullopt;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  const auto number = [&](size_t offset, size_t size) {
    return parse_number<unsigned>(text.substr(offset, size)).value_or(0);
  };
  const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(number(0, 4))),
                                        std::chrono::month(number(5, 2)),
                                        std::chrono::day(number(8, 2))};
  const unsigned hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  if (days < 0 || days > 100'000) return std::nullopt;  // u64 nanoseconds reach the year 2554
  uint64_t fraction_ns = 0;
  std::string_view rest = text.substr(kForm.size(), text.size() - kForm.size() - 1);
  if (!rest.empty()) {
    if (rest.front() != '.' || rest.size() < 2 || rest.size() > 10) return std::nullopt;
    const std::string digits = std::string(rest.substr(1)) + std::string(10 - rest.size(), '0');
    const auto parsed = parse_number<uint64_t>(digits);
    if (!parsed) return std::nullopt;
    fraction_ns = *parsed;
  }
  const uint64_t seconds = static_cast<uint64_t>(days) * 86'400 + uint64_t{hour} * 3'600 +
                           uint64_t{minute} * 60 + second;
  return seconds * 1'000'000'000 + fraction_ns;
}

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out.push_back(c);
    }
  }
  return out;
}

}  // namespace dreamdb
