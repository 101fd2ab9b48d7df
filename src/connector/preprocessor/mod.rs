//! Preprocessors: from the bytes as they come to the pieces that the codec reads. A new one is a file here and a line
//! in [`TABLE`].

mod base64;
mod decompress;
mod gelf_chunking;
mod ingest_ns;
mod length_prefixed;
mod record;
mod remove_empty;
mod separate;
mod textual_length_prefixed;

use super::registry::{Entry, Gives};
use super::stage::Stage;

/// Every preprocessor by its name.
pub(super) const TABLE: &[Entry<dyn Stage>] = &[
    Entry {
        name: "separate",
        make: separate::make,
        page: &separate::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "remove-empty",
        make: remove_empty::make,
        page: &remove_empty::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "base64",
        make: base64::make,
        page: &base64::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "length-prefixed",
        make: length_prefixed::make,
        page: &length_prefixed::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "textual-length-prefixed",
        make: textual_length_prefixed::make,
        page: &textual_length_prefixed::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "decompress",
        make: decompress::make,
        page: &decompress::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "ingest-ns",
        make: ingest_ns::make,
        page: &ingest_ns::PAGE,
        gives: Gives::Same,
    },
    Entry {
        name: "gelf-chunking",
        make: gelf_chunking::make,
        page: &gelf_chunking::PAGE,
        gives: Gives::Same,
    },
];

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::super::testing::read_all;
    use super::super::value::Value;
    use super::record::MAX_RECORD_BYTES;

    /// What a stream of these messages gives with codec `string` behind the preprocessors.
    fn read<B: AsRef<[u8]>>(chain: &str, messages: impl IntoIterator<Item = B>) -> Vec<String> {
        read_all(&format!(r#"{{"codec":"string","preprocessors":[{chain}]}}"#), messages)
    }

    fn json(preprocessor: &str, messages: &[&str]) -> Vec<String> {
        read_all(
            &format!(r#"{{"codec":"json","preprocessors":[{preprocessor}]}}"#),
            messages,
        )
    }

    #[test]
    fn messages_and_events_are_not_the_same_once_something_is_held_back() {
        let unbuffered = r#"{"name":"separate","config":{"buffered":false}}"#;
        for (preprocessor, messages, events) in [
            ("", &[r#"{"a":1}"#][..], &[r#"{"a":1}"#][..]),
            ("", &["1\n2"], &["error"]),
            ("", &[""], &["error"]),
            (r#""separate""#, &["1\n2\n"], &["1", "2"]),
            (r#""separate""#, &["1", "2\n3"], &["12", "3"]),
            (r#""separate""#, &[r#"{"a":"#, "1}\n"], &[r#"{"a":1}"#]),
            (r#""separate""#, &["1\n\n2\n"], &["1", "error", "2"]),
            (unbuffered, &["1\n2"], &["1", "2"]),
            (unbuffered, &["1\n2\n"], &["1", "2"]),
            (unbuffered, &["1\n", "2"], &["1", "2"]),
            (unbuffered, &["1\n\n2"], &["1", "error", "2"]),
            (unbuffered, &["", "\n"], &["error"]),
        ] {
            assert_eq!(json(preprocessor, messages), events, "{preprocessor} {messages:?}");
        }
    }

    #[test]
    fn separate_knows_other_separators_and_keeps_what_is_none() {
        assert_eq!(
            read(r#"{"name":"separate","config":{"separator":"|"}}"#, ["a\r\n|b|"]),
            [r#""a\r\n""#, r#""b""#]
        );
        assert_eq!(read(r#""separate""#, ["a\r\n"]), [r#""a\r""#]);
    }

    #[test]
    fn separate_tells_of_a_piece_that_is_too_long_and_goes_on_behind_it() {
        for buffered in [true, false] {
            let short = format!(r#"{{"name":"separate","config":{{"max_length":2,"buffered":{buffered}}}}}"#);
            assert_eq!(read(&short, ["ab\nabc\ncd\n"]), [r#""ab""#, "error", r#""cd""#]);
        }
        let short = r#"{"name":"separate","config":{"max_length":2}}"#;
        assert_eq!(read(short, ["a", "b", "c", "ddd", "\ncd\n"]), ["error", r#""cd""#]);
        assert_eq!(read(short, ["ab\nabc", "d"]), [r#""ab""#, "error"]);
    }

    #[test]
    fn separate_has_the_same_limit_in_both_forms_and_none_if_told_so() {
        let (limit, over) = ("x".repeat(1 << 20), "x".repeat((1 << 20) + 1));
        for form in [
            r#""separate""#,
            r#"{"name":"separate"}"#,
            r#"{"name":"separate","config":{"buffered":true}}"#,
        ] {
            assert_eq!(read(form, [&*limit, "\n"]), [Value::from(&*limit).to_string()]);
            assert_eq!(read(form, [&*over, "\n1\n"]), ["error", r#""1""#]);
        }
        let unlimited = r#"{"name":"separate","config":{"max_length":0}}"#;
        assert_eq!(read(unlimited, [&*over, "\n"]), [Value::from(&*over).to_string()]);
    }

    #[test]
    fn remove_empty_removes_empty_pieces_alone() {
        assert_eq!(
            read(r#""separate","remove-empty""#, ["\n\na\n \n\n"]),
            [r#""a""#, r#"" ""#]
        );
        assert_eq!(read(r#""remove-empty""#, ["", "a"]), [r#""a""#]);
    }

    #[test]
    fn base64_takes_the_standard_alphabet_and_no_line_breaks() {
        assert_eq!(
            read(r#""base64""#, ["YQ==", "", "YQ==\n", "YQ", "*"]),
            [r#""a""#, r#""""#, "error", "error", "error"]
        );
    }

    #[test]
    fn length_prefixed_reads_records_wherever_they_are_cut() {
        let record = |text: &str| [&(text.len() as u64).to_be_bytes()[..], text.as_bytes()].concat();
        let two = [record("ab"), record(""), record("c")].concat();
        for cut in 0..two.len() {
            let (first, second) = two.split_at(cut);
            assert_eq!(
                read(r#""length-prefixed""#, [first, second]),
                [r#""ab""#, r#""""#, r#""c""#],
                "cut at {cut}"
            );
        }
        assert_eq!(
            read(r#""length-prefixed""#, [&two[..9]]),
            ["error"],
            "the stream ended within a record"
        );
        assert_eq!(read(r#""length-prefixed""#, [&two[..12]]), [r#""ab""#, "error"]);
    }

    #[test]
    fn a_huge_length_is_an_error_and_takes_no_memory() {
        let over = MAX_RECORD_BYTES + 1;
        let chunk = vec![b'x'; 1 << 20];
        let mut messages = vec![over.to_be_bytes().to_vec()];
        messages.extend(std::iter::repeat_n(chunk, 64));
        messages.push(b"x\0\0\0\0\0\0\0\x01a".to_vec());
        assert_eq!(
            read(r#""length-prefixed""#, &messages),
            ["error", r#""a""#],
            "it goes on behind the record"
        );
        for length in [u64::MAX, 1 << 63, 1 << 32] {
            let message = [&length.to_be_bytes()[..], b"abc"].concat();
            assert_eq!(read(r#""length-prefixed""#, [message, b"more".to_vec()]), ["error"]);
        }
        assert_eq!(
            read(r#""textual-length-prefixed""#, ["4294967295 abc", "more"]),
            ["error"]
        );
    }

    #[test]
    fn textual_length_prefixed_reads_records_wherever_they_are_cut() {
        let text = "2 ab0 10\tabcdefghij1\nc";
        for cut in 0..text.len() {
            let (first, second) = text.split_at(cut);
            let events = read(r#""textual-length-prefixed""#, [first, second]);
            assert_eq!(
                events,
                [r#""ab""#, r#""""#, r#""abcdefghij""#, r#""c""#],
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_length_that_is_none_costs_the_rest_of_its_message() {
        let chain = r#""textual-length-prefixed""#;
        for bad in [
            "x",
            " 1 a",
            "-1 a",
            "4294967296 a",
            "00000000001 a",
            "99999999999999999999",
            "1x",
            "\u{660} a",
        ] {
            let messages = [format!("1 a{bad}"), "1 b".into()];
            assert_eq!(read(chain, messages), [r#""a""#, "error", r#""b""#], "{bad}");
        }
        assert_eq!(read(chain, ["1", "2", "x", "1 b"]), ["error", r#""b""#]);
        assert_eq!(read(chain, ["12"]), ["error"], "the stream ended within a length");
    }
}
