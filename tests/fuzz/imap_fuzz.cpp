// The server's side of IMAP as a hostile server sends it: any bytes, in pieces of any size, must
// end in responses or in one typed error, within the limits.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/text.h"
#include "ingest/imap/mailbox_name.h"
#include "ingest/imap/refusal.h"
#include "ingest/imap/response.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace c360;                // NOLINT: one file, one purpose
using namespace c360::ingest::imap;  // NOLINT
using c360::testing::require;

class Pieces final : public ByteSource {
 public:
  Pieces(std::string_view bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  Result<std::string_view> more() override {
    if (bytes_.empty()) return fail(ErrorCode::unavailable, "the end", "connection_lost");
    const auto next = bytes_.substr(0, piece_);
    bytes_.remove_prefix(next.size());
    return next;
  }

 private:
  std::string_view bytes_;
  std::size_t piece_;
};

class CountingBody final : public BodyHandler {
 public:
  Result<bool> begin(std::uint64_t size, const FetchItems&) override {
    left_ = size;
    return (size & 1U) == 0;
  }
  Result<void> bytes(std::string_view piece) override {
    require(!piece.empty() && piece.size() <= left_);
    left_ -= piece.size();
    return {};
  }

 private:
  std::uint64_t left_ = 0;
};

ImapLimits small_limits() {
  ImapLimits limits;
  limits.line_bytes = 4'096;
  limits.literal_bytes = 256;
  limits.values = 512;
  limits.uids = 1'000;
  return limits;
}

void read_responses(std::string_view input, std::size_t piece) {
  const ImapLimits limits = small_limits();
  Pieces source{input, piece};
  Lexer lexer{source, limits};
  CountingBody body;
  for (;;) {
    auto response = read_response(lexer, limits, body);
    if (!response) {
      const std::string& reason = response.error().reason;
      require(reason == "connection_lost" || reason == "malformed_response" ||
              reason == "limit_crossed");
      return;
    }
    require(response->found.told() <= limits.uids);
    require(response->uids.size() <= limits.uids);
    require(response->text.size() <= kKeptText);
    require(response->found.take().size() <= limits.uids);
    require(is_valid_utf8(clean_text(response->text, {"secret"})));
    flag_words(response->code.arguments);
  }
}

void read_values(std::string_view input, std::size_t piece) {
  const ImapLimits limits = small_limits();
  Pieces source{input, piece};
  Lexer lexer{source, limits};
  while (lexer.ok()) {
    if (!lexer.accept(' ')) lexer.value();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input = testing::as_text(data + 1, size - 1);
  const std::size_t piece = data[0] % 64U + 1U;
  read_responses(input, piece);
  read_values(input, piece);
  // A name that decodes is one that encodes to the same again.
  if (const auto name = from_modified_utf7(input)) {
    const auto wire = to_modified_utf7(*name);
    require(wire && from_modified_utf7(*wire) == name);
  }
  return 0;
}
