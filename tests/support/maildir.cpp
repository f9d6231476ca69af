#include "tests/support/maildir.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <stdexcept>

#include "tests/support/server_process.h"

namespace c360::testing {
namespace {

namespace fs = std::filesystem;

// The name before ":2,FLAGS": time, counter of deliveries, host.
std::string base_name(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.substr(0, name.find(":2,"));
}

}  // namespace

Maildirs::Maildirs(fs::path root) : root_(std::move(root)) {
  fs::create_directories(root_);
  give_to_mail_user(root_);
}

fs::path Maildirs::path(std::string_view user, std::string_view folder) const {
  const fs::path inbox = root_ / user / "Maildir";
  return folder == "INBOX" ? inbox : inbox / ("." + std::string(folder));
}

void Maildirs::create(std::string_view user, std::string_view folder) const {
  const fs::path box = path(user, folder);
  if (fs::exists(box / "new")) return;
  fs::create_directories(box);
  for (fs::path each = box; each != root_; each = each.parent_path()) give_to_mail_user(each);
  for (const char* each : {"tmp", "cur", "new"}) {
    fs::create_directories(box / each);
    give_to_mail_user(box / each);
  }
  // Maildir++ marks a folder so.
  if (folder != "INBOX") {
    std::ofstream(box / "maildirfolder").flush();
    give_to_mail_user(box / "maildirfolder");
  }
}

void Maildirs::deliver(std::string_view user, std::string_view bytes, std::string_view folder) {
  const fs::path box = path(user, folder);
  create(user, folder);
  // Servers give uids in the order of these names: the time, then the counter.
  char name[64];
  std::snprintf(name, sizeof name, "1700000000.M%09dP1.test", ++deliveries_);
  {
    std::ofstream file(box / "tmp" / name, std::ios::binary);
    file << bytes;
    if (!file.flush()) throw std::runtime_error("cannot deliver a mail");
  }
  give_to_mail_user(box / "tmp" / name);
  fs::rename(box / "tmp" / name, box / "new" / name);
}

std::vector<StoredMail> Maildirs::stored(std::string_view user, std::string_view folder) const {
  std::vector<fs::path> files;
  for (const char* each : {"cur", "new"}) {
    const fs::path box = path(user, folder) / each;
    if (!fs::exists(box)) continue;
    for (const auto& entry : fs::directory_iterator(box)) files.push_back(entry.path());
  }
  std::ranges::sort(files, {}, base_name);
  std::vector<StoredMail> mails;
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    const auto mark = name.find(":2,");
    mails.push_back(
        {read_whole_file(file), mark == std::string::npos ? "" : name.substr(mark + 3)});
  }
  return mails;
}

}  // namespace c360::testing
