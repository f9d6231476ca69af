#include "ingest/imap/select.h"

#include <algorithm>
#include <utility>

#include "daemon/base/text.h"
#include "ingest/imap/uid_set.h"

namespace c360::ingest::imap {
namespace {

std::optional<std::uint64_t> number(std::string_view digits) {
  if (digits.empty() || digits.size() > 19) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::uint32_t number32(std::string_view digits) {
  const auto value = number(digits).value_or(0);
  return value > UINT32_MAX ? 0 : static_cast<std::uint32_t>(value);
}

bool holds(const std::vector<std::string>& flags, std::string_view flag) {
  return std::ranges::any_of(
      flags, [&](const std::string& each) { return equal_ignoring_case(each, flag); });
}

}  // namespace

Result<void> SelectListener::untagged(Response& response) {
  using Kind = Response::Kind;
  if (response.kind == Kind::flags) flags_ = std::move(response.words);
  if (response.kind == Kind::status) code(response.code);
  if (response.kind == Kind::fetch) changed(response.fetch);
  if (response.kind == Kind::vanished && response.earlier) vanished(response.uids);
  return {};
}

void SelectListener::code(const ResponseCode& code) {
  // What came before it was said of the folder that was open until now (RFC 7162, 3.2.11).
  if (code.name == "CLOSED") *this = SelectListener{since_, limit_};
  if (code.name == "UIDVALIDITY") selected_.uidvalidity = number32(code.arguments);
  if (code.name == "UIDNEXT") selected_.uidnext = number32(code.arguments);
  if (code.name == "UIDNOTSTICKY") sticky_ = false;
  if (code.name == "PERMANENTFLAGS") {
    permanent_ = true;
    selected_.permanent_flags = flag_words(code.arguments);
  }
  if (code.name == "HIGHESTMODSEQ") selected_.highest_modseq = number(code.arguments).value_or(0);
  if (code.name == "NOMODSEQ") selected_.highest_modseq = 0;
}

void SelectListener::changed(const FetchItems& items) {
  if (!since_ || !usable_) return;
  usable_ = items.uid != 0 && items.flags && changes_.changed.size() < limit_;
  if (!usable_) return;
  changes_.changed.push_back({.uid = items.uid,
                              .seen = holds(*items.flags, kSeen),
                              .deleted = holds(*items.flags, kDeleted)});
}

void SelectListener::vanished(const std::vector<UidRange>& uids) {
  if (!since_ || !usable_) return;
  usable_ = changes_.vanished.size() + uids.size() <= limit_;
  if (usable_) changes_.vanished.insert(changes_.vanished.end(), uids.begin(), uids.end());
}

// Nothing where the answer is not one to our question or contradicts itself: then a search tells.
std::optional<FolderChanges> SelectListener::changes() {
  if (!since_ || !usable_ || selected_.uidvalidity != since_->uidvalidity ||
      selected_.highest_modseq < since_->modseq)
    return std::nullopt;
  auto& changed = changes_.changed;
  const bool silent = changed.empty() && changes_.vanished.empty();
  if (silent && selected_.highest_modseq > since_->modseq) return std::nullopt;
  // Of a message named twice the last word counts.
  std::ranges::reverse(changed);
  std::ranges::stable_sort(changed, {}, &ListedMessage::uid);
  const auto doubles = std::ranges::unique(changed, {}, &ListedMessage::uid);
  changed.erase(doubles.begin(), doubles.end());
  const bool beyond =
      selected_.uidnext != 0 && !changed.empty() && changed.back().uid >= selected_.uidnext;
  if (beyond) return std::nullopt;
  changes_.vanished = merged(std::move(changes_.vanished));
  return std::move(changes_);
}

SelectedMailbox SelectListener::result(std::string_view name, bool read_only) {
  selected_.name = name;
  selected_.read_only = read_only;
  selected_.changes = changes();
  // RFC 9051, 6.3.2: without PERMANENTFLAGS every flag may be changed for good.
  if (!permanent_) selected_.permanent_flags = flags_;
  std::erase_if(selected_.permanent_flags, [this](const std::string& flag) {
    if (flag != "\\*") return false;
    selected_.keywords_allowed = true;
    return true;
  });
  return std::move(selected_);
}

}  // namespace c360::ingest::imap
