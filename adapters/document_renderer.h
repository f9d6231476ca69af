// Port: HTML to PDF, and pages of a PDF as pictures, made outside of this process (design.md 3).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace c360::adapters {

inline constexpr int kMaxPreviewPage = 10'000;
inline constexpr int kMinPreviewDpi = 24;
inline constexpr int kMaxPreviewDpi = 200;

// Asked a few times a second while one waits or works: true, and it is broken off.
using GivenUp = std::function<bool()>;
// Reads the PDF a page is drawn of. Called once there is a place for it: who waits holds nothing.
using PdfSource = std::function<Result<std::string>()>;

class DocumentRenderer {
 public:
  virtual ~DocumentRenderer() = default;
  // Any thread; may block as long as its options say. validation_failed, reason not_rendered, where
  // the content itself is at fault; unavailable (renderer_away, renderer_busy, renderer_cut_off,
  // rendering_given_up), timeout.
  virtual Result<std::string> pdf(std::string_view html, const GivenUp& given_up = {}) const = 0;
  // The page, from 1, as PNG; a page that is not there is not_found, reason no_such_page. What
  // the source answers, as it is.
  virtual Result<std::string> png(const PdfSource& pdf, int page, int dpi,
                                  const GivenUp& given_up = {}) const = 0;
};

}  // namespace c360::adapters
