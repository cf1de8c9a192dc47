#include "http/fault.h"

#include <gtest/gtest.h>

namespace dreamdb {
namespace {

TEST(Fault, WhatMayHaveLeftIsNeverCalledNotSent) {
  for (int code = 1; code < CURL_LAST; ++code) {
    for (const uint32_t sends : {1u, 2u}) {
      const Fault fault = fault_of(static_cast<CURLcode>(code), sends);
      EXPECT_EQ(fault.failure,
                code == CURLE_OPERATION_TIMEDOUT ? HttpFailure::kTimeout : HttpFailure::kCut);
      EXPECT_FALSE(fault.is_lasting);
    }
    EXPECT_EQ(fault_of(static_cast<CURLcode>(code), 0).failure, HttpFailure::kNotSent);
  }
}

TEST(Fault, CertificatesAndAddressesDoNotMendThemselves) {
  for (const CURLcode code : {CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE}) {
    EXPECT_TRUE(fault_of(code, 0).is_lasting);
    EXPECT_NE(fault_of(code, 0).way_out.find("AWS_CA_BUNDLE"), std::string_view::npos);
  }
  for (const CURLcode code : {CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL}) {
    EXPECT_TRUE(fault_of(code, 0).is_lasting);
    EXPECT_NE(fault_of(code, 0).way_out.find("address"), std::string_view::npos);
  }
}

TEST(Fault, ConnectionsComeBack) {
  for (const CURLcode code : {CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST,
                              CURLE_OPERATION_TIMEDOUT, CURLE_SSL_CONNECT_ERROR})
    EXPECT_FALSE(fault_of(code, 0).is_lasting);
}

}  // namespace
}  // namespace dreamdb
