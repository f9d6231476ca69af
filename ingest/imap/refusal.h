// What a NO, BAD or BYE means for us: RFC 9051, 7.1 and RFC 5530 codes where the server sends one,
// and the words of the large providers where it does not (adapters.md 6.4).
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "ingest/imap/response.h"

namespace c360::ingest::imap {

// How a command ended.
struct Completion {
  Status status = Status::ok;
  ResponseCode code;
  std::string text;
  std::string challenge;  // of a sign-in: what the server last asked an answer to

  bool ok() const { return status == Status::ok; }
};

// `doing` and `text` make up the detail; `text` must be fit for a person already (see clean_text).
// Error::reason is the response code in lower case where there is one.
Error refusal(const Completion& completion, std::string_view doing, std::string_view text,
              bool signing_in);

// One line of at most 300 bytes of valid UTF-8 without control characters, with every one of
// `secrets` masked.
std::string clean_text(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace c360::ingest::imap
