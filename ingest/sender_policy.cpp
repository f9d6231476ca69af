// Who may write to us: the installation's sender rules, and answers that come too fast to be
// people's. Both go by what the database says when a batch is applied, so that a change counts at
// once.
#include <algorithm>

#include "daemon/base/json.h"
#include "daemon/base/text.h"
#include "ingest/mail_application.h"

namespace c360::ingest {

using store::Outcome;
using store::QuarantineReason;
using store::SenderAction;
using store::SenderRule;

namespace {

constexpr std::string_view kBlockedRule = "blocked-sender";

bool is_answer(const ReadMail& mail) {
  return !mail.result.in_reply_to.empty() || !mail.result.references.empty();
}

bool is_judged(const MailCase& item) { return !item.mail->ended && !item.mail->released; }

std::string_view word_of(SenderAction action) {
  return action == SenderAction::block        ? "block"
         : action == SenderAction::quarantine ? "quarantine"
                                              : "allow";
}

std::string described(const SenderRule& rule) {
  return "sender rule " + std::to_string(rule.id) + " (" + rule.sender + ", " +
         (rule.of_mailbox ? "this mailbox" : "every mailbox") +
         "): " + std::string(word_of(rule.action));
}

// Into `extracted`, where the explanation of a mail is read from.
void explain(store::MailResult& result, const SenderRule& rule) {
  std::string& extracted = result.extracted_json;
  if (!extracted.ends_with('}')) return;
  JsonWriter json;
  json.begin_object()
      .member("id", rule.id)
      .member("sender", rule.sender)
      .member("action", word_of(rule.action))
      .end_object();
  extracted.pop_back();
  extracted += (extracted == "{" ? "\"sender_rule\":" : ",\"sender_rule\":") + json.take() + "}";
}

}  // namespace

std::optional<store::SenderRuleLookup> MailApplication::look_up_sender_rules() {
  std::vector<store::SenderClue> clues;
  for (const MailCase& item : cases_)
    if (is_judged(item))
      clues.push_back({.email = to_lower(item.mail->result.from_address),
                       .domain = to_lower(item.mail->result.from_domain)});
  if (clues.empty()) return std::nullopt;
  return store::SenderRuleLookup{tx_, mailbox_.mailbox_id, clues};
}

std::optional<store::AnswerCount> MailApplication::count_answers() {
  if (mailbox_.settings.loop_limit == 0) return std::nullopt;
  std::vector<std::string> senders;
  for (const MailCase& item : cases_)
    if (is_judged(item) && is_answer(*item.mail))
      senders.push_back(to_lower(item.mail->result.from_address));
  if (senders.empty()) return std::nullopt;
  return store::AnswerCount{tx_, senders, mailbox_.settings.loop_window};
}

void MailApplication::judge_senders(const std::optional<store::SenderRuleLookup>& rules,
                                    const std::optional<store::AnswerCount>& answers) {
  std::vector<std::optional<SenderRule>> found;
  if (rules) found = rules->results();
  std::map<std::string, std::int64_t> counts;
  if (answers) counts = answers->results();
  std::size_t next = 0;
  for (MailCase& item : cases_) {
    ReadMail& mail = *item.mail;
    item.allowed = mail.released;
    if (!is_judged(item)) continue;
    if (const auto& rule = found[next++]) obey(item, *rule);
    if (!mail.ended && !item.allowed && answers && is_answer(mail))
      stop_loop(item, ++counts[to_lower(mail.result.from_address)]);
    if (mail.ended) item.kind = MailCase::Kind::ended;
  }
}

void MailApplication::obey(MailCase& item, const SenderRule& rule) {
  ReadMail& mail = *item.mail;
  explain(mail.result, rule);
  item.allowed = rule.action == SenderAction::allow;
  if (rule.action == SenderAction::block) {
    end(mail, Outcome::ignored);
    mail.result.rule_id = kBlockedRule;
  } else if (rule.action == SenderAction::quarantine) {
    hold(mail, QuarantineReason::unknown_sender, described(rule));
  }
}

void MailApplication::stop_loop(MailCase& item, std::int64_t answers) {
  const MailboxSettings& settings = mailbox_.settings;
  if (answers <= settings.loop_limit) return;
  hold(*item.mail, QuarantineReason::loop_suspected,
       std::to_string(answers) + " answers of " + item.mail->result.from_address + " within " +
           std::to_string(settings.loop_window.count()) + " minutes, the limit is " +
           std::to_string(settings.loop_limit) + "; a sender rule with action allow lifts it");
}

}  // namespace c360::ingest
