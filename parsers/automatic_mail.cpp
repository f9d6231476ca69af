#include "parsers/automatic_mail.h"

#include <algorithm>
#include <array>
#include <optional>

#include "daemon/base/text.h"

namespace c360::parsers {
namespace {

// Lower case. What out-of-office programs put in front of or into a subject.
constexpr auto kAutomaticSubjects = std::to_array<std::string_view>({"automatic reply",
                                                                     "auto reply",
                                                                     "auto-reply",
                                                                     "autoreply",
                                                                     "auto response",
                                                                     "auto-response",
                                                                     "autoresponse",
                                                                     "out of office",
                                                                     "out of the office",
                                                                     "out-of-office",
                                                                     "away until",
                                                                     "on vacation",
                                                                     "vacation reply",
                                                                     "автоответ",
                                                                     "автоматический ответ",
                                                                     "нет на месте",
                                                                     "вне офиса",
                                                                     "в отпуске",
                                                                     "отсутствие на рабочем месте",
                                                                     "abwesenheit",
                                                                     "automatische antwort",
                                                                     "réponse automatique",
                                                                     "respuesta automática",
                                                                     "risposta automatica",
                                                                     "resposta automática"});

constexpr auto kFailureSubjects = std::to_array<std::string_view>({"undeliver",
                                                                   "delivery status",
                                                                   "delivery failure",
                                                                   "delivery failed",
                                                                   "delivery has failed",
                                                                   "delivery report",
                                                                   "delivery problem",
                                                                   "mail failure",
                                                                   "mail delivery",
                                                                   "failure notice",
                                                                   "returned mail",
                                                                   "returned to sender",
                                                                   "mail system error",
                                                                   "message you sent",
                                                                   "could not send message",
                                                                   "non-delivery",
                                                                   "nondeliverable",
                                                                   "rejected mail",
                                                                   "не доставлено",
                                                                   "недоставлен",
                                                                   "не может быть доставлено",
                                                                   "ошибка доставки",
                                                                   "сбой доставки",
                                                                   "уведомление о доставке",
                                                                   "возвращено отправителю"});

constexpr auto kDaemons = std::to_array<std::string_view>(
    {"mailer-daemon", "mailerdaemon", "mail-daemon", "mdaemon", "mailer_daemon"});

template <std::size_t N>
bool contains_any(const std::string& text, const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

std::optional<std::string> value(const Message& message, std::string_view name) {
  const HeaderField* field = find_header(message, name);
  if (field == nullptr) return std::nullopt;
  return to_lower(trimmed(field->body));
}

bool says_yes(const std::optional<std::string>& text) {
  return text && !text->empty() && *text != "no" && *text != "false" && *text != "0";
}

std::string local_part(const Message& message) {
  const Address* from = author(message);
  if (from == nullptr) return {};
  const std::string address = to_lower(from->address);
  return address.substr(0, address.find('@'));
}

// The name of the field that makes it an automatic answer; empty when none does.
std::string auto_reply_reason(const Message& message) {
  const auto submitted = value(message, "Auto-Submitted");  // RFC 3834, 5
  if (submitted && submitted->starts_with("auto-replied")) return "Auto-Submitted";
  for (const std::string_view name :
       {"X-Autoreply", "X-Auto-Reply", "X-Autorespond", "X-Autoresponder", "X-AutoReply-From",
        "X-Mail-Autoreply", "X-Autoreply-Domain"}) {
    if (says_yes(value(message, name))) return std::string(name);
  }
  const auto precedence = value(message, "Precedence");
  if (precedence && (*precedence == "auto_reply" || *precedence == "auto-reply")) {
    return "Precedence";
  }
  // What follows is also said of website forms and newsletters: only an answer's subject decides.
  if (!contains_any(to_lower(message.subject), kAutomaticSubjects)) return {};
  if (submitted && submitted->starts_with("auto-")) return "Auto-Submitted";
  // Exchange: [MS-OXCMAIL], 2.1.3.2.17.
  if (says_yes(value(message, "X-Auto-Response-Suppress"))) return "X-Auto-Response-Suppress";
  if (precedence && (*precedence == "junk" || *precedence == "bulk")) return "Precedence";
  if (message.return_path && message.return_path->empty()) return "Return-Path";
  if (find_header(message, "X-Autogenerated") != nullptr) return "X-Autogenerated";
  if (!message.in_reply_to.empty()) return "In-Reply-To";
  return {};
}

bool has_part(const Message& message, std::string_view media_type) {
  return std::any_of(message.parts.begin(), message.parts.end(), [&](const Part& part) {
    return !part.is_nested && part.media_type == media_type;
  });
}

bool is_delivery_report(const Message& message) {
  if (has_part(message, "message/delivery-status") ||
      has_part(message, "message/global-delivery-status")) {
    return true;
  }
  if (message.media_type != "multipart/report") return false;
  const auto type = value(message, "Content-Type");
  if (type && type->find("delivery-status") != std::string::npos) return true;
  // Read receipts (RFC 8098) and abuse reports (RFC 5965) name their own type.
  return !has_part(message, "message/disposition-notification") &&
         !has_part(message, "message/feedback-report") &&
         !(type && type->find("report-type") != std::string::npos);
}

std::string bounce_reason(const Message& message) {
  if (is_delivery_report(message)) return "multipart/report";
  if (find_header(message, "X-Failed-Recipients") != nullptr) return "X-Failed-Recipients";
  const std::string from = local_part(message);
  if (contains_any(from, kDaemons)) return "From";
  // RFC 5321, 4.5.5: notifications have no return path; some servers name the daemon instead.
  const std::string path = message.return_path ? to_lower(*message.return_path) : std::string();
  const bool no_path =
      message.return_path && (path.empty() || path == "<>" || contains_any(path, kDaemons));
  const bool failure = contains_any(to_lower(message.subject), kFailureSubjects);
  if (no_path && failure) return "Return-Path";
  // Nobody to answer and the mail it speaks of attached: a notification that is no report. What is
  // one names its own type.
  if (no_path && message.media_type != "multipart/report" && has_part(message, "message/rfc822"))
    return "Return-Path";
  // fml, a list server, answers what it will not distribute.
  if (find_header(message, "X-MLServer") != nullptr &&
      to_lower(message.subject).starts_with("loop alert"))
    return "X-MLServer";
  if (from != "postmaster") return {};
  if (no_path) return "Return-Path";
  if (failure || has_part(message, "message/rfc822") || has_part(message, "text/rfc822-headers")) {
    return "From";
  }
  return {};
}

bool is_list(const Message& message) {
  if (!message.list_id.empty()) return true;
  for (const std::string_view name : {"List-Id", "List-Post", "Mailing-List", "X-Mailing-List"}) {
    if (find_header(message, name) != nullptr) return true;
  }
  const auto precedence = value(message, "Precedence");
  if (precedence == "list") return true;
  // Services that send website forms add a way to unsubscribe too: alone it makes no list.
  return precedence == "bulk" && (find_header(message, "List-Unsubscribe") != nullptr ||
                                  find_header(message, "List-Help") != nullptr);
}

}  // namespace

AutomaticKind automatic_kind(const Message& message) {
  AutomaticKind kind;
  kind.reason = bounce_reason(message);
  kind.is_bounce = !kind.reason.empty();
  std::string reply = auto_reply_reason(message);
  kind.is_auto_reply = !reply.empty();
  if (kind.reason.empty()) kind.reason = std::move(reply);
  kind.is_list = is_list(message);
  return kind;
}

}  // namespace c360::parsers
