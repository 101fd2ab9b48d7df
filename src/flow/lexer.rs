//! Text to [`Token`]s. Blanks and comments are dropped; strings stay whole, with their quotes: the parser looks into
//! them.

use logos::{Lexer, Logos};

use super::diagnostic::{Report, Reports};
use super::source::{SourceId, Span};
use super::token::Kind;

/// A word or sign and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it stands.
    pub(crate) span: Span,
}

/// Why a text is none of the language's words and signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LexError {
    /// No word begins like this.
    #[default]
    Unknown,
    /// A `"` without its partner on the same line.
    UnclosedString,
    /// A `"""` without its partner.
    UnclosedHeredoc,
}

/// Cuts `text`, which begins at byte `offset` of the source, into tokens; the last one is [`Kind::End`].
pub(crate) fn tokens(source: SourceId, text: &str, offset: u32, reports: &mut Reports) -> Vec<Token> {
    let mut lexer = Kind::lexer(text);
    let mut tokens = Vec::new();
    while let Some(result) = lexer.next() {
        let range = lexer.span();
        let span = Span {
            source,
            start: offset + range.start as u32,
            end: offset + range.end as u32,
        };
        let kind = match result {
            Ok(Kind::Ident) => Kind::of_word(lexer.slice()),
            Ok(kind) => kind,
            Err(LexError::Unknown) => {
                unknown(span, lexer.slice(), reports);
                Kind::Broken
            }
            Err(LexError::UnclosedString) => {
                reports.push(
                    Report::error(
                        Span {
                            end: span.start + 1,
                            ..span
                        },
                        "this string is not closed on its line",
                    )
                    .label("the string begins here")
                    .help("close it with `\"`; a text of several lines stands between `\"\"\"` and `\"\"\"`"),
                );
                Kind::Broken
            }
            Err(LexError::UnclosedHeredoc) => {
                reports.push(
                    Report::error(
                        Span {
                            end: span.start + 3,
                            ..span
                        },
                        "this text is never closed",
                    )
                    .label("the text begins here")
                    .help("close it with `\"\"\"`"),
                );
                Kind::Broken
            }
        };
        tokens.push(Token { kind, span });
    }
    let end = offset + text.len() as u32;
    tokens.push(Token {
        kind: Kind::End,
        span: Span {
            source,
            start: end,
            end,
        },
    });
    tokens
}

fn unknown(span: Span, slice: &str, reports: &mut Reports) {
    let help = match slice.chars().next() {
        Some('\'' | '‘' | '’' | '“' | '”') => Some("strings stand between `\"` and `\"`"),
        Some('`') => Some("a name in back-ticks ends with a back-tick on the same line"),
        Some('|') => Some("alternatives are written with `or`, and in a `match` as cases of their own"),
        Some('@' | '?' | '\\') => None,
        _ => Some("outside of strings and comments only letters, digits and the language's signs may stand"),
    };
    reports.push(
        Report::error(span, std::format!("`{}` means nothing here", slice.escape_debug()))
            .maybe_help(help.map(Into::into)),
    );
}

/// Goes on to the end of a string whose first quote was read.
pub(crate) fn string(lexer: &mut Lexer<'_, Kind>) -> Result<(), LexError> {
    match closing(lexer.remainder(), false) {
        Some(length) => {
            lexer.bump(length);
            Ok(())
        }
        None => {
            // The rest of the line is the string; but what ends the entry or the statement probably was meant to.
            let line = lexer.remainder().split('\n').next().unwrap_or("").trim_end();
            let length = line.strip_suffix([',', ';']).unwrap_or(line).len();
            lexer.bump(length);
            Err(LexError::UnclosedString)
        }
    }
}

/// Goes on to the end of a heredoc whose first quotes were read.
pub(crate) fn heredoc(lexer: &mut Lexer<'_, Kind>) -> Result<(), LexError> {
    let (length, result) = match closing(lexer.remainder(), true) {
        Some(length) => (length, Ok(())),
        None => (lexer.remainder().len(), Err(LexError::UnclosedHeredoc)),
    };
    lexer.bump(length);
    result
}

/// What [`closing`] is inside of.
enum Inside {
    /// Between quotes.
    Text { heredoc: bool },
    /// Between `#{` and `}`, with so many braces open.
    Interpolation { braces: u32 },
}

/// How many bytes of `text`, which begins just behind the opening quotes, belong to the string with its closing
/// quotes; strings within interpolations are passed over. `None` if it isn't closed.
pub(crate) fn closing(text: &str, heredoc: bool) -> Option<usize> {
    scan(text, Inside::Text { heredoc }, !heredoc)
}

/// How many bytes of `text`, which begins just behind `#{`, belong to the interpolation with its `}`.
pub(crate) fn closing_brace(text: &str) -> Option<usize> {
    scan(text, Inside::Interpolation { braces: 0 }, false)
}

fn scan(text: &str, outermost: Inside, one_line: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut stack = vec![outermost];
    let mut at = 0;
    while let Some(inside) = stack.last_mut() {
        let rest = &bytes[at..];
        let first = *rest.first()?;
        if first == b'\n' && one_line {
            return None;
        }
        at += 1;
        match inside {
            Inside::Text { heredoc } => {
                if first == b'\\' && (!*heredoc || rest.starts_with(b"\\#")) {
                    // The line's end can't be escaped: it is looked at by the next turn.
                    at += usize::from(rest.get(1).is_some_and(|&next| next != b'\n'));
                } else if rest.starts_with(b"#{") {
                    at += 1;
                    stack.push(Inside::Interpolation { braces: 0 });
                } else if *heredoc && rest.starts_with(b"\"\"\"") {
                    at += 2;
                    stack.pop();
                } else if first == b'"' && !*heredoc {
                    stack.pop();
                }
            }
            Inside::Interpolation { braces } => match first {
                b'{' => *braces += 1,
                b'}' if *braces == 0 => {
                    stack.pop();
                }
                b'}' => *braces -= 1,
                b'"' if rest.starts_with(b"\"\"\"") => {
                    at += 2;
                    stack.push(Inside::Text { heredoc: true });
                }
                b'"' => stack.push(Inside::Text { heredoc: false }),
                _ => {}
            },
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use proptest::prelude::*;

    use super::super::token::Keyword;
    use super::*;

    fn lex(text: &str) -> (Vec<(Kind, &str)>, Reports) {
        let mut reports = Reports::default();
        let tokens = tokens(SourceId(0), text, 0, &mut reports);
        let pairs = tokens
            .iter()
            .map(|token| (token.kind, &text[token.span.start as usize..token.span.end as usize]));
        (pairs.collect(), reports)
    }

    fn kinds(text: &str) -> Vec<Kind> {
        let (tokens, reports) = lex(text);
        assert!(!reports.has_errors(), "{text}: {:?}", reports.into_vec());
        tokens.into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn every_keyword_is_one_unless_it_stands_in_back_ticks() {
        for text in Keyword::TEXTS {
            let keyword = Keyword::lookup(text).unwrap();
            assert_eq!(keyword.text(), *text);
            assert_eq!(kinds(text), [Kind::Keyword(keyword), Kind::End]);
            assert_eq!(kinds(&std::format!("`{text}`")), [Kind::Quoted, Kind::End]);
            assert_eq!(kinds(&std::format!("{text}s")), [Kind::Ident, Kind::End]);
        }
        assert_eq!(Keyword::TEXTS.len(), 61);
        for name in [
            "in", "out", "err", "exit", "record", "some", "_", "_a1", "ärger", "日本",
        ] {
            assert_eq!(kinds(name), [Kind::Ident, Kind::End], "{name}");
        }
    }

    #[test]
    fn signs_are_cut_longest_first() {
        use Kind::*;
        assert_eq!(kinds("::: ...."), [PathSep, Colon, Ellipsis, Dot, End]);
        assert_eq!(kinds(">>>>>=>="), [ShiftRightUnsigned, ShiftRight, Arrow, Assign, End]);
        assert_eq!(
            kinds("<<= == != ~= ~ !"),
            [ShiftLeft, Assign, Equal, NotEqual, Matches, Tilde, Bang, End]
        );
        assert_eq!(kinds("%{ $a"), [Percent, LeftBrace, Dollar, Ident, End]);
    }

    #[test]
    fn numbers() {
        use Kind::*;
        for (text, kind) in [
            ("0", Int),
            ("1_000", Int),
            ("0xfF_0", Int),
            ("1.5", Float),
            ("1_0.0_1e-3", Float),
            ("2.0E+1_0", Float),
            ("1e5", BadNumber),
            ("12ab", BadNumber),
            ("0xfg", BadNumber),
            ("0x", BadNumber),
        ] {
            assert_eq!(kinds(text), [kind, End], "{text}");
        }
        assert_eq!(kinds("1.a"), [Int, Dot, Ident, End]);
        assert_eq!(kinds("1.5.x"), [Float, Dot, Ident, End]);
    }

    #[test]
    fn strings_are_one_token_whatever_they_hold() {
        for text in [
            r#""""#,
            r#""a""#,
            r#""a \" b""#,
            r#""\\""#,
            r##""#""##,
            r##""\#{""##,
            r##""a #{ "b" } c""##,
            r##""#{ {"a": "}" } }""##,
            r##""#{ "#{ "x" }" }""##,
        ] {
            if text.len() > 2 {
                assert_eq!(kinds(text), [Kind::String, Kind::End], "{text}");
            }
        }
        assert_eq!(kinds(r#" "" "#), [Kind::String, Kind::End]);
        for text in ["\"\"\"\na \"b\" \\\n\"\"\"", "\"\"\"\n#{ \"\"\"\nx\"\"\" }\"\"\""] {
            assert_eq!(kinds(text), [Kind::Heredoc, Kind::End], "{text}");
        }
    }

    #[test]
    fn a_string_that_is_not_closed_ends_with_its_line_and_leaves_the_comma() {
        let (tokens, reports) = lex("\"a\": \"b,\n\"c\"");
        assert!(reports.has_errors());
        let texts: Vec<_> = tokens.iter().map(|(_, text)| text.to_string()).collect();
        assert_eq!(texts, ["\"a\"", ":", "\"b", ",", "\"c\"", ""].map(String::from));
    }

    #[test]
    fn comments_and_directives_are_passed_over() {
        use Kind::*;
        assert_eq!(kinds("# a ; b\n### m\n## d\nx # y"), [Ident, End]);
        assert_eq!(kinds("#!config metrics_interval_s = 5\nx"), [Ident, End]);
        assert_eq!(kinds("#"), [End]);
    }

    proptest! {
        #[test]
        fn any_text_is_cut_into_tokens_that_lie_in_order(text in "\\PC*|[\"#{}\\\\\\n ]*") {
            let mut reports = Reports::default();
            let tokens = tokens(SourceId(0), &text, 0, &mut reports);
            let mut end = 0;
            for token in &tokens {
                prop_assert!(token.span.start >= end && text.get(token.span.start as usize..token.span.end as usize).is_some());
                end = token.span.end;
            }
            prop_assert_eq!(tokens.last().unwrap().kind, Kind::End);
        }
    }
}
