// Replies of S3: those of real servers are read, other pages are not taken for one.
#include "store/s3_xml.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

constexpr std::string_view kListing =
    R"(<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>p/</Prefix><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated><NextContinuationToken>t=1</NextContinuationToken><Contents><Key>p/a&amp;b</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;abc&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass></Contents><Contents><Key>p/c</Key><LastModified>2026-01-02T03:04:05Z</LastModified><ETag>"d"</ETag><Size>0</Size></Contents></ListBucketResult>)";

TEST(S3Xml, Listing) {
  const auto listing = parse_s3_listing(kListing);
  ASSERT_TRUE(listing.has_value()) << listing.error().message;
  EXPECT_TRUE(listing->truncated);
  EXPECT_EQ(listing->next_token, "t=1");
  ASSERT_EQ(listing->objects.size(), 2u);
  EXPECT_EQ(listing->objects[0].key, "p/a&b");
  EXPECT_EQ(listing->objects[0].size_bytes, 5u);
  EXPECT_EQ(listing->objects[0].time_ns, 1'767'323'045'678'000'000u);
  EXPECT_EQ(listing->objects[1].key, "p/c");
}

TEST(S3Xml, AListingIsWholeOrRefused) {
  const std::string whole(kListing);
  const std::pair<std::string, std::string> breaks[] = {
      {"<IsTruncated>true</IsTruncated>", ""},
      {"<NextContinuationToken>t=1</NextContinuationToken>", ""},
      {"<Size>5</Size>", ""},
      {"<Size>5</Size>", "<Size>-5</Size>"},
      {"<Size>5</Size>", "<Size>5x</Size>"},
      {"<Key>p/c</Key>", ""},
      {"2026-01-02T03:04:05Z", "2026-02-30T03:04:05Z"},
      {"</ListBucketResult>", ""}};
  for (const auto& [what, with] : breaks) {
    std::string broken = whole;
    const size_t at = broken.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    broken.replace(at, what.size(), with);
    const auto listing = parse_s3_listing(broken);
    ASSERT_FALSE(listing.has_value()) << what;
    EXPECT_EQ(listing.error().code, Code::kCorruption);
  }
  for (size_t size = 0; size < whole.size(); ++size) {
    ASSERT_FALSE(parse_s3_listing(std::string_view(whole).substr(0, size)).has_value()) << size;
  }
}

TEST(S3Xml, Errors) {
  const auto error = parse_s3_error(
      R"(<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchBucket</Code><BucketName>b</BucketName><RequestId>tx0</RequestId></Error>)");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "NoSuchBucket");
  EXPECT_EQ(error->message, "");
  const auto region = parse_s3_error(
      "<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message>"
      "<Region>eu-west-1</Region></Error>");
  ASSERT_TRUE(region.has_value());
  EXPECT_EQ(region->region, "eu-west-1");
  for (const char* page : {"", "<html><body>Sign in</body></html>", "<Error></Error>", "{}",
                           "<Error><Code>", "<?xml version='1.0'?>"}) {
    EXPECT_FALSE(parse_s3_error(page).has_value()) << page;
  }
}

TEST(S3Xml, NoEntityOfADocumentIsExpanded) {
  const auto error = parse_s3_error(
      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;\">]>"
      "<Error><Code>&b;</Code></Error>");
  if (error) {
    EXPECT_EQ(error->code, "&b;");
  }
}

TEST(S3Xml, DeletionsThatFailed) {
  const auto failures = parse_s3_delete_result(
      "<DeleteResult xmlns='x'><Deleted><Key>a</Key></Deleted><Error><Key>b</Key>"
      "<Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>");
  ASSERT_TRUE(failures.has_value());
  ASSERT_EQ(failures->size(), 1u);
  EXPECT_EQ(failures->front().key, "b");
  EXPECT_EQ(failures->front().code, "AccessDenied");
  EXPECT_TRUE(parse_s3_delete_result("<DeleteResult/>")->empty());
  EXPECT_FALSE(parse_s3_delete_result("<html/>").has_value());
}

TEST(S3Xml, Multipart) {
  EXPECT_EQ(*parse_s3_upload_id("<InitiateMultipartUploadResult><UploadId>2~x</UploadId>"
                                "</InitiateMultipartUploadResult>"),
            "2~x");
  EXPECT_FALSE(parse_s3_upload_id("<InitiateMultipartUploadResult/>").has_value());
  EXPECT_EQ(*parse_s3_completed("<CompleteMultipartUploadResult><ETag>\"x-2\"</ETag>"
                                "</CompleteMultipartUploadResult>"),
            "\"x-2\"");
  // S3 may say 200 first and find out later that it failed.
  EXPECT_FALSE(parse_s3_completed("<Error><Code>InternalError</Code></Error>").has_value());
}

TEST(S3Xml, Times) {
  EXPECT_EQ(parse_s3_time("1970-01-01T00:00:00Z"), 0u);
  EXPECT_EQ(parse_s3_time("2026-01-02T03:04:05.000000001Z"), 1'767'323'045'000'000'001u);
  for (const char* bad :
       {"", "Z", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z",
        "2026-01-02T24:04:05Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.0123456789Z",
        "2026-01-02T03:04:05.x1Z", "1969-12-31T23:59:59Z", "2026-01-02T03:04:05+00:00"}) {
    EXPECT_FALSE(parse_s3_time(bad).has_value()) << bad;
  }
}

TEST(S3Xml, Escaping) { EXPECT_EQ(xml_escape("a<b>&c"), "a&lt;b&gt;&amp;c"); }

}  // namespace
}  // namespace dreamdb
