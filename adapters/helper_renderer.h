// The renderer as a helper of its own (adapters/pdf/client360-render: WeasyPrint and pdftoppm),
// which confines itself before it looks at what it is given: no network, no files but fonts,
// bounded memory and time. Each page has a process of its own.
//
// Two ways to it, by what `path` names: a socket, behind which systemd starts the helper
// (client360-render.socket), or the helper itself, which then runs as our child.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <vector>

#include "adapters/document_renderer.h"

namespace c360::adapters {

struct HelperRendererOptions {
  std::string path;                           // absolute
  std::chrono::milliseconds timeout{90'000};  // one page as a whole; the helper has less
  int at_once = 2;                            // 1 … 64 pages
  std::chrono::milliseconds wait{20'000};     // for one of these, then renderer_busy
  std::size_t max_bytes = std::size_t{64} * 1024 * 1024;  // of what comes back
};

class HelperRenderer final : public DocumentRenderer {
 public:
  explicit HelperRenderer(HelperRendererOptions options);
  Result<std::string> pdf(std::string_view html, const GivenUp& given_up = {}) const override;
  Result<std::string> png(const PdfSource& pdf, int page, int dpi,
                          const GivenUp& given_up = {}) const override;
  // Which of its restraints the helper cannot put on here, each as a sentence: an old kernel, or
  // one that grants no namespaces. None: all hold. Errors as of pdf().
  Result<std::vector<std::string>> missing_restraints(const GivenUp& given_up = {}) const;

 private:
  struct Answer {
    std::string bytes;
    // The helper was ended from outside, not by what it was given; none: it cannot be known.
    std::optional<bool> cut_off;
  };
  Result<Answer> ask(std::string_view request, const PdfSource& content,
                     const GivenUp& given_up) const;
  Result<void> take_place(const GivenUp& given_up) const;

  HelperRendererOptions options_;
  mutable std::counting_semaphore<64> free_;
};

}  // namespace c360::adapters
