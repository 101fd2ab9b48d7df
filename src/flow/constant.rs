//! Values that are known before anything runs, and where each part of them was written.

use std::rc::Rc;

use indexmap::IndexMap;

use crate::connector::Value;
use crate::connector::config::{At, ConfigError, Segment};

use super::source::Span;

/// A constant, and where its parts were written.
#[derive(Debug, Clone)]
pub(crate) struct Constant {
    /// The value.
    pub(crate) value: Value,
    /// The places.
    pub(crate) places: Rc<Places>,
}

/// Where a value and its parts were written.
#[derive(Debug)]
pub(crate) struct Places {
    /// The value.
    pub(crate) span: Span,
    /// Its parts, where it was written as a record or list.
    pub(crate) parts: Parts,
}

/// Where the parts of a value were written.
#[derive(Debug)]
pub(crate) enum Parts {
    /// It has none, or they were not written one by one.
    None,
    /// The keys, and the values' places.
    Fields(IndexMap<Box<str>, (Span, Rc<Places>)>),
    /// The items' places.
    Items(Vec<Rc<Places>>),
}

impl Constant {
    /// A value that was written whole.
    pub(crate) fn whole(value: Value, span: Span) -> Self {
        Self {
            value,
            places: Rc::new(Places {
                span,
                parts: Parts::None,
            }),
        }
    }
}

impl Places {
    /// The place that an error speaks of; the nearest one if the path goes further than what was written.
    fn find(&self, key: Span, path: &[Segment], at: At) -> Span {
        let Some((first, rest)) = path.split_first() else {
            return match at {
                At::Key => key,
                At::Value => self.span,
            };
        };
        match (&self.parts, first) {
            (Parts::Fields(fields), Segment::Key(name)) => match fields.get(name.as_str()) {
                Some((key, places)) => places.find(*key, rest, at),
                None => self.span,
            },
            (Parts::Items(items), Segment::Index(index)) => match items.get(*index) {
                Some(places) => places.find(places.span, rest, at),
                None => self.span,
            },
            _ => self.span,
        }
    }
}

/// The place that `error` speaks of in the entries of a `with`, or `whole` if it speaks of none of them.
pub(crate) fn place_of(error: &ConfigError, entries: &IndexMap<Rc<str>, (Span, Constant)>, whole: Span) -> Span {
    let Some((Segment::Key(name), rest)) = error.path.split_first() else {
        return whole;
    };
    entries
        .get(name.as_str())
        .map_or(whole, |(key, constant)| constant.places.find(*key, rest, error.at))
}
