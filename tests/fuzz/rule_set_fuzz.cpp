// Any text as a rule file, and the same bytes as a mail for it: a file is refused with problems or
// makes a set; a set gives the same answer twice and spans inside their texts.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/text.h"
#include "parsers/rule_match.h"
#include "parsers/rule_set.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace c360;  // NOLINT: one file, one purpose
using c360::testing::require;

// Behind the first line "===" stands the mail's text.
void match_with(const parsers::RuleSet& rules, std::string_view text) {
  parsers::Message message;
  message.body.text = replace_invalid_utf8(text);
  message.subject = std::string(utf8_prefix(message.body.text, 200));
  message.from.push_back({"Name", "someone@x.example"});
  const Sha256& digest = rules.sha256();
  const parsers::PreparedText prepared = parsers::prepare(message);
  for (const parsers::RuleFileSummary& file : rules.files()) {
    const auto match = [&] {
      return parsers::match(rules, file.mailbox_kind, message, prepared, {.trace = true});
    };
    const parsers::Extraction found = match();
    require(found.rule_set_sha256 == digest);
    for (const parsers::ExtractedValue& value : found.values) {
      require(is_valid_utf8(value.value));
      require(value.text.begin <= value.text.end);
      if (value.source == parsers::ValueSource::body)
        require(value.prepared.end <= prepared.text.size() &&
                value.text.end <= message.body.text.size());
    }
    require(parsers::to_json(found) == parsers::to_json(match()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = testing::as_text(data, size);
  const std::size_t cut = std::min(input.find("\n===\n"), input.size());
  parsers::RuleSetOptions options;
  options.limits.pattern_memory = std::size_t{256} << 10U;
  options.limits.rules = 50;
  const auto rules =
      parsers::RuleSet::load({{"fuzz.toml", std::string(input.substr(0, cut))}}, options);
  if (!rules) {
    require(!rules.error().empty());
    for (const FileProblem& problem : rules.error()) require(!problem.detail.empty());
    return 0;
  }
  match_with(**rules, cut < input.size() ? input.substr(cut + 5) : input);
  return 0;
}
