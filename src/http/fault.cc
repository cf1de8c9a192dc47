#include "http/fault.h"

namespace dreamdb {

namespace {

constexpr std::string_view kTlsWayOut =
    "for a certificate of your own authority set AWS_CA_BUNDLE to the file of the authority's; a "
    "server without TLS is http://, not https://";
constexpr std::string_view kCaFileWayOut =
    "AWS_CA_BUNDLE must name a readable file with certificates in PEM form; unset it for the "
    "system's authorities";
constexpr std::string_view kUrlWayOut =
    "correct the address; expected http:// or https://, host, port";

}  // namespace

Fault fault_of(CURLcode code, uint32_t sends) {
  if (sends > 0)
    return {
        code == CURLE_OPERATION_TIMEDOUT ? HttpFailure::kTimeout : HttpFailure::kCut, false, {}};
  constexpr auto kNotSent = HttpFailure::kNotSent;
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER: return {kNotSent, true, kTlsWayOut};
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE: return {kNotSent, true, kCaFileWayOut};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return {kNotSent, true, kUrlWayOut};
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION: return {kNotSent, true, {}};
    // A handshake may also end because the connection did.
    case CURLE_SSL_CONNECT_ERROR: return {kNotSent, false, kTlsWayOut};
    default: return {kNotSent, false, {}};
  }
}

}  // namespace dreamdb
