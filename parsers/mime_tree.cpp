#include "parsers/mime_tree.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <cstring>

#include "daemon/base/text.h"
#include "parsers/encoded_word.h"
#include "parsers/gmime.h"
#include "parsers/mime_scan.h"
#include "parsers/simple_tree.h"

namespace c360::parsers {
namespace {

struct OptionsDeleter {
  void operator()(GMimeParserOptions* options) const { g_mime_parser_options_free(options); }
};

std::string_view or_empty(const char* text) { return text == nullptr ? std::string_view() : text; }

std::string_view raw_header(GMimeObject* object, const char* name) {
  GMimeHeaderList* headers = g_mime_object_get_header_list(object);
  GMimeHeader* header = headers == nullptr ? nullptr : g_mime_header_list_get_header(headers, name);
  return header == nullptr ? std::string_view() : or_empty(g_mime_header_get_raw_value(header));
}

std::string_view last_content_type(GMimeObject* object) {
  GMimeHeaderList* headers = g_mime_object_get_header_list(object);
  for (int i = headers == nullptr ? 0 : g_mime_header_list_get_count(headers); i > 0; --i) {
    GMimeHeader* header = g_mime_header_list_get_header_at(headers, i - 1);
    if (equal_ignoring_case(or_empty(g_mime_header_get_name(header)), "Content-Type")) {
      return or_empty(g_mime_header_get_raw_value(header));
    }
  }
  return {};
}

std::string usable_media_type(const Parameterized& declared, GMimeObject* object) {
  const std::string& value = declared.value;
  const std::size_t slash = value.find('/');
  if (slash != std::string::npos && slash > 0 && slash + 1 < value.size()) return value;
  // RFC 2045, 5.2: a type nobody can read means plain text; a name says it is a file.
  if (!value.empty() && declared.find("name") == nullptr) return "text/plain";
  GMimeContentType* type = g_mime_object_get_content_type(object);
  if (type == nullptr) return "text/plain";
  return to_lower(std::string(or_empty(g_mime_content_type_get_media_type(type))) + "/" +
                  std::string(or_empty(g_mime_content_type_get_media_subtype(type))));
}

class TreeBuilder {
 public:
  TreeBuilder(const MailSource& source, Span range, const MimeLimits& limits)
      : source_(source), range_(range), limits_(limits) {}

  Result<MimeTree> build(GMimeObject* root, std::size_t header_end) {
    if (root == nullptr) {
      add_raw_body(header_end);
    } else {
      add(root, "", "1", 0, false);
      if (tree_.nodes.empty()) add_raw_body(header_end);
      // A multipart whose boundary never occurs or cannot be read: its text is all there is.
      MimeNode& top = tree_.nodes.front();
      if (top.kind == MimeNode::Kind::multipart && top.children.empty() && truncated_ == 0) {
        add_raw_body(header_end);
        tree_.nodes.front().children.push_back(tree_.nodes.size() - 1);
      }
    }
    if (failure_) return std::unexpected(*failure_);
    return std::move(tree_);
  }

 private:
  void add_raw_body(std::size_t header_end) {
    MimeNode node;
    node.path = "1";
    node.media_type = "text/plain";
    if (!tree_.nodes.empty()) {
      const MimeNode& top = tree_.nodes.front();
      if (const std::string* charset = top.content_type.find("charset")) {
        node.content_type.parameters.push_back({"charset", *charset});
      }
      node.transfer_encoding = top.transfer_encoding;
    }
    node.raw = {std::min(header_end, range_.end), range_.end};
    tree_.nodes.push_back(std::move(node));
  }

  void truncate(std::string_view limit) {
    ++truncated_;
    if (std::find(tree_.truncations.begin(), tree_.truncations.end(), limit) ==
        tree_.truncations.end()) {
      tree_.truncations.emplace_back(limit);
    }
  }

  // Adds `object` and what lies below; its index, or npos when a limit left it out. `path` is its
  // own section number, `only` the number of a leaf that is the whole content of a mail.
  std::size_t add(GMimeObject* object, const std::string& path, const std::string& only,
                  std::size_t depth, bool nested) {
    if (depth > limits_.depth) {
      truncate("depth");
      return std::string::npos;
    }
    if (leaves_ >= limits_.parts) {
      truncate("parts");
      return std::string::npos;
    }
    const std::size_t index = tree_.nodes.size();
    tree_.nodes.push_back(describe(object, nested));
    tree_.nodes[index].path = path.empty() && !GMIME_IS_MULTIPART(object) ? only : path;
    if (GMIME_IS_MULTIPART(object)) {
      add_children(object, index, depth);
      return index;
    }
    ++leaves_;
    if (GMIME_IS_MESSAGE_PART(object)) {
      add_attached_mail(object, index, depth);
    } else if (GMIME_IS_PART(object)) {
      tree_.nodes[index].raw = content_place(object);
    }
    return index;
  }

  static MimeNode describe(GMimeObject* object, bool nested) {
    MimeNode node;
    node.content_type = parse_parameters(raw_header(object, "Content-Type"));
    node.media_type = usable_media_type(node.content_type, object);
    // Two Content-Type fields, of which GMime believed the other; or a multipart without a
    // boundary: the raw text is all there is.
    if (node.media_type.starts_with("multipart/") && !GMIME_IS_MULTIPART(object)) {
      node.content_type = parse_parameters(last_content_type(object));
      node.media_type = usable_media_type(node.content_type, object);
      if (node.media_type.starts_with("multipart/")) node.media_type = "text/plain";
    }
    node.disposition = parse_parameters(raw_header(object, "Content-Disposition"));
    node.transfer_encoding = encoding_label(raw_header(object, "Content-Transfer-Encoding"));
    const std::string_view id = raw_header(object, "Content-Id");
    if (!id.empty()) node.content_id = parse_message_id(id);
    const std::string_view location = raw_header(object, "Content-Location");
    if (!location.empty()) node.content_location = decode_header_text(location);
    node.nested = nested;
    return node;
  }

  void add_children(GMimeObject* object, std::size_t index, std::size_t depth) {
    auto* multipart = reinterpret_cast<GMimeMultipart*>(object);  // NOLINT: GObject's inheritance
    tree_.nodes[index].kind = MimeNode::Kind::multipart;
    if (!tree_.nodes[index].media_type.starts_with("multipart/")) {
      tree_.nodes[index].media_type = "multipart/mixed";
    }
    boundaries_.emplace_back(or_empty(g_mime_multipart_get_boundary(multipart)));
    const int count = g_mime_multipart_get_count(multipart);
    for (int i = 0; i < count; ++i) {
      GMimeObject* child = g_mime_multipart_get_part(multipart, i);
      if (child == nullptr) continue;
      const std::string& path = tree_.nodes[index].path;
      const std::string number = std::to_string(i + 1);
      const std::size_t added = add(child, path.empty() ? number : path + "." + number, number,
                                    depth + 1, tree_.nodes[index].nested);
      if (added != std::string::npos) tree_.nodes[index].children.push_back(added);
      if (leaves_ >= limits_.parts && i + 1 < count) {
        truncate("parts");
        break;
      }
    }
    boundaries_.pop_back();
  }

  void add_attached_mail(GMimeObject* object, std::size_t index, std::size_t depth) {
    auto* part = reinterpret_cast<GMimeMessagePart*>(object);  // NOLINT
    tree_.nodes[index].kind = MimeNode::Kind::attached_mail;
    GMimeMessage* message = g_mime_message_part_get_message(part);
    tree_.nodes[index].raw = attached_place(object, message);
    if (message == nullptr) return;
    GMimeObject* content = g_mime_message_get_mime_part(message);
    if (content == nullptr) return;
    const std::string path = tree_.nodes[index].path;
    const std::size_t added = add(content, path, path + ".1", depth + 1, true);
    if (added == std::string::npos) return;
    MimeNode& node = tree_.nodes[added];
    if (node.kind != MimeNode::Kind::multipart) node.path = path + ".1";
    tree_.nodes[index].children.push_back(added);
  }

  // Where the encoded content of a leaf stands. GMime hands out a bounded view of our own stream;
  // a stream of another kind is one it made for an empty part.
  Span content_place(GMimeObject* object) const {
    auto* part = reinterpret_cast<GMimePart*>(object);  // NOLINT
    GMimeDataWrapper* content = g_mime_part_get_content(part);
    GMimeStream* stream = content == nullptr ? nullptr : g_mime_data_wrapper_get_stream(content);
    if (stream == nullptr || stream->bound_end < stream->bound_start) return {};
    const bool ours =
        source_.in_memory() ? GMIME_IS_STREAM_MEM(stream) != 0 : GMIME_IS_STREAM_FS(stream) != 0;
    if (!ours) return {};
    const Span place{static_cast<std::size_t>(stream->bound_start),
                     static_cast<std::size_t>(stream->bound_end)};
    if (place.begin < range_.begin || place.end > range_.end) return {};
    return place;
  }

  // From its first header field, or the end of the part's own header, to the next boundary.
  Span attached_place(GMimeObject* object, GMimeMessage* message) {
    GMimeHeaderList* inner =
        message == nullptr ? nullptr : g_mime_object_get_header_list(GMIME_OBJECT(message));
    gint64 first = -1;
    if (inner != nullptr && g_mime_header_list_get_count(inner) > 0) {
      first = g_mime_header_get_offset(g_mime_header_list_get_header_at(inner, 0));
      // Content-* fields are kept with the content, and may be the first ones.
      GMimeObject* content = g_mime_message_get_mime_part(message);
      GMimeHeaderList* rest = content == nullptr ? nullptr : g_mime_object_get_header_list(content);
      if (rest != nullptr && g_mime_header_list_get_count(rest) > 0) {
        const gint64 other = g_mime_header_get_offset(g_mime_header_list_get_header_at(rest, 0));
        if (other >= 0 && (first < 0 || other < first)) first = other;
      }
    }
    if (first < 0) first = after_header(g_mime_object_get_header_list(object));
    if (first < 0 || static_cast<std::size_t>(first) > range_.end) return {};
    const auto begin = static_cast<std::size_t>(first);
    return {begin, end_of_entity(begin)};
  }

  gint64 after_header(GMimeHeaderList* headers) {
    const int count = headers == nullptr ? 0 : g_mime_header_list_get_count(headers);
    if (count == 0) return -1;
    const gint64 last =
        g_mime_header_get_offset(g_mime_header_list_get_header_at(headers, count - 1));
    if (last < 0) return -1;
    const auto end = header_end(source_, {static_cast<std::size_t>(last), range_.end});
    if (end) return static_cast<gint64>(*end);
    failure_ = end.error();
    return -1;
  }

  std::size_t end_of_entity(std::size_t begin) {
    const auto end = entity_end(source_, {begin, range_.end}, boundaries_);
    if (end) return *end;
    failure_ = end.error();
    return begin;
  }

  const MailSource& source_;
  Span range_;
  const MimeLimits& limits_;
  MimeTree tree_;
  std::vector<std::string> boundaries_;  // of the multiparts that are open
  std::size_t leaves_ = 0;
  std::size_t truncated_ = 0;
  std::optional<Error> failure_;
};

// The stream GMime reads from, in place.
Owned<GMimeStream> open_stream(const MailSource& source, Span range, GByteArray& bytes) {
  const auto begin = static_cast<gint64>(range.begin);
  const auto end = static_cast<gint64>(range.end);
  if (!source.in_memory()) {
    Owned<GMimeStream> stream(g_mime_stream_fs_new_with_bounds(source.fd(), begin, end));
    g_mime_stream_fs_set_owner(reinterpret_cast<GMimeStreamFs*>(stream.get()), FALSE);  // NOLINT
    return stream;
  }
  // GMime only reads through this array; it does not own it.
  bytes.data = reinterpret_cast<guint8*>(const_cast<char*>(source.bytes().data()));  // NOLINT
  bytes.len = static_cast<guint>(range.end);
  Owned<GMimeStream> whole(g_mime_stream_mem_new_with_byte_array(&bytes));
  g_mime_stream_mem_set_owner(reinterpret_cast<GMimeStreamMem*>(whole.get()), FALSE);  // NOLINT
  return Owned<GMimeStream>(g_mime_stream_substream(whole.get(), begin, end));
}

}  // namespace

Result<MimeTree> read_mime_tree(const MailSource& source, Span range, std::size_t header_end,
                                const MimeLimits& limits) {
  if (auto tree = simple_tree(source, range, header_end, limits)) return std::move(*tree);
  return gmime_tree(source, range, header_end, limits);
}

Result<MimeTree> gmime_tree(const MailSource& source, Span range, std::size_t header_end,
                            const MimeLimits& limits) {
  initialise_gmime();
  thread_local const std::unique_ptr<GMimeParserOptions, OptionsDeleter> kOptions(
      g_mime_parser_options_new());
  GByteArray bytes{};
  const Owned<GMimeStream> stream = open_stream(source, range, bytes);
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  g_mime_parser_set_persist_stream(parser.get(), TRUE);
  g_mime_parser_set_format(parser.get(), GMIME_FORMAT_MESSAGE);
  const Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), kOptions.get()));
  GMimeObject* root = message ? g_mime_message_get_mime_part(message.get()) : nullptr;
  return TreeBuilder(source, range, limits).build(root, header_end);
}

// Labels carry blanks, comments and semicolons: only the word counts.
std::string encoding_label(std::string_view label) {
  std::string clean;
  for (const char c : label) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '-') {
      clean += lower;
    } else if (lower == ';' || lower == '(') {
      break;
    }
  }
  return clean;
}

TransferEncoding transfer_encoding(std::string_view label) {
  if (label == "base64" || label == "b") return TransferEncoding::base64;
  if (label == "quoted-printable" || label == "quotedprintable" || label == "q") {
    return TransferEncoding::quoted_printable;
  }
  if (label == "x-uuencode" || label == "uuencode" || label == "x-uue" || label == "uue") {
    return TransferEncoding::uuencode;
  }
  return TransferEncoding::identity;
}

// Ours and not GMime's for base64: GMime 3.2.13 drops the last one or two bytes where a mail is cut
// off or lacks its padding.
struct TransferDecoder::State {
  GMimeEncoding encoding{};
  Base64Decoder base64;
  std::string line;    // uuencode: the unfinished line
  bool begun = false;  // uuencode: past the "begin" line
};

TransferDecoder::TransferDecoder(TransferEncoding encoding) : encoding_(encoding) {
  if (encoding == TransferEncoding::identity) return;
  state_ = std::make_unique<State>();
  if (encoding == TransferEncoding::base64) return;
  g_mime_encoding_init_decode(&state_->encoding, encoding == TransferEncoding::quoted_printable
                                                     ? GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE
                                                     : GMIME_CONTENT_ENCODING_UUENCODE);
}

TransferDecoder::~TransferDecoder() = default;

std::string_view TransferDecoder::decode(std::string_view piece) {
  switch (encoding_) {
    case TransferEncoding::identity:
      return piece;
    case TransferEncoding::base64:
      out_.clear();
      state_->base64.decode(piece, out_);
      return out_;
    case TransferEncoding::uuencode:
      skip_to_begin(piece);
      return state_->begun ? step(piece) : std::string_view();
    case TransferEncoding::quoted_printable:
      break;
  }
  return step(piece);
}

std::string_view TransferDecoder::step(std::string_view piece) {
  out_.resize(g_mime_encoding_outlen(&state_->encoding, piece.size()) + 64);
  const std::size_t length =
      g_mime_encoding_step(&state_->encoding, piece.data(), piece.size(), out_.data());
  return std::string_view(out_).substr(0, length);
}

// GMime wants to begin after the "begin 644 name" line.
void TransferDecoder::skip_to_begin(std::string_view& piece) {
  constexpr std::size_t kBeginBytes = 64;
  while (!state_->begun && !piece.empty()) {
    const std::size_t newline = piece.find('\n');
    const std::size_t taken = newline == piece.npos ? piece.size() : newline + 1;
    if (state_->line.size() < kBeginBytes) state_->line += piece.substr(0, taken);
    piece.remove_prefix(taken);
    if (newline == piece.npos) break;
    state_->begun = state_->line.starts_with("begin");
    state_->line.clear();
  }
}

std::string_view TransferDecoder::finish() {
  if (encoding_ == TransferEncoding::identity || encoding_ == TransferEncoding::base64) return {};
  if (encoding_ == TransferEncoding::uuencode && !state_->begun) return {};
  out_.resize(256);
  const std::size_t length = g_mime_encoding_flush(&state_->encoding, nullptr, 0, out_.data());
  return std::string_view(out_).substr(0, length);
}

}  // namespace c360::parsers
