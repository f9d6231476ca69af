// An explanation of a hostile mail, for tests of what is made of one.
#pragma once

#include <string_view>

namespace c360::api {

// As ingest::explanation gives it, with what a hostile mail can put into each place.
inline constexpr std::string_view kExplanation = R"json({
 "mail": {"id": 1, "mailbox": "crm", "mailbox_kind": "crm", "folder": "INBOX", "uidvalidity": 1,
  "uid": 41, "message_id": "a@b", "subject": "<script>alert(1)</script>", "from_name": "\"><img src=x onerror=alert(2)>",
  "from_address": "a@example.org", "date": "2025-11-10T07:15:00Z", "date_source": "header",
  "size_bytes": 900},
 "outcome": {"state": "done", "code": "deal_created", "rule": "form",
  "rule_set": {"version": 3, "sha256": "00"}, "record": {"kind": "deal", "id": 17},
  "duplicate_of_id": null, "quarantine": null},
 "text": {"subject": "<script>alert(1)</script>", "body": "Company: </pre><script>x</script>\nUsers: 50-60\n",
  "part": "1", "media_type": "text/plain", "transfer_encoding": "8bit", "charset": "utf-8",
  "charset_path": "declared", "from_html": false, "truncated": false},
 "records": [{"kind": "deal", "id": 17}],
 "fields": [
  {"record_kind": "deal", "record_id": 17, "field": "company_text",
   "value": "</pre><script>x</script>", "raw": "</pre><script>x</script>", "source": "body",
   "header": null, "rule": "form", "rule_set_version": 3, "mail_message_id": 1, "part": "1",
   "prepared": {"in": "body", "begin": 9, "end": 33},
   "raw_mail": {"begin": 109, "end": 133, "exact": true}, "raw_mail_reason": null,
   "charset": "utf-8", "charset_path": "declared", "transformations": ["next_line"]},
  {"record_kind": "deal", "record_id": 17, "field": "name", "value": "</pre><script>x</script>",
   "raw": "x", "source": "body", "header": null, "rule": "form", "rule_set_version": 3,
   "mail_message_id": 1, "part": "1", "prepared": {"in": "body", "begin": 9, "end": 33},
   "raw_mail": null, "raw_mail_reason": "charset", "charset": null, "charset_path": null,
   "transformations": ["copy_of_company_text"]},
  {"record_kind": "deal", "record_id": 17, "field": "number_of_users", "value": "50-60",
   "raw": "50-60", "source": "body", "header": null, "rule": "form", "rule_set_version": 3,
   "mail_message_id": 1, "part": "1", "prepared": {"in": "body", "begin": 41, "end": 46},
   "raw_mail": null, "raw_mail_reason": "transfer_encoding", "charset": "utf-8",
   "charset_path": "declared", "transformations": []},
  {"record_kind": "contact", "record_id": null, "field": "contact.full_name",
   "value": "Evil \u202Egnp.exe", "raw": null, "source": "from_name", "header": "From",
   "rule": "form", "rule_set_version": 3, "mail_message_id": 1, "part": null, "prepared": null,
   "raw_mail": null, "raw_mail_reason": "encoded_word", "charset": null, "charset_path": null,
   "transformations": []},
  {"record_kind": "activity", "record_id": 18, "field": "topic", "value": "t", "raw": "t",
   "source": "subject", "header": "Subject", "rule": "form", "rule_set_version": 3,
   "mail_message_id": 1, "part": null, "prepared": null, "raw_mail": null,
   "raw_mail_reason": null, "charset": null, "charset_path": null, "transformations": []},
  {"record_kind": "deal", "record_id": 17, "field": "email_message", "value": null, "raw": null,
   "source": "body", "header": null, "rule": "form", "rule_set_version": 3, "mail_message_id": 1,
   "part": "1", "prepared": {"in": "body", "begin": 0, "end": 47},
   "raw_mail": {"begin": 100, "end": 147, "exact": false}, "raw_mail_reason": "whole_part",
   "charset": "utf-8", "charset_path": "declared", "transformations": ["decoded"]}],
 "unusable": [], "target": null, "why_not": null, "reproduced": true, "notes": []})json";

}  // namespace c360::api
