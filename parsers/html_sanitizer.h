// HTML that is safe to store and to show: the allow-list of domain.md 1.9.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "parsers/html_text.h"

namespace c360::parsers {

struct SanitizerOptions {
  HtmlLimits limits;
  // The address an image of that Content-ID (without brackets) is shown from; empty drops the
  // image's source. Without a function cid: addresses stay as they are. The address of a document's
  // content (/api/v1/documents/ID/content) stays in any case.
  std::function<std::string(std::string_view content_id)> cid_url;
};

struct SanitizedHtml {
  std::string html;        // well formed; every tag closed, every attribute quoted
  bool changed = false;    // something was removed or unwrapped
  bool truncated = false;  // a limit was crossed: what follows is gone
};

// `html` must be valid UTF-8. Well nested HTML of the allow-list comes back unchanged, so what was
// stored can be sent back. Tags that overlap may be nested otherwise each time; no word is lost.
SanitizedHtml sanitize_html(std::string_view html, const SanitizerOptions& options = {});

}  // namespace c360::parsers
