// An explanation (mail_explainer.h) as one HTML page: the text with every value marked, the table
// of fields beneath, and links between the two. No script, nothing from elsewhere; whatever the
// mail holds is text.
#pragma once

#include <string>

#include "daemon/base/json.h"

namespace c360::api {

struct ExplainPage {
  std::string html;
  std::string content_security_policy;  // allows this page's own style and nothing else
};

ExplainPage explain_page(const Json& explanation);

}  // namespace c360::api
