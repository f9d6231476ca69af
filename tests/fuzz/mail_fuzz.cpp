// Any bytes as a mail: read, prepared and matched by the shipped rules. What must hold besides not
// crashing: all text is UTF-8, spans lie inside their texts, and reading twice gives the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "daemon/base/text.h"
#include "parsers/mime_reader.h"
#include "parsers/prepared_text.h"
#include "parsers/rule_match.h"
#include "parsers/rule_set.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace c360;  // NOLINT: one file, one purpose
using c360::testing::require;

const parsers::RuleSet& rules() {
  static const auto kRules = [] {
    auto loaded = parsers::RuleSet::load_folder(C360_SOURCE_DIR "/parsers/rules");
    if (!loaded) std::abort();
    return *loaded;
  }();
  return *kRules;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw = testing::as_text(data, size);
  const parsers::ParsedMail mail = parsers::read_mail(raw);
  const parsers::Message& message = mail.message();
  require(is_valid_utf8(message.subject) && is_valid_utf8(message.body.text));
  const parsers::PreparedText prepared = parsers::prepare(message);
  require(is_valid_utf8(prepared.subject) && is_valid_utf8(prepared.text));
  for (const char* kind : {"crm", "activity"}) {
    const parsers::Extraction found = parsers::match(rules(), kind, message, prepared);
    for (const parsers::ExtractedValue& value : found.values) {
      require(is_valid_utf8(value.value));
      require(value.text.begin <= value.text.end);
    }
    require(parsers::to_json(found) ==
            parsers::to_json(parsers::match(rules(), kind, message, prepared)));
  }
  return 0;
}
