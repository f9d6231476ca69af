// Port: HTML to PDF, and pages of a PDF as pictures, made outside of this process (design.md 3).
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace c360::adapters {

inline constexpr int kMaxPreviewPage = 10'000;
inline constexpr int kMinPreviewDpi = 24;
inline constexpr int kMaxPreviewDpi = 200;

class DocumentRenderer {
 public:
  virtual ~DocumentRenderer() = default;
  // Any thread; may block as long as its options say. validation_failed, reason not_rendered, where
  // the content itself is at fault; unavailable (renderer_away, renderer_busy), timeout.
  virtual Result<std::string> pdf(std::string_view html) const = 0;
  // The page, from 1, as PNG; a page that is not there is not_found, reason no_such_page.
  virtual Result<std::string> png(std::string_view pdf, int page, int dpi) const = 0;
};

}  // namespace c360::adapters
