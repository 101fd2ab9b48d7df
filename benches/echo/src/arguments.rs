//! Words, and options behind them.

use std::error::Error;
use std::str::FromStr;

pub struct Arguments {
    words: Vec<String>,
}

impl Arguments {
    pub fn new(words: impl Iterator<Item = String>) -> Self {
        Self { words: words.collect() }
    }

    /// The next word, unless it is an option.
    pub fn word(&mut self) -> Option<String> {
        let is_word = self.words.first().is_some_and(|word| !word.starts_with("--"));
        is_word.then(|| self.words.remove(0))
    }

    pub fn needed(&mut self, name: &str) -> Result<String, Box<dyn Error>> {
        self.word().ok_or_else(|| format!("{name} is missing").into())
    }

    /// Whether the option stands there.
    pub fn flag(&mut self, name: &str) -> bool {
        let place = self.words.iter().position(|word| word == name);
        place.map(|place| self.words.remove(place)).is_some()
    }

    /// The words behind the option, `count` of them.
    pub fn values(&mut self, name: &str, count: usize) -> Result<Option<Vec<String>>, Box<dyn Error>> {
        let Some(place) = self.words.iter().position(|word| word == name) else {
            return Ok(None);
        };
        if self.words.len() < place + 1 + count {
            return Err(format!("{name} needs more words behind it").into());
        }
        Ok(Some(self.words.drain(place..=place + count).skip(1).collect()))
    }

    pub fn value<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, Box<dyn Error>> {
        match self.values(name, 1)? {
            Some(words) => words[0]
                .parse()
                .map_err(|_| format!("{name} {} makes no sense", words[0]).into()),
            None => Ok(default),
        }
    }
}
