#include "tests/support/pdf_text.h"

#include <array>
#include <cstdio>

#include "tests/support/temp_folder.h"

namespace c360::testing {
namespace {

std::string said_by(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::string said;
  std::array<char, 4'096> buffer{};
  while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    said.append(buffer.data(), got);
  }
  pclose(pipe);
  return said;
}

}  // namespace

std::vector<std::string> pages_of_pdf(const std::string& pdf) {
  const TempFolder folder;
  std::string said = said_by("pdftotext -raw " + folder.write("page.pdf", pdf).string() + " -");
  for (auto at = said.find("\u00a0"); at != std::string::npos; at = said.find("\u00a0", at)) {
    said.replace(at, 2, " ");
  }
  std::vector<std::string> pages;
  std::string page;
  for (const char c : said) {
    if (c == '\f') {
      pages.push_back(std::move(page));
      page.clear();
      continue;
    }
    const bool blank = c == ' ' || c == '\n';
    if (!blank) page += c;
    if (blank && !page.empty() && page.back() != ' ') page += ' ';
  }
  return pages;
}

std::string text_of_pdf(const std::string& pdf) {
  std::string text;
  for (const std::string& page : pages_of_pdf(pdf)) text += page + " ";
  return text;
}

}  // namespace c360::testing
