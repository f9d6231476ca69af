// A byte stream to an IMAP server: TCP, and TLS over it from the start or later (STARTTLS).
//
// Every wait is a poll() on the socket and on two event counters, bounded by the deadline: so a
// server that drips bytes is cut in time, and interrupt() ends a blocked call at once, name lookup
// and TLS handshake included, without touching the socket from another thread.
//
// One thread uses it; interrupt() and wake() may come from any. SIGPIPE is blocked in the thread
// that calls connect(): TLS writes have no other way to get an error instead of the signal.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "ingest/imap/byte_source.h"
#include "ingest/imap/options.h"

namespace c360::ingest::imap {

class Transport final : public ByteSource {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Waited : std::uint8_t { readable, woken, timeout };

  explicit Transport(const ImapOptions& options);
  ~Transport() override;  // closes
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // No read, write or wait lasts past this; at first the connect timeout from now.
  void set_deadline(TimePoint deadline);
  TimePoint deadline() const;

  // To the first address of the host that answers; with TLS when the mode is imaps.
  Result<void> connect();
  // TLS >= 1.2 over the open connection; the certificate must be trusted and carry the name.
  Result<void> start_tls();
  bool encrypted() const;

  Result<void> write(std::string_view bytes);
  Result<std::string_view> more() override;

  // Until bytes are there for more(), wake() was called, or `until` is past. Not bounded by the
  // deadline.
  Result<Waited> wait(TimePoint until);

  void close();
  void interrupt();  // sticky
  void wake();       // remembered until the next wait()

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace c360::ingest::imap
