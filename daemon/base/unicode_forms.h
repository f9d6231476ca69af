// The part of Unicode normalisation that names and form mails need (domain.md 1.3, 20.7), without
// the tables of a whole Unicode library.
//
// Covered, canonical (NFC): letters of Latin-1, Latin Extended-A and Cyrillic (U+0400-U+052F) with
// one combining mark. Covered, compatibility (NFKC): no-break and typographic spaces, full-width
// ASCII, ligatures U+FB00-U+FB06, superscript and subscript digits, Roman numerals U+2160-U+217F,
// №, ™, ª, º, the ellipsis and the one and two dot leaders. Everything else stays as it is.
#pragma once

#include <string>
#include <string_view>

namespace c360 {

// The letter made of `base` and combining `mark`; 0 where there is none.
char32_t composed(char32_t base, char32_t mark);
constexpr bool is_combining_mark(char32_t c) { return c >= 0x300 && c <= 0x36F; }

// Takes no room on the page: soft hyphen, zero-width and bidirectional controls, byte order mark.
bool is_invisible(char32_t c);
// A space other than U+0020: no-break, thin, ideographic … Not a tab, not a line end.
bool is_typographic_space(char32_t c);

// NFC of the covered letters.
std::string compose(std::string_view text);
// NFKC of the covered characters; invisible ones are dropped.
std::string compatibility_form(std::string_view text);

}  // namespace c360
