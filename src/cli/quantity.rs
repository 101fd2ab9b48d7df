//! Durations and sizes as people type them.

use std::time::Duration;

/// `90s`, `1.5m`, `200ms`, `10us`, `1h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is no unit of time; there are us, ms, s, m and h")),
    };
    let number: f64 = number.parse().map_err(|_| "expected a duration such as 10s or 200ms")?;
    Duration::try_from_secs_f64(number * scale).map_err(|error| error.to_string())
}

/// `125`, `16K`, `1M`; powers of 1,024.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let scale = match unit.to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        _ => return Err(format!("`{unit}` is no unit of size; there are K and M")),
    };
    let number: usize = number.parse().map_err(|_| "expected a size such as 125 or 16K")?;
    number.checked_mul(scale).ok_or_else(|| "too large".to_owned())
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|next: char| !next.is_ascii_digit() && next != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// A duration in nanoseconds, for people: `12.3 µs`.
pub(crate) fn show_nanos(nanos: u64) -> String {
    let nanos = nanos as f64;
    let (value, unit) = match nanos {
        ..1e3 => (nanos, "ns"),
        ..1e6 => (nanos / 1e3, "µs"),
        ..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    // Three digits that mean something, which is what the histogram keeps.
    match value {
        ..10.0 => format!("{value:.2} {unit}"),
        ..100.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A number with its digits in groups of three.
pub(crate) fn show_count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A size in bytes, for people: `16 KiB`.
pub(crate) fn show_bytes(bytes: usize) -> String {
    match bytes {
        0 => "0 B".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read() {
        for (text, nanos) in [
            ("10", 10_000_000_000),
            ("1.5m", 90_000_000_000),
            ("200ms", 200_000_000),
            ("3 us", 3_000),
            ("1h", 3_600_000_000_000),
        ] {
            assert_eq!(duration(text).unwrap().as_nanos(), nanos, "{text}");
        }
        for text in ["", "s", "1x", "1.1.1s", "-1s", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for (text, size) in [
            ("0", 0),
            ("125", 125),
            ("16K", 16384),
            ("1 MiB", 1 << 20),
            ("2kb", 2048),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "K", "1.5K", "1G", "99999999999999999M"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn figures_are_shown_with_three_digits() {
        for (nanos, text) in [
            (0, "0.00 ns"),
            (999, "999 ns"),
            (20_100, "20.1 µs"),
            (1_234_567, "1.23 ms"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(show_nanos(nanos), text);
        }
        assert_eq!(
            [0, 12, 1_234, 1_234_567].map(show_count),
            ["0", "12", "1,234", "1,234,567"]
        );
        assert_eq!(
            [0, 125, 2048, 3 << 20].map(show_bytes),
            ["0 B", "125 B", "2 KiB", "3 MiB"]
        );
    }
}
