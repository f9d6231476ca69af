// What a folder has: selected, listed, compared with the ledger (design.md 4, step 2).
#include <algorithm>
#include <set>
#include <utility>

#include "ingest/poller.h"

namespace c360::ingest {

using store::FolderKey;

namespace {

// After more than so many changes of our own a search by mod-sequence answers shorter than SELECT,
// which names each of them.
constexpr std::size_t kOwnChanges = 1'000;
constexpr int kFailedResyncs = 3;

}  // namespace

// Selects, and never trusts a UID across another UIDVALIDITY (RFC 9051, 2.3.1.1).
Result<FolderKey> Poller::open_folder(const std::string& folder) {
  auto selected = select(folder);
  if (!selected) return with_context(selected.error(), "folder " + folder);
  selected_ = *selected;
  FolderKey key{mailbox_id_, folder, static_cast<std::int64_t>(selected_.uidvalidity)};
  auto state = log_.folder(mailbox_id_, folder, ports_.options.compare_interval);
  if (!state) return std::unexpected(state.error());
  if (state->uidvalidity == key.uidvalidity) return key;
  if (state->uidvalidity != 0) {
    remark("the folder was built anew: UIDVALIDITY " + std::to_string(state->uidvalidity) +
           " became " + std::to_string(key.uidvalidity));
    ports_.observer.observe(
        event::mailbox_uidvalidity_changed,
        {{"mailbox", settings_.code}, {"before", state->uidvalidity}, {"now", key.uidvalidity}});
  }
  auto vanished = log_.change_uidvalidity(key);
  if (!vanished) return std::unexpected(vanished.error());
  if (*vanished > 0)
    ports_.observer.observe(event::message_vanished,
                            {{"mailbox", settings_.code}, {"count", *vanished}});
  return key;
}

// With what happened since the last listing, where the server tells it (QRESYNC). What comes of the
// question is no reason to go without mail: after a failure it is not asked, after several never.
Result<SelectedMailbox> Poller::select(const std::string& folder) {
  const Listed before = listed_[folder];
  listed_[folder].told = 0;
  if (!trusts_modseq_ || before.state.modseq == 0 || before.told > kOwnChanges)
    return mailbox_->select(folder, /*read_only=*/false);
  auto selected = mailbox_->select_since(folder, before.state);
  if (selected) {
    failed_resyncs_ = 0;
    return selected;
  }
  listed_.erase(folder);
  if (++failed_resyncs_ == kFailedResyncs) distrust_modseq("failed");
  if (selected.error().code != ErrorCode::upstream_rejected) return selected;
  auto plain = mailbox_->select(folder, /*read_only=*/false);
  if (plain) distrust_modseq("refused");
  return plain;
}

// The first listing is a comparison, whatever the interval says; later ones are compared after a
// listing, which has then had its chance.
Result<store::MailLog::Folder> Poller::list(const FolderKey& key) {
  auto state = log_.folder(mailbox_id_, key.folder, ports_.options.compare_interval);
  if (!state) return state;
  const bool first = !state->sync_uid;
  listed_by_modseq_ = false;
  if (!first) {
    if (auto listed = list_new(key, *state); !listed) return std::unexpected(listed.error());
    auto vanished = pending_vanished(key);
    if (!vanished) return std::unexpected(vanished.error());
    state->compare_due = state->compare_due || *vanished;
  }
  if (!first && !state->compare_due) return state;
  if (auto compared = compare(key, *state); !compared) {
    ports_.observer.metrics()
        .counter(Metric::mailbox_comparison_failures_total, {settings_.code})
        .add();
    // A server that refuses to list everything still lets new mail in; how much of it is wanted
    // the first time only the whole list can tell.
    const bool bounded = first && settings_.first_sync_limit > 0;
    if (compared.error().code != ErrorCode::upstream_rejected || bounded)
      return std::unexpected(compared.error());
    const Error& error = compared.error();
    remark("the comparison with the server failed: " + error.detail);
    ports_.observer.observe_at(
        LogLevel::warn, event::mailbox_compared,
        {{"mailbox", settings_.code}, {"code", to_string(error.code)}, {"reason", error.reason}});
    if (!first) return state;
    if (auto listed = list_new(key, *state); !listed) return std::unexpected(listed.error());
    return state;
  }
  if (!first) return state;
  state = log_.folder(mailbox_id_, key.folder, ports_.options.compare_interval);
  sync_.begun();
  report_sync(true);
  return state;
}

Result<void> Poller::list_new(const FolderKey& key, const store::MailLog::Folder& state) {
  SearchCriteria criteria;
  criteria.unseen_only = settings_.unseen_only;
  criteria.since = settings_.since;
  criteria.terms = terms();
  if (!settings_.unseen_only && goes_on(key)) criteria.above = static_cast<Uid>(state.last_uid);
  auto found = search_new(key, criteria);
  if (!found) return std::unexpected(found.error());
  if (!found->empty()) {
    const std::vector<std::int64_t> uids(found->begin(), found->end());
    auto listed = log_.list(key, uids);
    if (!listed) return std::unexpected(listed.error());
    found_news_ = found_news_ || *listed > 0;
    if (auto noted = log_.note_last_uid(key, uids.back()); !noted) return noted;
  }
  listed_[key.folder].state = {selected_.uidvalidity, selected_.highest_modseq};
  return {};
}

// Whether all that is wanted of the mails listed before is known. What is wanted by its age now was
// perhaps not when it was new, nor by other terms that this mailbox had before.
bool Poller::goes_on(const FolderKey& key) const {
  if (settings_.search.empty()) return true;
  const auto listed = listed_.find(key.folder);
  return !settings_.search.widens() && listed != listed_.end() &&
         listed->second.state.uidvalidity == selected_.uidvalidity;
}

// What is new, by the mod-sequence where the server keeps one (RFC 7162): a folder in which nothing
// arrived and no flag changed is not searched at all, nor one whose changes came with SELECT. It
// spares the listing, it is not believed: the comparison goes without it.
Result<std::vector<Uid>> Poller::search_new(const FolderKey& key, SearchCriteria criteria) {
  const FolderState before = listed_[key.folder].state;
  const bool continues = trusts_modseq_ && before.modseq > 0 && !settings_.search.widens() &&
                         before.uidvalidity == selected_.uidvalidity &&
                         selected_.highest_modseq >= before.modseq;
  listed_by_modseq_ = continues;
  if (!continues) return mailbox_->search(criteria);
  if (auto told = told_news(criteria)) return *std::move(told);
  if (selected_.highest_modseq == before.modseq) return std::vector<Uid>{};
  criteria.changed_after = before.modseq;
  auto found = mailbox_->search(criteria);
  if (found || found.error().code != ErrorCode::upstream_rejected) return found;
  distrust_modseq("refused");
  criteria.changed_after = 0;
  return mailbox_->search(criteria);
}

// What a search by mod-sequence would find, from the answer to SELECT. It names no dates or texts.
std::optional<std::vector<Uid>> Poller::told_news(const SearchCriteria& criteria) const {
  if (!selected_.changes || criteria.since || !criteria.terms.empty()) return std::nullopt;
  std::vector<Uid> uids;
  for (const ListedMessage& message : selected_.changes->changed) {
    const bool wanted = message.uid > criteria.above && !(criteria.unseen_only && message.seen);
    if (wanted) uids.push_back(message.uid);
  }
  return uids;
}

// Whether a mail that is still to be fetched is said to be gone: the comparison tells whether that
// is true, now and not at its next time.
Result<bool> Poller::pending_vanished(const FolderKey& key) {
  if (!selected_.changes) return false;
  std::vector<std::int64_t> firsts;
  std::vector<std::int64_t> lasts;
  for (const UidRange& range : selected_.changes->vanished) {
    firsts.push_back(range.first);
    lasts.push_back(range.last);
  }
  return log_.any_listed(key, firsts, lasts);
}

// Whether one of these messages was said to be gone.
bool Poller::contradicts(const std::vector<std::int64_t>& there) const {
  if (!selected_.changes) return false;
  return std::ranges::any_of(selected_.changes->vanished, [&](const UidRange& range) {
    const auto next = std::ranges::lower_bound(there, std::int64_t{range.first});
    return next != there.end() && *next <= range.last;
  });
}

// From now on folders are listed plainly.
void Poller::distrust_modseq(std::string_view why) {
  if (!std::exchange(trusts_modseq_, false)) return;
  remark("the server is wrong about what changed (" + std::string(why) +
         "): its folders are listed plainly");
  ports_.observer.observe(event::modseq_distrusted, {{"mailbox", settings_.code}, {"reason", why}});
}

// Everything the server has against everything the ledger has: what a listing missed is healed.
Result<void> Poller::compare(const FolderKey& key, const store::MailLog::Folder& state) {
  auto listing = mailbox_->list_all();
  if (!listing) return std::unexpected(listing.error());
  SearchCriteria recent;
  recent.since = settings_.since;
  SearchCriteria wanted;
  wanted.terms = terms();
  const bool all_wanted = wanted.terms.empty();
  auto wanted_since = settings_.since ? uids_that(recent) : std::set<std::int64_t>{};
  if (!wanted_since) return std::unexpected(wanted_since.error());
  auto within = all_wanted ? std::set<std::int64_t>{} : uids_that(wanted);
  if (!within) return std::unexpected(within.error());
  std::vector<std::int64_t> passed_by;  // a listing went beyond them: it should have found them
  std::vector<std::int64_t> fresh;
  std::vector<std::int64_t> seen;
  std::vector<std::int64_t> deleted;
  std::vector<std::int64_t> old;
  std::vector<std::int64_t> outside;
  std::vector<std::int64_t> all;
  for (const ListedMessage& message : *listing) {
    all.push_back(message.uid);
    if (settings_.since && !wanted_since->contains(message.uid)) {
      old.push_back(message.uid);
    } else if (!all_wanted && !within->contains(message.uid)) {
      outside.push_back(message.uid);
    } else if (message.deleted) {
      deleted.push_back(message.uid);  // somebody is about to remove it
    } else if (settings_.unseen_only && message.seen) {
      seen.push_back(message.uid);
    } else {
      (message.uid <= state.last_uid ? passed_by : fresh).push_back(message.uid);
    }
  }
  const std::vector<std::int64_t> beyond = beyond_limit(fresh, state);
  store::MailLog::Comparison found{.begun = state.asked_at,
                                   .server = static_cast<std::int64_t>(all.size())};
  auto missed = log_.list(key, passed_by);
  if (!missed) return std::unexpected(missed.error());
  found.missed = *missed;
  auto new_now = log_.list(key, fresh);
  if (!new_now) return std::unexpected(new_now.error());
  // It arrived in this moment, or the mod-sequence hid it: that is not asked for again.
  if (listed_by_modseq_ && found.missed + *new_now > 0) distrust_modseq("missed");
  if (contradicts(all)) distrust_modseq("contradicted");
  for (const auto& [uids, rule] :
       {std::pair<const std::vector<std::int64_t>*, const char*>{&seen, "already-seen"},
        {&deleted, "already-deleted"},
        {&old, "before-since"},
        {&outside, "outside-search"},
        {&beyond, "before-first-sync"}}) {
    if (auto listed = log_.list_ignored(key, *uids, rule); !listed)
      return std::unexpected(listed.error());
  }

  auto pending = log_.listed_uids(key);
  if (!pending) return std::unexpected(pending.error());
  std::vector<std::int64_t> gone;
  std::ranges::set_difference(*pending, all, std::back_inserter(gone));
  if (!gone.empty()) listed_.erase(key.folder);  // should they be there after all: listed plainly
  auto vanished = log_.vanish(key, gone);
  if (!vanished) return std::unexpected(vanished.error());
  found.gone = *vanished;
  if (!all.empty()) {
    if (auto noted = log_.note_last_uid(key, all.back()); !noted) return noted;
  }
  if (!state.sync_uid) {
    auto begun = log_.begin_sync(key, all.empty() ? 0 : all.back());
    if (!begun) return std::unexpected(begun.error());
  }
  auto known = log_.count_known(key, all);
  if (!known) return std::unexpected(known.error());
  found.difference = found.server - *known;
  if (auto noted = log_.note_compared(key, found); !noted) return noted;
  report(found);
  return look_for_forgotten_flags(key, *listing);
}

Result<std::set<std::int64_t>> Poller::uids_that(const SearchCriteria& criteria) {
  auto found = mailbox_->search(criteria);
  if (!found) return std::unexpected(found.error());
  return std::set<std::int64_t>(found->begin(), found->end());
}

// A bound of the reference includes its day.
MailTerms Poller::terms() const {
  const parsers::MailboxSearch& search = settings_.search;
  const Instant now = ports_.clock.now();
  using parsers::SearchBound;
  const auto day = [now](const std::string& bound) {
    return parsers::search_day(bound, now, SearchBound::earliest);
  };
  const auto day_after = [now](const std::string& bound) {
    auto last = parsers::search_day(bound, now, SearchBound::latest);
    if (last) *last += std::chrono::days{1};
    return last;
  };
  return {.subject = search.subject,
          .body = search.body,
          .subject_or_body = search.subject_or_body,
          .from = search.from,
          .to = search.to,
          .sent_since = day(search.sent_since),
          .sent_before = day_after(search.sent_before),
          .received_since = day(search.received_since),
          .received_before = day_after(search.received_before)};
}

Result<void> Poller::look_for_forgotten_flags(const FolderKey& key,
                                              const std::vector<ListedMessage>& listing) {
  std::vector<std::int64_t> untouched;
  std::vector<std::int64_t> touched;
  for (const ListedMessage& message : listing)
    (message.seen || message.deleted ? touched : untouched).push_back(message.uid);
  const auto unmarked = log_.count_told(key, untouched);
  if (!unmarked) return std::unexpected(unmarked.error());
  const auto staying = log_.count_told(key, touched, /*to_leave=*/true);
  if (!staying) return std::unexpected(staying.error());
  const std::int64_t forgotten = *unmarked + *staying;
  ports_.observer.metrics()
      .gauge(Metric::mailbox_forgotten_flags, {settings_.code, key.folder})
      .set(static_cast<double>(forgotten));
  const bool news = std::exchange(listed_[key.folder].forgotten, forgotten) != forgotten;
  if (forgotten == 0) return {};
  std::string how;
  if (*unmarked > 0)
    how =
        " as if it had never been told, or somebody marked it unread, " + std::to_string(*unmarked);
  if (*staying > 0)
    how += (how.empty() ? "" : ", and") +
           (" although it was asked to remove or to move it, " + std::to_string(*staying));
  remark("the server shows handled mail" + how + " in " + key.folder +
         ": no second record is made of it");
  if (news)
    ports_.observer.observe(
        event::flags_forgotten,
        {{"mailbox", settings_.code}, {"folder", key.folder}, {"count", forgotten}});
  return {};
}

void Poller::report(const store::MailLog::Comparison& found) const {
  if (found.gone > 0)
    ports_.observer.observe(event::message_vanished,
                            {{"mailbox", settings_.code}, {"count", found.gone}});
  ports_.observer.observe(event::mailbox_compared, {{"mailbox", settings_.code},
                                                    {"server", found.server},
                                                    {"missed", found.missed},
                                                    {"gone", found.gone},
                                                    {"difference", found.difference}});
  healed(kMissed).add(static_cast<double>(found.missed));
  healed(kGone).add(static_cast<double>(found.gone));
}

Counter Poller::healed(std::string_view kind) const {
  return ports_.observer.metrics().counter(Metric::mailbox_healed_total, {settings_.code, kind});
}

// Under another UIDVALIDITY the box is not new: what is left out then could be mail nobody has
// seen.
std::vector<std::int64_t> Poller::beyond_limit(std::vector<std::int64_t>& fresh,
                                               const store::MailLog::Folder& state) const {
  const std::size_t limit = settings_.first_sync_limit;
  if (limit == 0 || fresh.size() <= limit || state.sync_uid || state.renumbered) return {};
  const auto first_taken = fresh.end() - static_cast<std::ptrdiff_t>(limit);
  std::vector<std::int64_t> beyond(fresh.begin(), first_taken);
  fresh.erase(fresh.begin(), first_taken);
  return beyond;
}

}  // namespace c360::ingest
