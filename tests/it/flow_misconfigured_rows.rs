//! The rows of the table of misconfigurations: keys beside `config`, processors.

use super::flow_support::{Mistake, mistake};

pub(crate) const KEYS: &[Mistake] = &[
    mistake(
        r#"«codecs = "json", codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `codecs`"#,
        r#"did you mean `codec`?"#,
    ),
    mistake(
        r#"«preprocessor = [], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `preprocessor`"#,
        r#"did you mean `preprocessors`?"#,
    ),
    mistake(
        r#"«postprocessor = [], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `postprocessor`"#,
        r#"did you mean `postprocessors`?"#,
    ),
    mistake(
        r#"«reconect = {"none": null}, codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `reconect`"#,
        r#"did you mean `reconnect`?"#,
    ),
    mistake(
        r#"«metrics_interval = 1, codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `metrics_interval`"#,
        r#"metrics_interval_s"#,
    ),
    mistake(
        r#"metrics_interval_s = «"1", codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`metrics_interval_s` must be an integer"#,
        r#"seconds"#,
    ),
    mistake(
        r#"metrics_interval_s = «-1, codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`metrics_interval_s` must be an integer"#,
        r#"seconds"#,
    ),
    mistake(
        r#"codec = «"nope", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no codec `nope`"#,
        r#"`json`"#,
    ),
    mistake(
        r#"codec = «"JSON", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no codec `JSON`"#,
        r#"did you mean `json`?"#,
    ),
    mistake(
        r#"codec = «"json-sorted", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no codec `json-sorted`"#,
        r#"`json`"#,
    ),
    mistake(
        r#"codec = «7, config = {"url": "127.0.0.1:1"}"#,
        r#"a codec was expected"#,
        r#"a name or a record"#,
    ),
    mistake(
        r#"codec = «["json"], config = {"url": "127.0.0.1:1"}"#,
        r#"a codec was expected"#,
        r#"a name or a record"#,
    ),
    mistake(
        r#"codec = {«"nam": "json"}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `nam`"#,
        r#"did you mean `name`?"#,
    ),
    mistake(
        r#"codec = {"name": «"nope"}, config = {"url": "127.0.0.1:1"}"#,
        r#"there is no codec `nope`"#,
        r#"`json`"#,
    ),
    mistake(
        r#"codec = {"name": «7}, config = {"url": "127.0.0.1:1"}"#,
        r#"the name of a codec must be a string"#,
        r#"`json`"#,
    ),
    mistake(
        r#"codec = «{"config": {}}, config = {"url": "127.0.0.1:1"}"#,
        r#"lacks the key `name`"#,
        r#"add `"name": …`"#,
    ),
    mistake(
        r#"codec = {"name": "json", «"konfig": {}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `konfig`"#,
        r#"did you mean `config`?"#,
    ),
    mistake(
        r#"codec = {"name": "json", "config": {«"order": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `order`"#,
        r#"`mode`"#,
    ),
    mistake(
        r#"codec = {"name": "json", "config": {"mode": «"sort"}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`mode` can't be `sort`"#,
        r#"`unsorted` or `sorted`"#,
    ),
    mistake(
        r#"codec = {"name": "json", "config": {"mode": «true}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`mode` must be"#,
        r#"`unsorted` or `sorted`"#,
    ),
    mistake(
        r#"codec = {"name": "string", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "binary", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "null", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "msgpack", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "yaml", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "csv", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "influx", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "binflux", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "statsd", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "dogstatsd", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "syslog", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "tremor", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"codec = {"name": "graphite-plaintext", "config": {«"mode": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `mode`"#,
        r#"no key at all"#,
    ),
];

pub(crate) const PROCESSORS: &[Mistake] = &[
    mistake(
        r#"preprocessors = «"separate", codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`preprocessors` must be a list"#,
        r#"write `preprocessors = ["separate"]`"#,
    ),
    mistake(
        r#"postprocessors = «{"name": "separate"}, codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`postprocessors` must be a list"#,
        r#"write `postprocessors = ["#,
    ),
    mistake(
        r#"preprocessors = [«"nope"], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no preprocessor `nope`"#,
        r#"`separate`"#,
    ),
    mistake(
        r#"preprocessors = [«"lines"], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no preprocessor `lines`"#,
        r#"`separate`"#,
    ),
    mistake(
        r#"preprocessors = [«"split"], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no preprocessor `split`"#,
        r#"`separate`"#,
    ),
    mistake(
        r#"preprocessors = [«"length-prefixerd"], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no preprocessor `length-prefixerd`"#,
        r#"did you mean `length-prefixed`?"#,
    ),
    mistake(
        r#"preprocessors = [«"textual-length-prefix"], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no preprocessor `textual-length-prefix`"#,
        r#"did you mean `textual-length-prefixed`?"#,
    ),
    mistake(
        r#"preprocessors = ["separate", «"compress"], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no preprocessor `compress`"#,
        r#"did you mean `decompress`?"#,
    ),
    mistake(
        r#"preprocessors = [«7], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"a preprocessor was expected"#,
        r#"a name or a record"#,
    ),
    mistake(
        r#"postprocessors = [«"decompress"], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"there is no postprocessor `decompress`"#,
        r#"did you mean `compress`?"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "separate", "config": {"separator": «"\r\n"}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`separator` must be one byte"#,
        r#"one byte of text"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "separate", "config": {"separator": «"ä"}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`separator` must be one byte"#,
        r#"one byte of text"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "separate", "config": {"separator": «""}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`separator` must be one byte"#,
        r#"one byte of text"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "separate", "config": {"separator": «10}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`separator` must be"#,
        r#"a string"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "separate", "config": {"max_length": «-1}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`max_length` must be an integer"#,
        r#"at least 0"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "separate", "config": {«"max-length": 1}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `max-length`"#,
        r#"did you mean `max_length`?"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "separate", "config": {"buffered": «"yes"}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`buffered` must be"#,
        r#"`true` or `false`"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "separate", "config": «[]}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`config` must be a record"#,
        r#"a record"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "base64", "config": {«"x": 1}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `x`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "remove-empty", "config": {«"x": 1}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `x`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "ingest-ns", "config": {«"x": 1}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `x`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "length-prefixed", "config": {«"x": 1}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `x`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "textual-length-prefixed", "config": {«"x": 1}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `x`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "gelf-chunking", "config": {«"x": 1}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `x`"#,
        r#"no key at all"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "decompress", "config": {"algorithm": «"rar"}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`algorithm` can't be `rar`"#,
        r#"`gzip`"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "decompress", "config": {«"algoritm": "gzip"}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `algoritm`"#,
        r#"did you mean `algorithm`?"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "decompress", "config": {"max_bytes": «0}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`max_bytes` must be an integer"#,
        r#"at least 1"#,
    ),
    mistake(
        r#"preprocessors = [{"name": "decompress", "config": {"max_ratio": «0}}], codec = "json", config = {"url": "127.0.0.1:1"}"#,
        r#"`max_ratio` must be an integer"#,
        r#"at least 1"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "separate", "config": {"separator": «"ab"}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"`separator` must be one byte"#,
        r#"one byte of text"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "separate", "config": {«"max_length": 1}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"unknown key `max_length`"#,
        r#"`separator`"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "compress", "config": «{}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"lacks the key `algorithm`"#,
        r#"add `"algorithm": …`"#,
    ),
    mistake(
        r#"postprocessors = [«"compress"], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"lacks the key `algorithm`"#,
        r#"add `"algorithm": …`"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "compress", "config": {"algorithm": «"autodetect"}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"`algorithm` can't be `autodetect`"#,
        r#"`gzip`"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "compress", "config": {"algorithm": "gzip", "level": «6}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"gzip has no levels"#,
        r#"`xz2`, `lz4` or `zstd`"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "compress", "config": {"algorithm": "xz2", "level": «10}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"the level of xz2"#,
        r#"from 0 to 9"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "compress", "config": {"algorithm": "lz4", "level": «-1}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"the level of lz4"#,
        r#"from 0 to 16"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "compress", "config": {"algorithm": "zstd", "level": «23}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"the level of zstd"#,
        r#"from -7 to 22"#,
    ),
    mistake(
        r#"postprocessors = [«"chunk"], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"lacks the key `max_bytes`"#,
        r#"add `"max_bytes": …`"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "chunk", "config": {"max_bytes": «0}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"`max_bytes` must be an integer"#,
        r#"at least 1"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "chunk", "config": {"max_bytes": 1, «"more": 1}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"unknown key `more`"#,
        r#"`max_bytes`"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "collect", "config": {«"max-bytes": 1}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"unknown key `max-bytes`"#,
        r#"did you mean `max_bytes`?"#,
    ),
    mistake(
        r#"postprocessors = [{"name": "streaming-compress", "config": {"algorithm": «"gzip"}}], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"`algorithm` can't be `gzip`"#,
        r#"`xz2` or `zstd`"#,
    ),
    mistake(
        r#"postprocessors = [«"stream-compress"], codec = "json", config = {"url": "127.0.0.1:1", "not_text": "binary"}"#,
        r#"there is no postprocessor `stream-compress`"#,
        r#"did you mean `streaming-compress`?"#,
    ),
];
