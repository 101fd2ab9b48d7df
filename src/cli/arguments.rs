//! The command line: what may be typed, and the help that tells of it.

use std::path::PathBuf;

use super::bench::arguments::Bench;
use super::connect::arguments::Connect;
use super::echo::arguments::Echo;
use clap::{ArgAction, Args, Parser, Subcommand};

/// Runs WebSocket services that are written down in a config file; echoes, talks to servers and measures them, too.
#[derive(Debug, Parser)]
#[command(
    name = "wsloop",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = TOP_EXAMPLES
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const TOP_EXAMPLES: &str = "\
Examples:
  wsloop run echo.troy           run the flows of a file until Ctrl-C
  wsloop run config.troy | jq    events on standard output, one a line; the log on standard error
  wsloop check config.troy       find every mistake, open no port
  wsloop doc ws_server           every option of a connector, codec or processor
  wsloop cert before             make before/localhost.cert and before/localhost.key
  wsloop test tests              run the folders of tests below tests/
  wsloop echo                    serve ws://127.0.0.1:9001, every message comes back
  wsloop connect ws://127.0.0.1:9001  talk to it: lines in, messages out
  wsloop bench ws://127.0.0.1:9001  measure it: throughput, latencies, every echo checked

Exit codes:
    0  all went well
    1  it failed while running (a connector gave up, say), or a test failed
    2  the command line is wrong
   78  the configuration is wrong: a file that can't be read, a mistake in a flow
  130  ended at once by a second SIGINT (Ctrl-C)
  143  ended at once by a second SIGTERM

Environment:
  WSLOOP_LOG   what to log: error, warn, info (the default), debug or trace, also by source
               (warn,main::server=debug); RUST_LOG is read if it isn't set
  TREMOR_PATH  folders, separated by colons, where modules named by `use` are looked for
  NO_COLOR     set: no colours, even on a terminal";

/// Flags that go with every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Log more: -v for debug, -vv for trace (WSLOOP_LOG outranks it)
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "quiet", display_order = 900)]
    pub(crate) verbose: u8,
    /// Log less: -q for warnings and errors, -qq for errors alone (WSLOOP_LOG outranks it)
    #[arg(short, long, action = ArgAction::Count, global = true, display_order = 900)]
    pub(crate) quiet: u8,
    /// Accepted for Tremor's sake and ignored: a log4rs configuration
    #[arg(short, long, value_name = "FILE", global = true, hide = true)]
    logger_config: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the flows of the given files until they end or a signal comes
    Run(Run),
    /// Look for mistakes in files: names, configuration, certificates. Opens no port, connects nowhere
    Check(Check),
    /// Run folders of tests
    Test(Test),
    /// Print what there is to know of a connector, codec or processor; without a name, list them
    Doc(Doc),
    /// Make a certificate and a key for localhost, to try TLS out with
    Cert(Cert),
    /// Answer every message with itself: a server to try clients and measurements on
    Echo(Echo),
    /// Talk to a server: lines of standard input are sent, what comes is printed
    Connect(Box<Connect>),
    /// Measure a server that echoes, and check every echo; or compare such measurements
    Bench(Box<Bench>),
    /// `server run` is an older way to write `run`
    #[command(subcommand)]
    Server(Server),
}

/// The commands below `server`.
#[derive(Debug, Subcommand)]
pub(crate) enum Server {
    /// Run the flows of the given files until they end or a signal comes
    Run(Run),
}

/// `wsloop run`
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct Run {
    /// Files with flows (.troy); each `deploy flow` in them starts one
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Write the process id to this file
    #[arg(short, long = "pid", value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    #[command(flatten)]
    ignored: Ignored,
}

const RUN_EXAMPLES: &str = "\
Where it listens is printed on standard error, with the address to connect to.

Ctrl-C or SIGTERM stops gracefully: no new connections, what was read is delivered, peers get a
Close, files are written out. It takes 5 seconds at most. A second signal ends it at once.

Examples:
  wsloop run docs/flows/echo.troy
  wsloop -v run server.troy client.troy
  wsloop run config.troy | jq";

/// What Tremor's `server run` takes and `wsloop` has no use for.
#[derive(Debug, Args)]
struct Ignored {
    /// Accepted for Tremor's sake and ignored: there is no REST API
    #[arg(short, long, hide = true)]
    no_api: bool,
    /// Accepted for Tremor's sake and ignored: there is no REST API
    #[arg(short, long, value_name = "HOST:PORT", hide = true)]
    api_host: Option<String>,
    /// Accepted for Tremor's sake and ignored: `exit` is always there
    #[arg(short, long, hide = true)]
    debug_connectors: bool,
    /// Accepted for Tremor's sake and ignored
    #[arg(short, long, value_name = "N", hide = true)]
    recursion_limit: Option<u32>,
}

/// `wsloop check`
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct Check {
    /// Files with flows or definitions (.troy)
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

const CHECK_EXAMPLES: &str = "\
Every definition is looked at, deployed or not, and the certificates and keys that it names are
read. Mistakes are shown on standard error with their place; the exit code is 78 then.

Examples:
  wsloop check config.troy && systemctl restart my-service
  wsloop check docs/flows/*.troy";

/// `wsloop test`
#[derive(Debug, Args)]
#[command(after_help = TEST_EXAMPLES)]
pub(crate) struct Test {
    /// The folder; `tests` if none is named. The word `integration` or `all` may stand before it
    #[arg(value_name = "DIR", num_args = 0..=2)]
    words: Vec<PathBuf>,
    /// Run only tests with one of these tags
    #[arg(short, long, value_name = "TAG", num_args = 1)]
    pub(crate) includes: Vec<String>,
    /// Run no test with one of these tags, unless --includes names one of its tags
    #[arg(short, long, value_name = "TAG", num_args = 1)]
    pub(crate) excludes: Vec<String>,
    /// Seconds that one test may take; then it is ended, and has failed
    #[arg(short, long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
}

const TEST_EXAMPLES: &str = "\
A folder that holds *.troy files is one test. They are run together, in that folder, and should
end by themselves (by an `exit` connector). Beside them may lie:
  before.yaml  processes to start first, a list of: {dir, cmd, args, env, await,
               max-await-secs, min-await-secs}
               await: {port-open: [4242], file-exists: [path], http-ok: [url],
               wait-for-ms: [100], status: [0]}
  after.yaml   processes to run afterwards: {dir, cmd, args, env}
  assert.yaml  what is expected: {name, status, asserts: [{source, contains, doesnt_contain,
               equals_file, equals_file_binary}]}; source is stdout, stderr or a file.
               Without it: exit code 0
  env.yaml     variables for the process
  tags.yaml    a list of tags
  stdin        its standard input
  lib/         modules
In `cmd`, both wsloop and tremor mean this very program. Logs are left in the folder:
fg.out.log, fg.err.log, before.out.0.log, before.err.0.log, ...

A folder with a meta.yaml that says {\"kind\": \"Integration\"} is a suite: all folders with flows
below it that have a tags.yaml are its tests.

Examples:
  wsloop test tests/echo
  wsloop test integration tests -i tls -e slow";

impl Test {
    /// The folder to look in; an error if the words before it make no sense.
    pub(crate) fn dir(&self) -> Result<PathBuf, String> {
        let is_mode = |word: &PathBuf| matches!(word.to_str(), Some("integration" | "all"));
        match self.words.as_slice() {
            [] => Ok("tests".into()),
            [only] if is_mode(only) => Ok("tests".into()),
            [dir] => Ok(dir.clone()),
            [mode, dir] if is_mode(mode) => Ok(dir.clone()),
            [mode, ..] => Err(format!(
                "`{}` is no kind of test that wsloop has; write `wsloop test DIR` or `wsloop test integration DIR`",
                mode.display()
            )),
        }
    }
}

/// `wsloop doc`
#[derive(Debug, Args)]
#[command(after_help = DOC_EXAMPLES)]
pub(crate) struct Doc {
    /// A connector (ws_server), codec (json), processor (separate) or key (reconnect); processors of one name in both
    /// directions are told apart as preprocessor/separate and postprocessor/separate
    pub(crate) name: Option<String>,
    /// Write every page to this folder, as Markdown
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    pub(crate) write: Option<PathBuf>,
}

const DOC_EXAMPLES: &str = "\
What is printed is Markdown. It is made of the same text as the checks of the configuration.

Examples:
  wsloop doc
  wsloop doc ws_server | less
  wsloop doc preprocessor/separate";

/// `wsloop cert`
#[derive(Debug, Args)]
#[command(after_help = CERT_EXAMPLES)]
pub(crate) struct Cert {
    /// The folder to write to; made if it isn't there
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Overwrite a certificate and a key that are there already
    #[arg(short, long)]
    pub(crate) force: bool,
}

const CERT_EXAMPLES: &str = "\
Writes localhost.cert and localhost.key: a certificate that signs itself, for localhost,
127.0.0.1 and ::1, good for 825 days. It is no CA's: clients take it as their `cafile` as it is.
The key can be read by you alone.

Examples:
  wsloop cert before
  wsloop cert --force";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn tremors_flags_are_accepted_wherever_it_accepts_them() {
        let line = "tremor -l logger.yaml server run -n -d -a 0.0.0.0:9898 -r 10 -p p.pid a.troy b.troy";
        let Command::Server(Server::Run(run)) = parse(line).unwrap().command else {
            panic!("`server run` was read as another command");
        };
        assert_eq!(run.files, [PathBuf::from("a.troy"), PathBuf::from("b.troy")]);
        assert_eq!(run.pid_file, Some(PathBuf::from("p.pid")));
        let line = "wsloop run a.troy -n --debug-connectors -l x --api-host h:1 --recursion-limit 5 --no-api";
        assert!(
            matches!(parse(line), Err(error) if error.contains("--no-api")),
            "given twice"
        );
    }

    #[test]
    fn a_test_folder_may_have_the_mode_before_it() {
        let dir = |line| match parse(line).unwrap().command {
            Command::Test(test) => test.dir(),
            _ => panic!("{line} was read as another command"),
        };
        assert_eq!(dir("wsloop test"), Ok("tests".into()));
        assert_eq!(dir("wsloop test integration"), Ok("tests".into()));
        assert_eq!(dir("wsloop test x"), Ok("x".into()));
        assert_eq!(dir("wsloop test all x"), Ok("x".into()));
        assert_eq!(dir("wsloop test integration integration"), Ok("integration".into()));
        assert!(dir("wsloop test unit x").unwrap_err().contains("`unit`"));
    }

    #[test]
    fn tags_may_be_given_several_times() {
        let Command::Test(test) = parse("wsloop test x -i a -i b -e c -t 5").unwrap().command else {
            panic!("`test` was read as another command");
        };
        assert_eq!((test.includes.len(), test.excludes.len(), test.timeout), (2, 1, 5));
        assert!(parse("wsloop test x -t 0").is_err());
    }

    #[test]
    fn a_file_must_be_named() {
        assert!(parse("wsloop run").unwrap_err().contains("<FILE>"));
        assert!(parse("wsloop check").unwrap_err().contains("<FILE>"));
    }
}
