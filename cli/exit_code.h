// The exit codes of the program; the same list stands in the manual page.
#pragma once

#include <array>
#include <string_view>

#include "dreamdb/result.h"

namespace dreamdb::cli {

struct ExitCode {
  int number;
  std::string_view name;
  std::string_view meaning;
};

inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;
inline constexpr int kExitPipe = 141;  // 128 + SIGPIPE, as of any tool whose reader is gone

inline constexpr std::array<ExitCode, 15> kExitCodes = {{
    {kExitOk, "ok", "done"},
    {1, "Internal", "a bug of DreamDB: report it"},
    {kExitUsage, "InvalidArgument", "the command or its input is wrong: correct it"},
    {3, "NotFound", "the store, ref, version, record or file does not exist"},
    {4, "AlreadyExists", "the name is taken"},
    {5, "Conflict", "another value is there, or another writer was first: read again and decide"},
    {6, "Corruption", "bytes do not match their hash or format: restore from a copy"},
    {7, "Unavailable", "the store did not answer: try again later"},
    {8, "OutcomeUnknown", "it may or may not have happened: repeat with the same anchors or key"},
    {9, "Denied", "no permission"},
    {10, "Exhausted", "a full disk or a limit"},
    {11, "Unsupported", "a newer format, or a store that cannot do it"},
    {12, "Cancelled", "stopped on request"},
    {kExitInterrupted, "interrupted", "stopped by Ctrl-C; what was committed stays"},
    {kExitPipe, "pipe", "the reader of the output is gone (not an error)"},
}};

constexpr int exit_code_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return kExitUsage;
    case Code::kNotFound: return 3;
    case Code::kAlreadyExists: return 4;
    case Code::kConflict: return 5;
    case Code::kCorruption: return 6;
    case Code::kUnavailable: return 7;
    case Code::kOutcomeUnknown: return 8;
    case Code::kDenied: return 9;
    case Code::kExhausted: return 10;
    case Code::kUnsupported: return 11;
    case Code::kCancelled: return 12;
    case Code::kInternal: return 1;
  }
  return 1;
}

}  // namespace dreamdb::cli
