// What a scripted server does instead of answering.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "tests/support/scripted_imap_server.h"

namespace c360::testing {

using Handler = ScriptedImapServer::Handler;

inline Handler says(std::string bytes) {
  return [bytes = std::move(bytes)](ImapConnection& client, const ImapCommand&) {
    client.send(bytes);
  };
}
inline Handler answers(std::string status_and_text) {
  return [text = std::move(status_and_text)](ImapConnection& client, const ImapCommand& command) {
    client.line(command.tag + " " + text);
  };
}
inline void hangs(ImapConnection& client, const ImapCommand&) { client.hang(); }
inline void drips(ImapConnection& client, const ImapCommand&) {
  for (;;) client.drip("* OK [ALERT] wait\r\n");
}
inline void closes(ImapConnection& client, const ImapCommand&) { client.close(); }

// Each message once as `changed`, with the size of the true one.
inline Handler sends_instead(ScriptedImapServer& peer,
                             const std::function<std::string(const ImapAccount::Message&)>& changed,
                             bool true_size = true) {
  return [&peer, changed, true_size](ImapConnection& client, const ImapCommand& command) {
    std::size_t sequence = 0;
    for (const auto& message : peer.account().messages("INBOX")) {
      ++sequence;
      if (!command.asks_for(message.uid)) continue;
      const std::string body = changed(message);
      client.line("* " + std::to_string(sequence) + " FETCH (UID " + std::to_string(message.uid) +
                  " RFC822.SIZE " + std::to_string(true_size ? message.bytes.size() : body.size()) +
                  " BODY[] {" + std::to_string(body.size()) + "}\r\n" + body + ")");
    }
    client.ok(command);
  };
}

}  // namespace c360::testing
