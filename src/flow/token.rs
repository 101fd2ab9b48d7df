//! The words and signs of the language.

use logos::Logos;

use super::lexer::{LexError, heredoc, string};

/// One word or sign, without its text.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
#[logos(error = LexError)]
#[logos(skip r"[\p{White_Space}]+")]
#[logos(skip(r"#[^\n]*", allow_greedy = true))]
pub(crate) enum Kind {
    /// A name; [`Kind::of_word`] finds the keywords among them.
    #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*")]
    Ident,
    /// A name in back-ticks, which may be a keyword.
    #[regex(r"`[^`\n]*`")]
    Quoted,
    /// A reserved word.
    Keyword(Keyword),
    /// `12`, `1_000`, `0xff`
    #[regex(r"[0-9][0-9_]*")]
    #[regex(r"0x[0-9a-fA-F_]+")]
    Int,
    /// `1.5`, `1.0e9`
    #[regex(r"[0-9][0-9_]*\.[0-9][0-9_]*([eE][+-]?[0-9][0-9_]*)?")]
    Float,
    /// Something that begins like a number and goes on like a name.
    #[regex(r"[0-9][0-9_]*[\p{XID_Start}]\p{XID_Continue}*", priority = 1)]
    #[regex(r"0x[0-9a-fA-F_]*[g-zG-Z]\p{XID_Continue}*", priority = 3)]
    BadNumber,
    /// `"…"` on one line, with its quotes.
    #[token("\"", string)]
    String,
    /// `"""` … `"""` over several lines, with its quotes.
    #[token("\"\"\"", heredoc)]
    Heredoc,
    /// A string that was never closed, or a sign that means nothing; reported already.
    Broken,
    /// `|…|`: the argument of an extractor.
    #[regex(r"\|(\\[^\n]|[^|\\\n])*\|")]
    Extractor,
    /// `;`
    #[token(";")]
    Semicolon,
    /// `,`
    #[token(",")]
    Comma,
    /// `::`
    #[token("::")]
    PathSep,
    /// `:`
    #[token(":")]
    Colon,
    /// `...`
    #[token("...")]
    Ellipsis,
    /// `.`
    #[token(".")]
    Dot,
    /// `(`
    #[token("(")]
    LeftParen,
    /// `)`
    #[token(")")]
    RightParen,
    /// `[`
    #[token("[")]
    LeftBracket,
    /// `]`
    #[token("]")]
    RightBracket,
    /// `{`
    #[token("{")]
    LeftBrace,
    /// `}`
    #[token("}")]
    RightBrace,
    /// `$`
    #[token("$")]
    Dollar,
    /// `=>`
    #[token("=>")]
    Arrow,
    /// `=`
    #[token("=")]
    Assign,
    /// `==`
    #[token("==")]
    Equal,
    /// `!=`
    #[token("!=")]
    NotEqual,
    /// `~=`
    #[token("~=")]
    Matches,
    /// `~`
    #[token("~")]
    Tilde,
    /// `!`
    #[token("!")]
    Bang,
    /// `>=`
    #[token(">=")]
    GreaterEqual,
    /// `<=`
    #[token("<=")]
    LessEqual,
    /// `>`
    #[token(">")]
    Greater,
    /// `<`
    #[token("<")]
    Less,
    /// `>>>`
    #[token(">>>")]
    ShiftRightUnsigned,
    /// `>>`
    #[token(">>")]
    ShiftRight,
    /// `<<`
    #[token("<<")]
    ShiftLeft,
    /// `+`
    #[token("+")]
    Plus,
    /// `-`
    #[token("-")]
    Minus,
    /// `*`
    #[token("*")]
    Star,
    /// `/`
    #[token("/")]
    Slash,
    /// `%`
    #[token("%")]
    Percent,
    /// `^`
    #[token("^")]
    Caret,
    /// `&`
    #[token("&")]
    Ampersand,
    /// Behind the last one.
    End,
}

impl Kind {
    /// What a word is: a keyword, or else a name.
    pub(crate) fn of_word(word: &str) -> Self {
        Keyword::lookup(word).map_or(Self::Ident, Self::Keyword)
    }
}

macro_rules! keywords {
    ($($variant:ident $text:literal,)*) => {
        /// The reserved words.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Keyword {
            $(
                #[doc = concat!("`", $text, "`")]
                $variant,
            )*
        }

        impl Keyword {
            /// All of them, as they are written.
            #[cfg(test)]
            pub(crate) const TEXTS: &'static [&'static str] = &[$($text,)*];

            /// As it is written.
            pub(crate) fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The keyword that is written so.
            pub(crate) fn lookup(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

keywords! {
    Intrinsic "intrinsic", Mod "mod", Const "const", Let "let", Match "match", End "end", Fn "fn", Null "null",
    Case "case", Of "of", When "when", Default "default", Patch "patch", Insert "insert", Upsert "upsert",
    Update "update", Erase "erase", Move "move", Copy "copy", Merge "merge", For "for", Event "event", State "state",
    Present "present", Absent "absent", True "true", False "false", And "and", Or "or", Xor "xor", Not "not",
    Drop "drop", Emit "emit", Select "select", From "from", Where "where", With "with", Group "group", By "by",
    Having "having", Into "into", Create "create", Tumbling "tumbling", Sliding "sliding", Window "window",
    Stream "stream", Operator "operator", Script "script", Set "set", Each "each", Define "define", Args "args",
    Use "use", As "as", Recur "recur", Pipeline "pipeline", Connector "connector", Connect "connect", Flow "flow",
    To "to", Deploy "deploy",
}
