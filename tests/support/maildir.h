// Maildirs as a delivery agent and a curious administrator see them, for the servers that keep mail
// so. Owned by mail_user().
//
// Throws std::runtime_error where the file system refuses.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace c360::testing {

struct StoredMail {
  std::string bytes;
  std::string flags;  // Maildir letters, sorted: "S" seen, "T" deleted, "a"-"z" keywords
};

// All users' Maildirs below one folder: ROOT/USER/Maildir.
class Maildirs {
 public:
  explicit Maildirs(std::filesystem::path root);

  // `folder` is "INBOX" or a name as the server writes it, such as "Done"; it is created.
  std::filesystem::path path(std::string_view user, std::string_view folder) const;
  // An empty folder, and INBOX; nothing happens where it is there.
  void create(std::string_view user, std::string_view folder = "INBOX") const;
  void deliver(std::string_view user, std::string_view bytes, std::string_view folder = "INBOX");
  // All mails of a folder, in order of delivery; none where the folder is missing.
  std::vector<StoredMail> stored(std::string_view user, std::string_view folder = "INBOX") const;

 private:
  std::filesystem::path root_;
  int deliveries_ = 0;
};

}  // namespace c360::testing
