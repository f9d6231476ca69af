#include "store/documents/template_check.h"

#include <utility>

#include "daemon/base/text.h"
#include "store/documents/template.h"

namespace c360::store {
namespace {

// Reads the tags and nothing else; the filling is the library's.
class TemplateCheck {
 public:
  TemplateCheck(std::string_view text, const Json* sample) : text_(text), sample_(sample) {}

  std::vector<TemplateFault> faults() {
    if (text_.size() > kMaxTemplateBytes) {
      wrong("template_too_large",
            "A template has at most " + std::to_string(kMaxTemplateBytes) + " bytes.");
      return std::move(faults_);
    }
    if (!is_valid_utf8(text_)) {
      wrong("text_encoding", "The text is not UTF-8.");
      return std::move(faults_);
    }
    while (faults_.size() < kMostFaults && next_tag()) {
    }
    for (const Open& open : open_) {
      line_ = open.line;
      wrong("unclosed_section", "The section " + std::string(open.name) + " has no end.");
    }
    return std::move(faults_);
  }

 private:
  static constexpr std::size_t kMostFaults = 100;

  struct Open {
    std::string_view name;
    std::size_t line;
    const Json* inside;  // of the sample: what names are looked up in first; nullptr: nothing new
  };

  void wrong(std::string_view code, std::string detail) {
    faults_.push_back({line_, std::string(code), std::move(detail)});
  }

  bool next_tag() {
    const std::size_t begin = text_.find("{{", at_);
    if (begin == std::string_view::npos) return false;
    for (; at_ < begin; ++at_) line_ += text_[at_] == '\n' ? 1 : 0;
    const std::size_t end = text_.find("}}", begin);
    if (end == std::string_view::npos) {
      wrong("unclosed_tag",
            "The tag " + std::string(utf8_prefix(text_.substr(begin), 40)) + " has no }}.");
      return false;
    }
    take(text_.substr(begin + 2, end - begin - 2));
    at_ = begin + 2;
    return true;
  }

  void take(std::string_view tag) {
    const char sign = tag.empty() ? '\0' : tag.front();
    if (sign == '!') return;
    if (sign == '{' || sign == '&' || sign == '>' || sign == '=') {
      wrong("tag_not_allowed",
            "Values are always escaped, and a template stands alone: no {{{, {{&, {{>, {{=, so not "
            "{{" +
                std::string(utf8_prefix(tag, 60)) + "}}.");
      return;
    }
    const bool is_section = sign == '#' || sign == '^';
    const std::string_view name = trimmed(is_section || sign == '/' ? tag.substr(1) : tag);
    if (!is_name(name)) {
      wrong("tag_not_allowed",
            "\"" + std::string(utf8_prefix(name, 60)) + "\" is not the name of a field.");
    } else if (sign == '/') {
      close(name);
    } else if (is_section) {
      open(name, sign == '#');
    } else {
      find(name);
    }
  }

  void open(std::string_view name, bool enters) {
    // A list in itself would be gone through as often as the square of its length.
    for (const Open& each : open_) {
      if (each.name == name && each.inside != nullptr && enters)
        wrong("section_in_itself", "The section " + std::string(name) + " stands in itself.");
    }
    if (open_.size() == kMaxTemplateDepth)
      wrong("too_deep", "More than " + std::to_string(kMaxTemplateDepth) + " sections deep.");
    const Json* value = find(name);
    if (value != nullptr && value->is_array() && !value->as_array().empty())
      value = &value->as_array().front();
    const bool names_more = value != nullptr && value->is_object();
    static const Json kNothing{Json::Object{}};
    open_.push_back({name, line_, !enters ? nullptr : names_more ? value : &kNothing});
  }

  void close(std::string_view name) {
    if (open_.empty() || open_.back().name != name) {
      wrong("wrong_end", "The end of " + std::string(name) + " is not where it began.");
    } else {
      open_.pop_back();
    }
  }

  static bool is_name(std::string_view name) {
    if (name == ".") return true;
    for (const char c : name) {
      const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
      if (!fits) return false;
    }
    return !name.empty() && name.front() != '.' && name.back() != '.';
  }

  // The innermost section that knows the first part of the name decides, as in the filling.
  const Json* find(std::string_view name) {
    if (sample_ == nullptr || name == ".") return nullptr;
    for (auto each = open_.rbegin(); each != open_.rend(); ++each) {
      if (each->inside == nullptr) continue;
      if (const Json* value = walk(*each->inside, name)) return value;
    }
    const Json* value = walk(*sample_, name);
    if (value == nullptr)
      wrong("unknown_field", "There is no field " + std::string(utf8_prefix(name, 80)) + ".");
    return value;
  }

  static const Json* walk(const Json& from, std::string_view name) {
    const Json* value = &from;
    for (const std::string_view part : split(name, '.')) {
      value = value->find(part);
      if (value == nullptr) return nullptr;
    }
    return value;
  }

  std::string_view text_;
  const Json* sample_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::vector<Open> open_;
  std::vector<TemplateFault> faults_;
};

// Goes through sections as the filling does, and prints nothing.
class StepCount {
 public:
  StepCount(std::string_view text, const Json& data, std::size_t limit)
      : tags_(template_tags(text)), ends_(tags_.size()), left_(limit) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < tags_.size(); ++i) {
      if (tags_[i].sign == '#' || tags_[i].sign == '^') open.push_back(i);
      if (tags_[i].sign != '/' || open.empty()) continue;
      ends_[open.back()] = i;
      open.pop_back();
    }
    inside_.push_back(&data);
  }

  bool is_over() { return !run(0, tags_.size()); }

 private:
  bool step() {
    if (left_ == 0) return false;
    --left_;
    return true;
  }

  bool run(std::size_t at, std::size_t end) {
    for (; at < end; ++at) {
      if (!step()) return false;
      const char sign = tags_[at].sign;
      if (sign != '#' && sign != '^') continue;
      if (!enter(at, sign == '#')) return false;
      at = ends_[at];
    }
    return true;
  }

  bool enter(std::size_t at, bool is_shown) {
    const Json* value = find(tags_[at].name);
    const bool is_list = value != nullptr && value->is_array();
    const bool is_there =
        value != nullptr && ((is_list && !value->as_array().empty()) || value->is_object() ||
                             (value->is_string() && !value->as_string().empty()) ||
                             (value->is_bool() && value->as_bool()));
    if (is_there != is_shown) return true;
    if (!is_shown || !is_list) return enter_one(at, is_shown ? value : nullptr);
    for (const Json& row : value->as_array()) {
      if (!step() || !enter_one(at, &row)) return false;
    }
    return true;
  }

  bool enter_one(std::size_t at, const Json* value) {
    if (value != nullptr) inside_.push_back(value);
    const bool done = run(at + 1, ends_[at]);
    if (value != nullptr) inside_.pop_back();
    return done;
  }

  const Json* find(std::string_view name) const {
    if (name == ".") return inside_.back();
    for (auto each = inside_.rbegin(); each != inside_.rend(); ++each) {
      const Json* value = *each;
      for (const std::string_view part : split(name, '.')) {
        value = value != nullptr && value->is_object() ? value->find(part) : nullptr;
      }
      if (value != nullptr) return value;
    }
    return nullptr;
  }

  const std::vector<TemplateTag> tags_;
  std::vector<std::size_t> ends_;  // of a section: the index of its end
  std::size_t left_;
  std::vector<const Json*> inside_;  // the innermost last
};

}  // namespace

bool takes_more_steps(std::string_view text, const Json& data, std::size_t limit) {
  return StepCount(text, data, limit).is_over();
}

std::vector<TemplateFault> template_faults(std::string_view text, const Json* sample) {
  return TemplateCheck(text, sample).faults();
}

std::vector<TemplateTag> template_tags(std::string_view text) {
  std::vector<TemplateTag> tags;
  for (std::size_t at = 0;;) {
    const std::size_t begin = text.find("{{", at);
    if (begin == std::string_view::npos) return tags;
    const std::size_t end = text.find("}}", begin);
    if (end == std::string_view::npos) return tags;
    const std::string_view inside = text.substr(begin + 2, end - begin - 2);
    TemplateTag tag{.begin = begin, .end = end + 2};
    if (!inside.empty() && std::string_view("#^/!").contains(inside.front()))
      tag.sign = inside.front();
    tag.name = trimmed(tag.sign == '\0' ? inside : inside.substr(1));
    tags.push_back(tag);
    at = tag.end;
  }
}

}  // namespace c360::store
