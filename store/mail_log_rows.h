// What the files of MailLog share.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/mail_log.h"

namespace c360::store {

inline constexpr std::array<std::string_view, 9> kOutcomeNames = {
    "deal_created", "lead_created", "activity_added", "support_created", "comment_added",
    "duplicate",    "ignored",      "quarantined",    "vanished"};

inline Params folder_params(const FolderKey& key) {
  Params params;
  params.add(key.mailbox_id).add(key.folder).add(key.uidvalidity);
  return params;
}

inline Sha256 sha256_of(const std::string& bytes) {
  Sha256 digest{};
  if (bytes.size() == digest.size()) std::ranges::copy(bytes, digest.begin());
  return digest;
}

inline PendingMail pending_at(const Rows& rows, int row) {
  return {.id = rows.int64(row, 0),
          .uid = rows.int64(row, 1),
          .uidvalidity = rows.int64(row, 2),
          .folder = std::string(rows.text(row, 3)),
          .stored = rows.boolean(row, 4),
          .attempts = static_cast<int>(rows.int64(row, 5)),
          .raw_sha256 = sha256_of(rows.bytes(row, 6)),
          .size_bytes = rows.int64(row, 7),
          .internal_date = rows.instant(row, 8),
          .fetched_at = rows.instant(row, 9),
          .error = std::string(rows.text(row, 10))};
}

inline std::vector<PendingMail> all_pending(const Rows& rows) {
  std::vector<PendingMail> mails;
  mails.reserve(static_cast<std::size_t>(rows.size()));
  for (int row = 0; row < rows.size(); ++row) mails.push_back(pending_at(rows, row));
  return mails;
}

inline std::optional<std::string> optional_text(const std::optional<std::int64_t>& value) {
  if (!value) return std::nullopt;
  return std::to_string(*value);
}

inline std::optional<std::string> optional_text(const std::optional<Instant>& value) {
  if (!value) return std::nullopt;
  return to_rfc3339(*value);
}

}  // namespace c360::store
