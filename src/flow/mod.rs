//! `config.troy`: from text to a deployment of connectors and the pipelines between them.

mod ast;
mod diagnostic;
mod lexer;
mod parser;
mod source;
mod suggest;
mod token;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
