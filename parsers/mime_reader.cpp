#include "parsers/mime_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "daemon/base/text.h"
#include "parsers/automatic_mail.h"
#include "parsers/body_choice.h"
#include "parsers/charset_name.h"
#include "parsers/encoded_word.h"
#include "parsers/file_name.h"
#include "parsers/file_type.h"
#include "parsers/header_fields.h"
#include "parsers/html_text.h"
#include "parsers/mail_date.h"
#include "parsers/mail_source.h"
#include "parsers/mime_scan.h"
#include "parsers/mime_tree.h"

namespace c360::parsers {

// What reading a part again takes.
struct PartPlace {
  Span raw;
  TransferEncoding encoding = TransferEncoding::identity;
  std::string charset;
  bool html = false;
};

struct ParsedMail::State {
  MailSource source;
  std::string converted;  // a mail with lone CR line ends, with LF instead
  MimeOptions options;
  Message message;
  std::vector<PartPlace> places;  // as Message::parts

  // The decoded bytes of a part until `take` returns false.
  template <typename Take>
  Result<void> decode(const PartPlace& place, Take&& take) const {
    TransferDecoder decoder(place.encoding);
    bool go_on = true;
    const auto read = source.for_each_piece(place.raw, [&](std::string_view piece) {
      while (!piece.empty() && go_on) {
        const std::string_view bytes = decoder.decode(piece.substr(0, MailSource::kPieceBytes));
        piece.remove_prefix(std::min(piece.size(), MailSource::kPieceBytes));
        if (!bytes.empty()) go_on = take(bytes);
      }
      return go_on;
    });
    if (!read) return read;
    if (!go_on) return {};
    if (const std::string_view rest = decoder.finish(); !rest.empty()) take(rest);
    return {};
  }
};

namespace {

void append_once(std::vector<std::string>& names, std::string_view name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
}

// The charset an HTML text declares itself, where the mail does not (HTML standard, 13.2.3.2).
std::string declared_inside(std::string_view html) {
  const std::string head = to_lower(replace_invalid_utf8(html.substr(0, 1024)));
  const std::size_t meta = head.find("<meta");
  if (meta == std::string::npos) return {};
  const std::size_t at = head.find("charset", meta);
  if (at == std::string::npos) return {};
  std::size_t begin = at + 7;
  while (begin < head.size() &&
         (head[begin] == '=' || head[begin] == ' ' || head[begin] == '"' || head[begin] == '\'')) {
    ++begin;
  }
  const std::size_t end = std::min(head.find_first_of(" \"'>;/", begin), head.size());
  return head.substr(begin, end - begin);
}

bool is_blank_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c > 0x20 && c != 0xA0 && c != 0xFEFF && (c < 0x2000 || c > 0x200F) && c != 0x3000) {
      return false;
    }
  }
  return true;
}

// Fills a Message from a source; one use.
class MessageBuilder {
 public:
  MessageBuilder(const MailSource& source, const MimeOptions& options, Message& message,
                 std::vector<PartPlace>& places)
      : source_(source),
        limits_(options.limits),
        options_(options),
        message_(message),
        places_(places) {}

  template <typename Decode>
  Result<void> build(Decode&& decode) {
    const auto begin = first_header();
    if (!begin) return std::unexpected(begin.error());
    const auto scan = scan_mime(source_, {*begin, source_.size()}, limits_);
    if (!scan) return std::unexpected(scan.error());
    if (!scan->crossed.empty()) append_once(message_.truncations, scan->crossed);
    hide_second_content_type({*begin, scan->header_end});
    auto tree = read_mime_tree(hidden_.empty() ? source_ : MailSource(hidden_), {*begin, scan->end},
                               scan->header_end, limits_);
    if (!tree) return std::unexpected(tree.error());
    for (const std::string& limit : tree->truncations) append_once(message_.truncations, limit);
    if (auto read = read_header({*begin, scan->header_end}, charset_hint(*tree)); !read)
      return read;
    message_.media_type = tree->nodes.front().media_type;
    if (auto read = read_parts(*tree, decode); !read) return read;
    const AutomaticKind kind = automatic_kind(message_);
    message_.is_auto_reply = kind.is_auto_reply;
    message_.is_bounce = kind.is_bounce;
    message_.is_list = kind.is_list;
    return {};
  }

 private:
  // Past blank lines and the "From " line of an mbox file. A byte order mark belongs to the name of
  // the first field, which then is none that anybody knows: all mail programs read it so.
  Result<std::size_t> first_header() const {
    std::string scratch;
    const auto start = source_.view({0, 1024}, scratch);
    if (!start) return std::unexpected(start.error());
    std::size_t begin = 0;
    const std::size_t first = start->find_first_not_of(" \t\r\n");
    if (first != start->npos && first > 0) {
      const std::size_t line_end = start->rfind('\n', first);
      if (line_end != start->npos) begin = line_end + 1;
    }
    const std::string_view rest = start->substr(begin);
    if (rest.starts_with("From ") || rest.starts_with(">From ")) {
      const std::size_t end = rest.find('\n');
      if (end != rest.npos) begin += end + 1;
    }
    return begin;
  }

  // Of two Content-Type fields GMime believes the last, everyone else the first. GMime then gets a
  // copy where the second has another name of the same length; big mails go without.
  void hide_second_content_type(Span header) {
    constexpr std::string_view kName = "content-type";
    if (!source_.in_memory()) return;
    const std::string_view block = source_.bytes().substr(header.begin, header.end - header.begin);
    bool seen = false;
    for (std::size_t at = 0; at < block.size();) {
      if (equal_ignoring_case(block.substr(at, kName.size()), kName)) {
        if (seen) {
          if (hidden_.empty()) hidden_ = std::string(source_.bytes());
          hidden_[header.begin + at] = 'X';
        }
        seen = true;
      }
      const std::size_t end = block.find('\n', at);
      if (end == block.npos) break;
      at = end + 1;
    }
  }

  // Raw 8-bit header text is most likely in the charset of the text.
  static std::string charset_hint(const MimeTree& tree) {
    for (const MimeNode& node : tree.nodes) {
      if (node.nested || !node.media_type.starts_with("text/")) continue;
      const std::string* charset = node.content_type.find("charset");
      const std::string name = charset == nullptr ? "" : canonical_charset(*charset);
      if (!name.empty() && name != "us-ascii" && name != "utf-8") return name;
    }
    return {};
  }

  Result<void> read_header(Span range, const std::string& hint) {
    std::string scratch;
    const auto block = source_.view(range, scratch);
    if (!block) return std::unexpected(block.error());
    std::vector<RawField> fields = split_header(*block, limits_.header_fields + 1);
    if (fields.size() > limits_.header_fields) {
      fields.resize(limits_.header_fields);
      append_once(message_.truncations, "header_fields");
    }
    message_.headers.reserve(fields.size());
    for (RawField& field : fields) {
      if (field.body.size() > limits_.header_field_bytes) {
        field.body = field.body.substr(0, limits_.header_field_bytes);
        append_once(message_.truncations, "header_field_bytes");
      }
      message_.headers.push_back(
          {replace_invalid_utf8(field.name),
           decode_header_text(field.body, hint),
           {range.begin + field.place.begin, range.begin + field.place.end}});
      take_field(field, message_.headers.back().body, hint);
    }
    return {};
  }

  void take_field(const RawField& field, const std::string& body, const std::string& hint) {
    const auto is = [&](std::string_view name) { return equal_ignoring_case(field.name, name); };
    if (is("from")) {
      take_addresses(message_.from, field.body, hint, false);
    } else if (is("sender")) {
      take_addresses(message_.sender, field.body, hint, false);
    } else if (is("reply-to")) {
      take_addresses(message_.reply_to, field.body, hint, false);
    } else if (is("to")) {
      take_addresses(message_.to, field.body, hint, true);
    } else if (is("cc")) {
      take_addresses(message_.cc, field.body, hint, true);
    } else if (is("subject")) {
      if (message_.subject.empty()) message_.subject = body;
    } else if (is("date")) {
      if (!message_.date) message_.date = parse_mail_date(body);
    } else if (is("message-id")) {
      if (message_.message_id.empty()) message_.message_id = parse_message_id(field.body);
    } else if (is("in-reply-to")) {
      if (message_.in_reply_to.empty()) message_.in_reply_to = parse_message_ids(field.body);
    } else if (is("references")) {
      if (message_.references.empty()) message_.references = parse_message_ids(field.body);
    } else if (is("return-path")) {
      if (!message_.return_path) take_return_path(field.body);
    } else if (is("list-id")) {
      if (message_.list_id.empty()) message_.list_id = list_id(field.body);
    }
  }

  // RFC 5322, 3.6 allows one field of each name. A second From is a known trick to show another
  // sender: the first one counts. Further To and Cc fields are read on.
  void take_addresses(std::vector<Address>& list, std::string_view body, const std::string& hint,
                      bool more) {
    if (!list.empty() && !more) return;
    const std::size_t room = limits_.addresses - std::min(limits_.addresses, list.size());
    std::vector<Address> found = parse_addresses(body, hint, room + 1);
    // A recipient without an address is none; a sender without one still has a name.
    if (more) std::erase_if(found, [](const Address& one) { return one.address.empty(); });
    if (found.size() > room) {
      found.resize(room);
      append_once(message_.truncations, "addresses");
    }
    std::move(found.begin(), found.end(), std::back_inserter(list));
  }

  void take_return_path(std::string_view body) {
    const std::size_t open = body.find('<');
    const std::size_t close = open == body.npos ? open : body.find('>', open);
    message_.return_path = close == body.npos
                               ? std::string(trimmed(decode_header_text(body)))
                               : decode_header_text(body.substr(open + 1, close - open - 1));
  }

  static std::string list_id(std::string_view body) {
    const std::size_t open = body.rfind('<');
    const std::size_t close = open == body.npos ? open : body.find('>', open);
    if (close == body.npos) return decode_header_text(body);
    return decode_header_text(body.substr(open + 1, close - open - 1));
  }

  template <typename Decode>
  Result<void> read_parts(const MimeTree& tree, Decode& decode) {
    candidates_ = body_candidates(tree);
    std::vector<std::string> texts(tree.nodes.size());
    for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
      if (tree.nodes[i].kind == MimeNode::Kind::multipart) {
        part_of_node_.push_back(std::string::npos);
        continue;
      }
      part_of_node_.push_back(message_.parts.size());
      if (auto read = read_part(tree.nodes[i], candidate_of(i) != nullptr, texts[i], decode);
          !read) {
        return read;
      }
    }
    choose_body(tree, texts);
    mark_attachments(tree);
    return {};
  }

  const BodyCandidate* candidate_of(std::size_t node) const {
    for (const BodyCandidate& candidate : candidates_) {
      if (std::find(candidate.leaves.begin(), candidate.leaves.end(), node) !=
          candidate.leaves.end()) {
        return &candidate;
      }
    }
    return nullptr;
  }

  // Size, digest and, where it may be the text, the bytes themselves.
  template <typename Decode>
  Result<void> read_part(const MimeNode& node, bool is_text, std::string& text, Decode& decode) {
    Part part;
    PartPlace place;
    place.raw = node.raw;
    place.encoding = node.kind == MimeNode::Kind::attached_mail
                         ? TransferEncoding::identity
                         : transfer_encoding(node.transfer_encoding);
    place.html = node.media_type == "text/html";
    if (const std::string* charset = node.content_type.find("charset")) {
      place.charset = to_lower(*charset);
    }
    part.path = node.path;
    part.media_type = node.media_type;
    part.charset = place.charset;
    part.transfer_encoding = node.transfer_encoding;
    part.disposition = node.disposition.value;
    part.file_name = safe_file_name(given_file_name(node));
    part.content_id = node.content_id;
    part.raw = node.raw;
    part.is_nested = node.nested;
    const std::size_t kept = is_text ? limits_.text_bytes : kFileTypeBytes;
    const bool keep = is_text || (options_.detect_types && !node.nested);
    std::string begin;
    Sha256Stream digest;
    const auto read = decode(place, [&](std::string_view bytes) {
      part.size_bytes += bytes.size();
      digest.update(bytes);
      if (keep && begin.size() < kept) begin += bytes.substr(0, kept - begin.size());
      return true;
    });
    if (!read) return read;
    part.sha256 = digest.finish();
    if (is_text) {
      part.truncated = part.size_bytes > begin.size();
      if (part.truncated) append_once(message_.truncations, "text_bytes");
      text = std::move(begin);
    } else if (keep) {
      part.detected_type = detect_file_type(begin);
    }
    message_.parts.push_back(std::move(part));
    places_.push_back(std::move(place));
    return {};
  }

  // The first text that is not blank; the HTML form where there is one.
  void choose_body(const MimeTree& tree, const std::vector<std::string>& texts) {
    for (const BodyCandidate& candidate : candidates_) {
      if (candidate.html) take_html(tree, *candidate.html, texts[*candidate.html]);
      if (!is_blank_text(message_.body.text)) break;
      if (candidate.plain) take_plain(*candidate.plain, texts[*candidate.plain]);
      if (!is_blank_text(message_.body.text)) break;
    }
    // Shown beside a plain text of its own, an HTML text is still the mail's HTML.
    for (const BodyCandidate& candidate : candidates_) {
      if (!message_.html.empty()) break;
      if (!candidate.html || !given_file_name(tree.nodes[*candidate.html]).empty()) continue;
      message_.html = decode_text(*candidate.html, texts[*candidate.html]).text;
    }
    chosen_ = message_.body.part;
  }

  DecodedText decode_text(std::size_t node, const std::string& bytes) const {
    const PartPlace& place = places_[part_of_node_[node]];
    std::string charset = place.charset;
    if (charset.empty() && place.html) charset = declared_inside(bytes);
    return to_utf8(bytes, charset);
  }

  void take_html(const MimeTree& tree, std::size_t node, const std::string& bytes) {
    DecodedText decoded = decode_text(node, bytes);
    HtmlLimits limits;
    limits.text_bytes = limits_.text_bytes;
    HtmlText text = html_to_text(decoded.text, limits);
    if (text.truncated) append_once(message_.truncations, "html");
    message_.html = std::move(decoded.text);
    message_.body = {std::move(text.text),       tree.nodes[node].path, true,
                     std::move(decoded.charset), decoded.path,          std::move(text.spans)};
  }

  void take_plain(std::size_t node, const std::string& bytes) {
    DecodedText decoded = decode_text(node, bytes);
    message_.body = {std::move(decoded.text),
                     message_.parts[part_of_node_[node]].path,
                     false,
                     std::move(decoded.charset),
                     decoded.path,
                     std::move(decoded.spans)};
  }

  // Every leaf of the mail itself that is none of its texts; an attached mail is one file.
  void mark_attachments(const MimeTree& tree) {
    std::size_t number = 0;
    for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
      if (part_of_node_[i] == std::string::npos) continue;
      Part& part = message_.parts[part_of_node_[i]];
      if (part.is_nested) continue;
      const BodyCandidate* text = candidate_of(i);
      const bool is_chosen_text =
          text != nullptr && (part.file_name.empty() || in_chosen(*text, tree));
      part.is_inline = part.disposition == "inline" || !part.content_id.empty();
      // An inline picture without a single byte shows nothing and is nothing to keep.
      const bool is_void = part.size_bytes == 0 && part.disposition == "inline";
      part.is_attachment = !is_chosen_text && !is_void;
      if (!part.is_attachment) continue;
      ++number;
      if (part.file_name.empty()) part.file_name = generated_file_name(part.media_type, number);
    }
  }

  bool in_chosen(const BodyCandidate& candidate, const MimeTree& tree) const {
    return std::any_of(candidate.leaves.begin(), candidate.leaves.end(),
                       [&](std::size_t leaf) { return tree.nodes[leaf].path == chosen_; });
  }

  const MailSource& source_;
  const MimeLimits& limits_;
  const MimeOptions& options_;
  Message& message_;
  std::vector<PartPlace>& places_;
  std::vector<BodyCandidate> candidates_;
  std::vector<std::size_t> part_of_node_;  // npos for multiparts
  std::string chosen_;                     // Part::path of the text
  std::string hidden_;                     // the mail with its further Content-Type fields renamed
};

// Some old programs end lines with CR alone; GMime would see one endless line.
bool has_lone_cr_lines(std::string_view start) {
  return start.find('\n') == start.npos && start.find('\r') != start.npos;
}

constexpr std::size_t kLineEndProbe = std::size_t{64} << 10U;
constexpr std::size_t kLoneCrBytes = std::size_t{4} << 20U;  // such a mail is read into memory

}  // namespace

ParsedMail::ParsedMail(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParsedMail::ParsedMail(ParsedMail&&) noexcept = default;
ParsedMail& ParsedMail::operator=(ParsedMail&&) noexcept = default;
ParsedMail::~ParsedMail() = default;

const Message& ParsedMail::message() const { return state_->message; }
Message& ParsedMail::message() { return state_->message; }
Message ParsedMail::take_message() { return std::move(state_->message); }

namespace {

template <typename State>
Result<void> fill(State& state) {
  std::string scratch;
  const auto start = state.source.view({0, kLineEndProbe}, scratch);
  if (!start) return std::unexpected(start.error());
  if (has_lone_cr_lines(*start)) {
    std::string whole;
    const auto bytes = state.source.view({0, kLoneCrBytes}, whole);
    if (!bytes) return std::unexpected(bytes.error());
    if (state.source.size() > kLoneCrBytes) state.message.truncations.emplace_back("lone_cr_bytes");
    state.converted = std::string(*bytes);
    std::replace(state.converted.begin(), state.converted.end(), '\r', '\n');
    state.source = MailSource(state.converted);
  }
  MessageBuilder builder(state.source, state.options, state.message, state.places);
  return builder.build([&](const PartPlace& place, auto&& take) {
    return state.decode(place, std::forward<decltype(take)>(take));
  });
}

}  // namespace

ParsedMail read_mail(std::string_view raw, const MimeOptions& options) {
  auto state = std::make_unique<ParsedMail::State>();
  state->source = MailSource(raw);
  state->options = options;
  // Reading from memory cannot fail.
  static_cast<void>(fill(*state));
  return ParsedMail(std::move(state));
}

Result<ParsedMail> read_mail_file(int fd, const MimeOptions& options) {
  struct stat status{};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(ErrorCode::unavailable, "the spooled mail is no regular file that can be read");
  }
  auto state = std::make_unique<ParsedMail::State>();
  state->source = MailSource(fd, static_cast<std::size_t>(status.st_size));
  state->options = options;
  if (auto filled = fill(*state); !filled) return std::unexpected(filled.error());
  return ParsedMail(std::move(state));
}

Result<void> ParsedMail::read_part(std::size_t index, const PartSink& sink) const {
  if (index >= state_->places.size()) {
    return fail(ErrorCode::not_found, "the mail has no part number " + std::to_string(index) +
                                          "; it has " + std::to_string(state_->places.size()));
  }
  Result<void> given;
  const auto read = state_->decode(state_->places[index], [&](std::string_view bytes) {
    given = sink(bytes);
    return given.has_value();
  });
  return read ? given : read;
}

Result<std::string> ParsedMail::part_bytes(std::size_t index, std::size_t limit) const {
  std::string bytes;
  const auto take = [&](std::string_view piece) -> Result<void> {
    bytes += piece.substr(0, limit - std::min(limit, bytes.size()));
    return {};
  };
  if (auto read = read_part(index, take); !read) return std::unexpected(read.error());
  return bytes;
}

Result<DecodedText> ParsedMail::part_text(std::size_t index) const {
  auto bytes = part_bytes(index, state_->options.limits.text_bytes);
  if (!bytes) return std::unexpected(bytes.error());
  const PartPlace& place = state_->places[index];
  std::string charset = place.charset;
  if (charset.empty() && place.html) charset = declared_inside(*bytes);
  return to_utf8(*bytes, charset);
}

}  // namespace c360::parsers
