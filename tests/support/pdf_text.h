// What stands in a PDF, for tests that compare it with what should. Uses pdftotext of
// poppler-utils.
#pragma once

#include <string>
#include <vector>

namespace c360::testing {

// The text of each page in the order it was drawn, every stretch of blanks, ends of lines and
// no-break spaces one space.
std::vector<std::string> pages_of_pdf(const std::string& pdf);

// All pages, parted by a space.
std::string text_of_pdf(const std::string& pdf);

}  // namespace c360::testing
