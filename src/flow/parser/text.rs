//! Literals: numbers, and strings with their escapes and interpolations.

use crate::connector::Value;

use super::super::ast::{Expr, ExprKind, Piece};
use super::super::diagnostic::Report;
use super::super::lexer::{self, closing_brace};
use super::super::source::Span;
use super::super::token::Kind;
use super::{Parsed, Parser, Reported};

impl Parser<'_> {
    pub(super) fn number(&mut self) -> Parsed<ExprKind> {
        let token = self.bump();
        let digits: String = self.slice(token.span).chars().filter(|&c| c != '_').collect();
        let value = if token.kind == Kind::Float {
            digits
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map(Value::Float)
        } else {
            let number = match digits.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            number
                .ok()
                .map(|number| i64::try_from(number).map_or(Value::UInt(number), Value::Int))
        };
        value.map(ExprKind::Literal).ok_or_else(|| {
            let report = Report::error(token.span, "this number is too large").help(format!(
                "integers reach up to {}, floats up to {:e}",
                u64::MAX,
                f64::MAX
            ));
            self.report(report)
        })
    }

    pub(super) fn bad_number(&mut self) -> Reported {
        let span = self.bump().span;
        let text = self.slice(span);
        let help = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) if !text.starts_with("0x") && !exponent.is_empty() => {
                format!("a float has digits on both sides of a dot: `{digits}.0e{exponent}`")
            }
            _ if text.starts_with("0x") => "hexadecimal digits are 0 to 9 and a to f".into(),
            _ => "a name can't begin with a digit".into(),
        };
        self.report(Report::error(span, format!("`{text}` is no number")).help(help))
    }

    /// A string or heredoc: a literal, or pieces where it has interpolations.
    pub(super) fn string(&mut self) -> Parsed<Expr> {
        let token = self.bump();
        let (mut at, end, heredoc) = match token.kind {
            Kind::Heredoc => (token.span.start + 3, token.span.end - 3, true),
            _ => (token.span.start + 1, token.span.end - 1, false),
        };
        if heredoc {
            at = self.heredoc_start(at, end)?;
        }
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut wrong = false;
        while at < end {
            let span = Span {
                start: at,
                end,
                ..token.span
            };
            let rest = self.slice(span);
            let Some(first) = rest.chars().next() else { break };
            if let Some(inside) = rest.strip_prefix("#{") {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                let length = closing_brace(inside).map_or(rest.len(), |length| length + 2) as u32;
                match self.interpolation(Span {
                    start: at + 2,
                    end: at + length - 1,
                    ..span
                }) {
                    Ok(expr) => pieces.push(Piece::Value(expr)),
                    Err(Reported) => wrong = true,
                }
                at += length;
            } else if first == '\\' && (!heredoc || rest.starts_with("\\#")) {
                let (length, character) = unescape(rest);
                match character {
                    Some(character) => text.push(character),
                    None => {
                        self.bad_escape(Span {
                            end: at + length,
                            ..span
                        });
                        wrong = true;
                    }
                }
                at += length;
            } else {
                text.push(first);
                at += first.len_utf8() as u32;
            }
        }
        let kind = if wrong {
            ExprKind::Broken
        } else if pieces.is_empty() {
            ExprKind::Literal(Value::String(text.into()))
        } else {
            if !text.is_empty() {
                pieces.push(Piece::Text(text));
            }
            ExprKind::Text(pieces)
        };
        self.node(kind, token.span)
    }

    /// The text of a heredoc begins on the line behind its quotes.
    fn heredoc_start(&mut self, at: u32, end: u32) -> Parsed<u32> {
        let span = Span {
            start: at,
            end,
            ..self.previous()
        };
        let content = self.slice(span);
        let line = content.split('\n').next().unwrap_or("");
        if !line.trim().is_empty() || !content.contains('\n') {
            let place = Span {
                end: at + line.len() as u32,
                ..span
            };
            let report = Report::error(place, "the text between `\"\"\"` begins on the next line")
                .label("expected a new line")
                .help("a text of one line stands between `\"` and `\"`");
            return Err(self.report(report));
        }
        Ok(at + line.len() as u32 + 1)
    }

    /// What stands between `#{` and `}`.
    fn interpolation(&mut self, span: Span) -> Parsed<Expr> {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let tokens = lexer::tokens(span.source, text, span.start, self.reports);
        let mut inner = Parser {
            text: self.text,
            tokens,
            at: 0,
            depth: self.depth,
            built_in: self.built_in,
            gave_up: false,
            complete: true,
            muffled: false,
            reports: self.reports,
        };
        if inner.peek() == Kind::End {
            let report = Report::error(
                Span {
                    start: span.start - 2,
                    end: span.end + 1,
                    ..span
                },
                "nothing stands between `#{` and `}`",
            )
            .help("to write `#{` itself, write `\\#{`");
            return Err(inner.report(report));
        }
        let expr = inner.expression()?;
        if inner.peek() == Kind::End {
            Ok(expr)
        } else {
            Err(inner.expected("`}`"))
        }
    }

    fn bad_escape(&mut self, span: Span) {
        let text = self.slice(span);
        let help = if text.starts_with("\\u") {
            "`\\u` is followed by four hexadecimal digits; characters past U+FFFF are written as two surrogates"
        } else {
            "a backslash itself is written `\\\\`; there are also `\\\"`, `\\n`, `\\r`, `\\t`, `\\b`, `\\f`, `\\#` and `\\u0041`"
        };
        let report = Report::error(span, format!("`{text}` is no escape sequence")).help(help);
        self.report(report);
    }
}

/// The character that the escape sequence at the beginning of `text` stands for, and how many bytes it takes.
fn unescape(text: &str) -> (u32, Option<char>) {
    let Some(second) = text[1..].chars().next() else {
        return (1, None);
    };
    let simple = match second {
        '"' | '\\' | '#' | '/' => second,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unescape_unicode(text),
        _ => return (1 + second.len_utf8() as u32, None),
    };
    (2, Some(simple))
}

fn unescape_unicode(text: &str) -> (u32, Option<char>) {
    let unit = |at: usize| {
        let digits = text
            .get(at..at + 4)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(2) else { return (2, None) };
    if let Some(character) = char::from_u32(first.into()) {
        return (6, Some(character));
    }
    let second = text.get(6..8).filter(|&prefix| prefix == "\\u").and_then(|_| unit(8));
    let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    (if pair.is_some() { 12 } else { 6 }, pair)
}
