// How fast the client is, for a person: ingest_imap_test --gtest_also_run_disabled_tests
// --gtest_filter='*Throughput*'. It asserts nothing about time.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <iostream>

#include "ingest/imap/imap_mailbox.h"
#include "tests/support/dovecot.h"
#include "tests/support/message_collector.h"

namespace c360::ingest::imap {
namespace {

using c360::testing::Dovecot;
using c360::testing::MessageCollector;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST(DISABLED_Throughput, OfFiveThousandMailsOfFourKilobytesOverTls) {
  constexpr std::size_t kMails = 5'000;
  constexpr std::size_t kBatch = 100;
  Dovecot server;
  std::string body;
  while (body.size() < 4'000)
    body += "Just a line of a website form, as long as such lines are.\r\n";
  for (std::size_t i = 0; i < kMails; ++i) {
    server.deliver("ann", "Subject: mail " + std::to_string(i) + "\r\n\r\n" + body);
  }
  ImapOptions options;
  options.host = "127.0.0.1";
  options.port = server.imaps_port();
  options.server_name = "imap.example.test";
  options.ca_file = server.ca_file();
  options.username = "ann";
  options.password = Secret("secret");
  auto mailbox = make_imap_mailbox(options);
  ASSERT_TRUE(mailbox->connect());
  ASSERT_TRUE(mailbox->select("INBOX", false));  // Dovecot builds its index here
  const auto uids = mailbox->search({.unseen_only = true});
  ASSERT_TRUE(uids);
  ASSERT_EQ(uids->size(), kMails);

  // The first round warms the server's caches; only the second counts.
  for (const char* round : {"first", "second"}) {
    MessageCollector sink;
    sink.keep = false;
    const auto began = std::chrono::steady_clock::now();
    const double cpu = cpu_seconds();
    for (std::size_t at = 0; at < kMails; at += kBatch) {
      ASSERT_TRUE(mailbox->fetch(std::span(*uids).subspan(at, kBatch), sink));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    ASSERT_EQ(sink.order.size(), kMails);
    std::cout << round << ": " << static_cast<double>(kMails) / took.count() << " mails/s, "
              << (cpu_seconds() - cpu) * 1e6 / static_cast<double>(kMails) << " us CPU a mail, "
              << static_cast<double>(sink.received) / took.count() / 1e6 << " MB/s\n";
  }
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(mailbox->add_flag(*uids, kSeen));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << "flagging all of them: " << took.count() << " s\n";
}

}  // namespace
}  // namespace c360::ingest::imap
