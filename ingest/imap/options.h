// How one IMAP account is reached, and every limit of the client with its default.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "daemon/base/secret.h"

namespace c360::ingest::imap {

enum class TlsMode : std::uint8_t {
  imaps,     // TLS from the first byte (RFC 8314), port 993
  starttls,  // port 143, then TLS before anything else; never falls back to plain
  none,      // no TLS at all, only when somebody chose it
};

enum class AuthMechanism : std::uint8_t {
  // By password: AUTHENTICATE PLAIN where announced, else LOGIN. By token: OAUTHBEARER where only
  // that is announced, else XOAUTH2, which some providers take without announcing it.
  automatic,
  plain,        // SASL PLAIN (RFC 4616)
  login,        // the LOGIN command
  xoauth2,      // Google's, and by now everybody's
  oauthbearer,  // RFC 7628
};

// Checked before anything is allocated or read; what crosses one ends the connection with reason
// `limit_crossed`, except a message that is too long, which is refused alone.
struct ImapLimits {
  std::uint64_t message_bytes = 100ULL << 20U;  // one mail
  // A longer mail is read and thrown away up to this size, to keep the session; beyond it the
  // connection is cut.
  std::uint64_t skipped_bytes = 1ULL << 30U;
  std::size_t line_bytes = 1U << 20U;    // one response without its literals and its uid lists
  std::size_t literal_bytes = 64 << 10;  // a literal anywhere but in a message body
  std::size_t nesting = 64;              // brackets within brackets
  std::size_t values = 100'000;          // items of one response, all depths together
  std::size_t uids = 5'000'000;          // messages of one search
  // Untagged responses to one command, besides those that were asked for.
  std::size_t responses = 1'000'000;
  std::size_t capabilities = 256;
  std::size_t command_bytes = 8'000;  // one command line of ours (RFC 9051 leaves it open)

  bool operator==(const ImapLimits&) const = default;
};

struct ImapOptions {
  std::string host;
  std::uint16_t port = 993;
  TlsMode tls = TlsMode::imaps;
  std::string ca_file;      // PEM, trusted besides the system's authorities; empty: those only
  std::string server_name;  // in the certificate; empty: host
  std::string username;
  Secret password;
  AuthMechanism auth = AuthMechanism::automatic;

  // Name lookup, TCP, TLS and the greeting together.
  std::chrono::milliseconds connect_timeout{30'000};
  // From sending a command to its end. A fetch may take this long per message, and longer for a
  // long one, as long as it moves `minimum_rate` bytes a second.
  std::chrono::milliseconds command_timeout{60'000};
  std::uint64_t minimum_rate = 16 << 10;
  // Servers drop a client that idles for 30 minutes (RFC 2177): renewed before 29.
  std::chrono::milliseconds idle_renewal{28 * 60'000};
  ImapLimits limits;

  bool operator==(const ImapOptions&) const = default;
};

}  // namespace c360::ingest::imap
