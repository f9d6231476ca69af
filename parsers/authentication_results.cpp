#include "parsers/authentication_results.h"

#include <algorithm>

#include "daemon/base/json.h"
#include "daemon/base/text.h"

namespace c360::parsers {

namespace {

// Words, "=", ";", "/" of a field body; comments (they nest) and quotes are taken off (RFC 5322,
// 3.2.2, 3.2.4).
std::vector<std::string> tokens_of(std::string_view body) {
  std::vector<std::string> tokens;
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) tokens.push_back(std::move(word));
    word.clear();
  };
  int comment = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (c == '\\' && (quoted || comment > 0) && i + 1 < body.size()) {
      ++i;
      if (comment == 0) word += body[i];
    } else if (quoted) {
      if (c == '"')
        quoted = false;
      else
        word += c;
    } else if (c == '(') {
      ++comment;
    } else if (comment > 0) {
      if (c == ')') --comment;
    } else if (c == '"') {
      quoted = true;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      finish();
    } else if (c == '=' || c == ';') {
      finish();
      tokens.emplace_back(1, c);
    } else {
      word += c;
    }
  }
  finish();
  return tokens;
}

std::string domain_of(std::string_view value) {
  const std::size_t at = value.rfind('@');
  std::string domain = to_lower(at == std::string_view::npos ? value : value.substr(at + 1));
  while (!domain.empty() && domain.back() == '.') domain.pop_back();
  return domain;
}

// Relaxed alignment without a list of public suffixes: one of the two is the other or lies below
// it, and it is not a bare top level.
bool is_aligned(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return false;
  if (a == b) return true;
  const std::string_view shorter = a.size() < b.size() ? a : b;
  const std::string_view longer = a.size() < b.size() ? b : a;
  return shorter.contains('.') && longer.ends_with(shorter) &&
         longer[longer.size() - shorter.size() - 1] == '.';
}

// method[/version]=result *(ptype.property=value), up to ";" (RFC 8601, 2.2).
void take_method(const std::vector<std::string>& tokens, std::size_t begin, std::size_t end,
                 AuthenticationResults& results) {
  if (end - begin < 3 || tokens[begin + 1] != "=") return;  // "none", or nothing
  const std::string method = to_lower(tokens[begin].substr(0, tokens[begin].find('/')));
  const std::string result = to_lower(tokens[begin + 2]);
  std::string header_d;
  std::string header_i;
  std::string mail_from;
  std::string helo;
  std::string from;
  for (std::size_t i = begin + 3; i + 2 < end; ++i) {
    if (tokens[i + 1] != "=") continue;
    const std::string name = to_lower(tokens[i]);
    const std::string& value = tokens[i + 2];
    if (name == "header.d") header_d = domain_of(value);
    if (name == "header.i") header_i = domain_of(value);
    if (name == "header.from") from = domain_of(value);
    if (name == "smtp.mailfrom") mail_from = domain_of(value);
    if (name == "smtp.helo") helo = domain_of(value);
  }
  if (method == "dmarc") {
    results.dmarc = result;
    results.dmarc_domain = from;
  } else if (method == "spf") {
    results.spf = result;
    results.spf_domain = mail_from.empty() ? helo : mail_from;
  } else if (method == "dkim") {
    if (results.dkim != "pass") results.dkim = result;  // one good signature is enough
    if (result == "pass")
      results.dkim_pass_domains.push_back(header_d.empty() ? header_i : header_d);
  }
}

SenderProof proof_of(const AuthenticationResults& results, const std::string& from) {
  if (from.empty()) return SenderProof::none;
  const bool says_dmarc = results.dmarc_domain.empty() || is_aligned(results.dmarc_domain, from);
  if (results.dmarc == "pass" && says_dmarc) return SenderProof::pass;
  if (results.dmarc == "fail") return SenderProof::fail;
  if (std::ranges::any_of(results.dkim_pass_domains,
                          [&](const std::string& domain) { return is_aligned(domain, from); }))
    return SenderProof::pass;
  if (results.spf == "pass" && is_aligned(results.spf_domain, from)) return SenderProof::pass;
  if (results.spf == "fail" && is_aligned(results.spf_domain, from)) return SenderProof::fail;
  return SenderProof::none;
}

}  // namespace

std::string_view to_string(SenderProof proof) {
  switch (proof) {
    case SenderProof::none:
      return "none";
    case SenderProof::pass:
      return "pass";
    case SenderProof::fail:
      return "fail";
  }
  return {};
}

AuthenticationResults read_authentication_results(const Message& message,
                                                  std::string_view authserv_id) {
  AuthenticationResults results;
  if (authserv_id.empty()) return results;
  for (const HeaderField& field : message.headers) {
    if (!equal_ignoring_case(field.name, "Authentication-Results")) continue;
    const auto tokens =
        tokens_of(std::string_view(field.body).substr(0, kMaxAuthenticationFieldBytes));
    if (tokens.empty() || !equal_ignoring_case(tokens.front(), authserv_id)) continue;
    results.authserv_id = tokens.front();
    auto next = std::ranges::find(tokens, ";");
    while (next != tokens.end()) {
      const auto begin = static_cast<std::size_t>(next - tokens.begin()) + 1;
      next = std::find(tokens.begin() + static_cast<std::ptrdiff_t>(begin), tokens.end(), ";");
      take_method(tokens, begin, static_cast<std::size_t>(next - tokens.begin()), results);
    }
    break;  // what lies below was there before our server saw the mail
  }
  // Two authors: the proof would be about one of them, and people see the other.
  if (message.from.size() == 1) results.proof = proof_of(results, message.from.front().domain());
  return results;
}

std::string to_json(const AuthenticationResults& results) {
  if (results.authserv_id.empty()) return "{}";
  JsonWriter json;
  json.begin_object().member("authserv_id", results.authserv_id);
  const auto put = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) json.member(name, value);
  };
  put("dmarc", results.dmarc);
  put("spf", results.spf);
  put("dkim", results.dkim);
  put("header_from", results.dmarc_domain);
  put("mail_from", results.spf_domain);
  if (!results.dkim_pass_domains.empty())
    json.member("dkim_domain", results.dkim_pass_domains.front());
  json.member("proof", to_string(results.proof));
  json.end_object();
  return json.take();
}

}  // namespace c360::parsers
