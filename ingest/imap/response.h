// One response of the server (RFC 9051, section 7), read from the lexer into a value. What we have
// no use for is skipped, never refused; the bytes of a message body go to a handler as they come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/base/error.h"
#include "ingest/imap/lexer.h"
#include "ingest/imap/uid_set.h"

namespace c360::ingest::imap {

enum class Status : std::uint8_t { ok, no, bad, preauth, bye };

// What is in brackets before the text: "UIDVALIDITY 7" or "TRYCREATE".
struct ResponseCode {
  std::string name;       // upper case; empty: there is none
  std::string arguments;  // as sent
};

// The items of a FETCH response that we ask for.
struct FetchItems {
  enum class Body : std::uint8_t { absent, nil, handled };

  std::uint32_t sequence = 0;
  Uid uid = 0;  // 0: not said (yet)
  std::optional<std::uint64_t> rfc822_size;
  std::optional<Instant> internal_date;
  std::optional<std::vector<std::string>> flags;
  Body body = Body::absent;
};

struct Response {
  enum class Kind : std::uint8_t {
    tagged,        // tag, status, code, text
    continuation,  // text
    status,        // status, code, text
    capability,    // words, upper case
    flags,         // words
    id,            // words: name, value, name, value
    namespaces,    // words: all prefixes, the user's own first; number: how many are own
    list,          // words: attributes; text: the folder's name as sent
    exists,        // number
    expunge,       // number
    fetch,         // fetch
    search,        // found
    esearch,       // tag, found
    vanished,      // uids, earlier
    other,         // skipped
  };

  Kind kind = Kind::other;
  std::string tag;
  Status status = Status::ok;
  ResponseCode code;
  std::string text;  // cut at kKeptText
  std::vector<std::string> words;
  std::uint32_t number = 0;
  FetchItems fetch;
  UidSet found;
  // At most limits.values + 1 of them.
  std::vector<UidRange> uids;
  bool earlier = false;
};

inline constexpr std::size_t kKeptText = 1'000;

// Takes the body of a message as it arrives.
class BodyHandler {
 public:
  virtual ~BodyHandler() = default;
  // `so_far` holds what stood before the body in the response. False: skip the bytes.
  virtual Result<bool> begin(std::uint64_t size, const FetchItems& so_far) = 0;
  virtual Result<void> bytes(std::string_view piece) = 0;
};

// The next response; blocks for it. After an error nothing more can be read from the stream.
Result<Response> read_response(Lexer& lexer, const ImapLimits& limits, BodyHandler& body);

// "17-Jul-1996 02:44:25 -0700" (RFC 9051, `date-time`; the day may be blank-padded).
std::optional<Instant> parse_internal_date(std::string_view text);

// Splits at blanks and drops the empty ones, in upper case: the arguments of CAPABILITY.
std::vector<std::string> upper_case_words(std::string_view text, std::size_t limit);
// The flags of "(\Answered \*)".
std::vector<std::string> flag_words(std::string_view text);

}  // namespace c360::ingest::imap
