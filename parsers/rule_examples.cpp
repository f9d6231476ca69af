#include <utility>

#include "daemon/base/text.h"
#include "parsers/rule_parts.h"

namespace c360::parsers {

namespace {

Address address_of(std::string_view text) {
  Address address;
  const auto bracket = text.rfind('<');
  if (bracket == std::string_view::npos) {
    address.address = std::string(trimmed(text));
    return address;
  }
  address.name = std::string(trimmed(text.substr(0, bracket)));
  std::string_view inside = text.substr(bracket + 1);
  address.address = std::string(trimmed(inside.substr(0, inside.find('>'))));
  return address;
}

std::string text_of(const TomlValue& value, const std::string& key, ProblemList& problems) {
  if (value.is_string()) return value.as_string();
  if (value.is_integer()) return std::to_string(value.as_integer());
  problems.add(value.position, "'" + key + "' must be a string or a whole number");
  return {};
}

// What stands in the file instead of a whole mail.
void read_inline_mail(TableReader& table, Message& message) {
  message.subject = table.string("subject").value_or("");
  for (const TomlValue* from : table.strings("from"))
    message.from.push_back(address_of(from->as_string()));
  for (const TomlValue* to : table.strings("to")) message.to.push_back(address_of(to->as_string()));
  message.body.text = table.string("text").value_or("");
  message.body.part = "1";
  const Span all{0, message.body.text.size()};
  if (all.end > 0) message.body.spans.push_back({all, all});
  message.is_auto_reply = table.boolean("auto_reply").value_or(false);
  message.is_bounce = table.boolean("bounce").value_or(false);
  message.is_list = table.boolean("list").value_or(false);
  if (table.boolean("reply").value_or(false)) message.in_reply_to.emplace_back("example");
  if (const TomlValue* header = table.table("header")) {
    for (const TomlValue::Entry& entry : header->as_table())
      if (entry.value.is_string())
        message.headers.push_back({entry.key, entry.value.as_string(), {}});
  }
}

}  // namespace

RuleExample read_example(const TomlValue& value, const std::string& rule, ProblemList& problems) {
  TableReader table(value, "example of rule '" + rule + "'", problems);
  RuleExample example;
  example.position = value.position;
  example.rule = table.string("rule").value_or(rule);
  example.mail = table.string("mail").value_or("");
  if (example.mail.contains('/') || example.mail.contains('\\') || example.mail.starts_with('.')) {
    problems.add(table.position(), "an example's mail is the plain name of a file in examples/");
    example.mail.clear();
  }
  read_inline_mail(table, example.message);
  if (!example.mail.empty() &&
      (!example.message.subject.empty() || !example.message.body.text.empty() ||
       !example.message.from.empty()))
    problems.add(table.position(), "an example has a mail, or subject, from and text: not both");
  for (const TomlValue* own : table.strings("own"))
    example.own_addresses.push_back(own->as_string());
  if (const TomlValue* expect = table.table("expect")) {
    for (const TomlValue::Entry& entry : expect->as_table())
      example.expected.emplace_back(entry.key, text_of(entry.value, entry.key, problems));
  }
  for (const TomlValue* absent : table.strings("absent"))
    example.absent.push_back(absent->as_string());
  example.action = table.string("action");
  example.reason = table.string("reason");
  example.category = table.string("category");
  if (const TomlValue* target = table.table("target")) {
    TableReader inner(*target, "target of " + table.what(), problems);
    example.target_kind = inner.string("kind");
    example.target_alias = inner.string("alias");
    if (const TomlValue* wanted = inner.get("value"))
      example.target_value = text_of(*wanted, "value", problems);
  }
  return example;
}

}  // namespace c360::parsers
