//! The configuration file: arguments as on the command line, one or more per
//! line, with quotes, and with comments from a `#` to the end of the line.
//!
//! Must not: know the options; the table in clap does.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory};

use super::errors::message;
use super::{ServerOptions, empty_assignment, no_value};

/// Two options that set the log level: either on the command line overrides both.
const LEVELS: [&str; 2] = ["verbose", "more_verbose"];

/// Largest configuration file that is read, in bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// An option of the file, and its value if that is a separate word.
struct Entry {
    line: usize,
    words: Vec<String>,
}

/// The text of the file; `None` if it is missing and no option named it.
pub(super) fn read(path: &Path, is_named: bool) -> Result<Option<String>, String> {
    let text = gearman_files::read_regular(path, CONFIG_BYTES_MAX).and_then(|(text, _)| {
        String::from_utf8(text).map_err(|_| std::io::Error::other("is not UTF-8"))
    });
    match text {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound && !is_named => Ok(None),
        Err(error) => {
            let path = path.display();
            Err(format!("--config-file {path}: could not open configuration file: {error}"))
        }
    }
}

/// The arguments of the file, without options that the command line has too.
pub(super) fn arguments(
    text: &str,
    path: &Path,
    command_line: &ArgMatches,
) -> Result<Vec<String>, String> {
    let command = ServerOptions::command();
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for entry in entries(text, &command).map_err(|why| format!("{}, {why}", path.display()))? {
        let wrong = |why: &str| format!("{}, line {}: {why}", path.display(), entry.line);
        // Each option is parsed alone, so that its error has a line number.
        let line = std::iter::once("gearmand").chain(entry.words.iter().map(String::as_str));
        let matches = command.clone().try_get_matches_from(line);
        let matches = matches.map_err(|error| wrong(&summary(&error, &entry)))?;
        if let Some(option) = empty_assignment(entry.words[0].as_ref()) {
            return Err(wrong(&no_value(option)));
        }
        let Some(arg) = command.get_arguments().find(|arg| is_given(&matches, arg.get_id())) else {
            continue;
        };
        let id = arg.get_id().as_str();
        if id == "config_file" {
            return Err(wrong("a configuration file cannot name another"));
        }
        if id.starts_with("generate_") || id == "migrate_queue" {
            return Err(wrong(&not_here(&entry)));
        }
        let is_single = matches!(arg.get_action(), ArgAction::Set | ArgAction::SetTrue);
        if !seen.insert(id.to_string()) && is_single {
            return Err(wrong(&format!("option '{}' is given more than once", entry.words[0])));
        }
        let same = if LEVELS.contains(&id) { &LEVELS[..] } else { &[id] };
        if !same.iter().any(|id| is_given(command_line, id)) {
            found.extend(entry.words);
        }
    }
    Ok(found)
}

fn is_given(matches: &ArgMatches, id: impl AsRef<str>) -> bool {
    matches.value_source(id.as_ref()) == Some(ValueSource::CommandLine)
}

fn summary(error: &clap::Error, entry: &Entry) -> String {
    if error.use_stderr() { message(error) } else { not_here(entry) }
}

/// The error of an option such as `--help`.
fn not_here(entry: &Entry) -> String {
    format!("option '{}' is not allowed in a configuration file", entry.words.join(" "))
}

/// Joins each option with its value.
fn entries(text: &str, command: &Command) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut wants_value = false;
    for (line, text) in (1..).zip(text.lines()) {
        let words = words(text).ok_or(format!("line {line}: a quote is not closed"))?;
        for word in words {
            match entries.last_mut() {
                Some(entry) if wants_value && !is_option(&word) => {
                    entry.words.push(word);
                    wants_value = false;
                }
                _ => {
                    wants_value = takes_value(command, &word);
                    entries.push(Entry { line, words: vec![word] });
                }
            }
        }
    }
    Ok(entries)
}

/// The words of a line. Without quotes and comments a backslash is an ordinary
/// character, as in the original.
fn words(line: &str) -> Option<Vec<String>> {
    if line.contains(['\'', '"', '#']) {
        return shlex::split(line);
    }
    Some(line.split_whitespace().map(String::from).collect())
}

/// Whether the next word is this option's value.
fn takes_value(command: &Command, word: &str) -> bool {
    let is_it = |arg: &&clap::Arg| match word.strip_prefix("--") {
        Some(long) => {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(long) || aliases.contains(&long)
        }
        None => {
            let mut letters = word.chars();
            letters.next() == Some('-')
                && letters.next() == arg.get_short()
                && letters.next().is_none()
        }
    };
    command
        .get_arguments()
        .find(is_it)
        .is_some_and(|arg| arg.get_action().takes_values() && !arg.is_require_equals_set())
}

/// Whether a word starts with a dash and is not a negative number.
fn is_option(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(text: &str, line: &str) -> Result<Vec<String>, String> {
        let given = ServerOptions::command().try_get_matches_from(line.split(' ')).expect("parses");
        arguments(text, Path::new("c"), &given)
    }

    #[test]
    fn the_form_of_the_original_is_read() {
        let found = read_with("--port=4731 --listen\n127.0.0.1\n  --verbose=INFO\n", "gearmand");
        assert_eq!(
            found.expect("good"),
            ["--port=4731", "--listen", "127.0.0.1", "--verbose=INFO"]
        );
    }

    #[test]
    fn a_word_that_starts_like_an_option_is_no_value() {
        let text = "--verbose -R --job-retries -1\n--store-queue-on-shutdown -d";
        let found = read_with(text, "gearmand -R");
        let expected = ["--verbose", "--job-retries", "-1", "--store-queue-on-shutdown", "-d"];
        assert_eq!(found.expect("good"), expected);
    }

    #[test]
    fn a_backslash_outside_quotes_is_an_ordinary_character() {
        let found = read_with("--mysql-password=a\\b\n--redis-prefix 'a\\b'", "gearmand");
        let expected = ["--mysql-password=a\\b", "--redis-prefix", "a\\b"];
        assert_eq!(found.expect("good"), expected);
    }

    #[test]
    fn comments_and_quotes_are_understood() {
        let text = "# --port=1\n--log-file='/a b' # why\r\n-P \"c d\"\n-v # more\n--verbose\n-R\n";
        let found = read_with(text, "gearmand");
        let expected = ["--log-file=/a b", "-P", "c d", "-v", "--verbose", "-R"];
        assert_eq!(found.expect("good"), expected);
    }

    #[test]
    fn the_command_line_wins() {
        let text = "-p 1 --listen ::1 -L ::2 --verbose=INFO -d --pidfile=a";
        let found = read_with(text, "gearmand --port 2 -L 127.0.0.1 -P b");
        assert_eq!(found.expect("good"), ["--verbose=INFO", "-d"]);
        let found = read_with(text, "gearmand -vv");
        assert!(!found.expect("good").contains(&"--verbose=INFO".to_string()));
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_option() {
        for (text, name) in [
            ("# a\n--port=1\nport=2\n", "c, line 3: 'port=2' is not an option"),
            ("-d\n\n--nonsense\n-R", "c, line 3: unknown option '--nonsense'"),
            ("-d x", "c, line 1: 'x' is not an option"),
            ("-d\n--port=x\n", "c, line 2: invalid value 'x' for '--port <PORT>': neither"),
            ("-d\n--port", "c, line 2: option '--port <PORT>' needs a value"),
            ("-d\n-p1\n--port=2", "c, line 3: option '--port=2' is given more than once"),
            ("--config-file=d", "c, line 1: a configuration file cannot"),
            ("--help", "c, line 1: option '--help' is not allowed"),
            ("--generate-man", "c, line 1: option '--generate-man' is not allowed"),
            ("-d\n--log-file='x\n", "c, line 2: a quote is not closed"),
        ] {
            let error = read_with(text, "gearmand").expect_err(text);
            assert!(error.starts_with(name), "{error}");
        }
    }
}
