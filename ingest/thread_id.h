// Message ids that name the record they are about, with a proof that we made them: what answers one
// was sent by somebody who got our mail.
//
//   c360-RECORD-NONCE-PROOF@DOMAIN
//
// PROOF is the first 128 bits of HMAC-SHA256(key, "RECORD-NONCE"), in hex. Domain and letter case
// do not count: gateways rewrite them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/base/secret.h"

namespace c360::ingest {

// `nonce` is hex and makes ids of one record differ. Without angle brackets.
std::string make_thread_id(const Secret& key, std::int64_t record_id, std::string_view nonce,
                           std::string_view domain);

// The record an id of ours names; nullopt for every other id, and with an empty key.
std::optional<std::int64_t> record_of_thread_id(const Secret& key, std::string_view message_id);

// The outbound message an id of ours is of: its number is the nonce (daemon/channel_sender.h);
// nullopt for every other id, and with an empty key.
std::optional<std::int64_t> message_of_thread_id(const Secret& key, std::string_view message_id);

}  // namespace c360::ingest
