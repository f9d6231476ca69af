#include "tests/support/courier.h"

#include <fstream>

#include "tests/support/test_certificates.h"

namespace c360::testing {
namespace {

namespace fs = std::filesystem;

// authdaemond's question: some lines about the connection, "AUTH <bytes>", then the service, the
// kind of sign-in, the user and the password, a line each.
void answer_authdaemond(PasswordQuestion& question, const fs::path& mail) {
  std::string line = question.read_line();
  while (!line.empty() && !line.starts_with("AUTH ")) line = question.read_line();
  const std::string service = question.read_line();
  const std::string kind = question.read_line();
  const std::string user = question.read_line();
  const std::string password = question.read_line();
  if (kind != "login" || password != "secret" || !fs::exists(mail / user)) {
    return question.answer("FAIL\n");
  }
  const MailUser owner = mail_user();
  const std::string home = (mail / user).string();
  question.answer("UID=" + std::to_string(owner.uid) + "\nGID=" + std::to_string(owner.gid) +
                  "\nHOME=" + home + "\nADDRESS=" + user + "\nMAILDIR=" + home + "/Maildir\n.\n");
}

}  // namespace

Courier::Courier()
    : passwords_(root_ / "authdaemond", [mail = root_ / "mail"](PasswordQuestion& question) {
        answer_authdaemond(question, mail);
      }) {
  fs::create_directories(root_ / "tls");
  const CertificateFiles files = TestAuthority(root_ / "tls").issue("server");
  // It wants both in one file.
  std::ofstream(root_ / "tls/both.pem")
      << read_whole_file(files.key) << read_whole_file(files.certificate);
  give_to_mail_user(root_ / "tls/both.pem");
  const std::string programs = (unpacked_servers() / "usr").string();
  const std::vector<std::string> imapd{programs + "/lib/courier/courier/imaplogin",
                                       programs + "/bin/imapd", "Maildir"};
  std::vector<std::string> plain{std::to_string(imap_port())};
  plain.insert(plain.end(), imapd.begin(), imapd.end());
  std::vector<std::string> tls{std::to_string(imaps_port()), programs + "/bin/couriertls",
                               "-server", "-tcpd"};
  tls.insert(tls.end(), imapd.begin(), imapd.end());
  plain_.start(command(plain, false), imap_port());
  tls_.start(command(tls, true), imaps_port(), /*silent=*/true);
}

// What Courier's start script puts into the environment from /etc/courier/imapd and imapd-ssl, with
// their defaults but for the certificate, the extensions of TLS and the wait within IDLE.
ServerCommand Courier::command(const std::vector<std::string>& server, bool tls) const {
  const std::string programs = (unpacked_servers() / "usr").string();
  const std::string capabilities =
      "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA "
      "IDLE";
  std::vector<std::string> words{programs + "/sbin/couriertcpd",
                                 "-address=127.0.0.1",
                                 "-maxprocs=100",
                                 "-maxperip=100",
                                 "-nodnslookup",
                                 "-noidentlookup"};
  words.insert(words.end(), server.begin(), server.end());
  return {
      .words = std::move(words),
      .environment = {"PATH=/usr/bin:/bin",
                      "LD_LIBRARY_PATH=" + programs + "/lib:" + programs + "/lib/x86_64-linux-gnu",
                      std::string("LD_PRELOAD=") + C360_COURIER_SURROUNDINGS,
                      "C360_AUTHDAEMOND=" + (root_ / "authdaemond").string(),
                      "HOSTNAME=imap.example.test", "IMAP_CAPABILITY=" + capabilities,
                      "IMAP_CAPABILITY_TLS=" + capabilities + " AUTH=PLAIN", "IMAP_KEYWORDS=1",
                      "IMAP_ACL=1", "IMAP_IDLE_TIMEOUT=1", "IMAP_MAILBOX_SANITY_CHECK=1",
                      "IMAP_USELOCKS=1", "IMAP_ENHANCEDIDLE=0", "IMAP_STARTTLS=YES",
                      "IMAP_TLS_REQUIRED=0", std::string("IMAP_TLS=") + (tls ? "1" : "0"),
                      "COURIERTLS=" + programs + "/bin/couriertls",
                      "TLS_CERTFILE=" + (root_ / "tls/both.pem").string(), "TLS_VERIFYPEER=NONE"},
      .log = root_ / "courier.log",
      .as_mail_user = true};
}

void Courier::deliver(std::string_view user, std::string bytes) {
  for (std::size_t at = 0; (at = bytes.find("\r\n", at)) != std::string::npos; ++at) {
    bytes.erase(at, 1);
  }
  mail_.deliver(user, bytes);
}

std::vector<std::string> Courier::stored(std::string_view user, std::string_view folder) const {
  std::vector<std::string> mails;
  for (StoredMail& mail : mail_.stored(user, folder)) {
    mails.push_back(std::move(mail.bytes));
    for (std::size_t at = 0; (at = mails.back().find('\n', at)) != std::string::npos; at += 2) {
      mails.back().insert(at, 1, '\r');
    }
  }
  return mails;
}

}  // namespace c360::testing
