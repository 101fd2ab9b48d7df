//! What stands behind `case`.

use super::super::ast::{Binary, FieldPattern, FieldTest, Pattern};
use super::super::diagnostic::Report;
use super::super::token::{Keyword, Kind};
use super::{Parsed, Parser};

impl Parser<'_> {
    /// `case pattern`, or `default` for any.
    pub(super) fn case_pattern(&mut self) -> Parsed<Pattern> {
        if self.eat_keyword(Keyword::Default) {
            return Ok(Pattern::Anything);
        }
        if !self.eat_keyword(Keyword::Case) {
            return Err(self.expected("`case` or `end`"));
        }
        self.pattern()
    }

    fn pattern(&mut self) -> Parsed<Pattern> {
        match self.peek() {
            Kind::Ident if self.slice(self.span()) == "_" && self.peek_at(1) != Kind::Assign => {
                self.bump();
                Ok(Pattern::Anything)
            }
            Kind::Ident | Kind::Quoted if self.peek_at(1) == Kind::Assign => {
                Err(self.unavailable("names for what a pattern found are not available yet"))
            }
            Kind::Tilde => Err(self.unavailable("extractors are not available yet")),
            Kind::Percent if self.adjacent() => {
                let open = self.peek_at(1);
                self.nested(|parser| match open {
                    Kind::LeftBrace => parser.record_pattern(),
                    Kind::LeftBracket => parser.array_pattern(),
                    Kind::LeftParen => parser.tuple_pattern(),
                    _ => Err(parser.expected("a pattern")),
                })
            }
            Kind::Broken => {
                self.bump();
                Ok(Pattern::Broken)
            }
            _ => Ok(Pattern::Equal(self.expression()?)),
        }
    }

    fn open_pattern(&mut self) {
        self.bump();
        self.bump();
    }

    /// `%{ a == 1, present b, absent c, d ~= %{ … } }`
    fn record_pattern(&mut self) -> Parsed<Pattern> {
        self.open_pattern();
        let mut fields = Vec::new();
        while !self.eat(Kind::RightBrace) {
            fields.push(self.field_pattern()?);
            if !self.eat(Kind::Comma) && self.peek() != Kind::RightBrace {
                return Err(self.expected("`,` or `}`"));
            }
        }
        Ok(Pattern::Record(fields))
    }

    fn field_pattern(&mut self) -> Parsed<FieldPattern> {
        for (keyword, test) in [
            (Keyword::Present, FieldTest::Present),
            (Keyword::Absent, FieldTest::Absent),
        ] {
            if self.eat_keyword(keyword) {
                return Ok(FieldPattern {
                    name: self.field_name()?,
                    test,
                });
            }
        }
        let name = self.field_name()?;
        let comparison = match self.peek() {
            Kind::Equal => Binary::Equal,
            Kind::NotEqual => Binary::NotEqual,
            Kind::GreaterEqual => Binary::GreaterEqual,
            Kind::Greater => Binary::Greater,
            Kind::LessEqual => Binary::LessEqual,
            Kind::Less => Binary::Less,
            Kind::Matches => {
                self.bump();
                if self.peek() == Kind::Ident && self.peek_at(1) == Kind::Extractor {
                    return Err(self.unavailable("extractors are not available yet"));
                }
                return Ok(FieldPattern {
                    name,
                    test: FieldTest::Matches(self.pattern()?),
                });
            }
            Kind::Assign | Kind::Colon => {
                let help = "a field is compared with `==`, or only looked for with `present`".into();
                return Err(self.expected_with("a comparison", Some(help)));
            }
            _ => return Err(self.expected("a comparison")),
        };
        self.bump();
        Ok(FieldPattern {
            name,
            test: FieldTest::Compare(comparison, self.expression()?),
        })
    }

    /// `%[ a, %{ … } ]`
    fn array_pattern(&mut self) -> Parsed<Pattern> {
        self.open_pattern();
        let mut elements = Vec::new();
        while !self.eat(Kind::RightBracket) {
            elements.push(self.pattern()?);
            if !self.eat(Kind::Comma) && self.peek() != Kind::RightBracket {
                return Err(self.expected("`,` or `]`"));
            }
        }
        Ok(Pattern::Array(elements))
    }

    /// `%( a, _, ... )`
    fn tuple_pattern(&mut self) -> Parsed<Pattern> {
        self.open_pattern();
        let mut elements = Vec::new();
        let mut open = false;
        while !self.eat(Kind::RightParen) {
            if open {
                let report = Report::error(self.span(), "`...` stands at the end of a pattern").label("expected `)`");
                return Err(self.report(report));
            }
            if self.eat(Kind::Ellipsis) {
                open = true;
            } else {
                elements.push(self.pattern()?);
            }
            if !self.eat(Kind::Comma) && self.peek() != Kind::RightParen {
                return Err(self.expected("`,` or `)`"));
            }
        }
        Ok(Pattern::Tuple { elements, open })
    }
}
