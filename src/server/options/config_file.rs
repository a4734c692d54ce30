//! The configuration file: arguments as on the command line, one or more per
//! line. It may have quotes, and comments from a `#` to the end of the line.
//!
//! Must not: know which options there are; that is asked of clap.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command, CommandFactory};

use super::{ServerOptions, empty_assignment};

/// Two ways to say the same.
const LEVELS: [&str; 2] = ["verbose", "more_verbose"];

/// One option of the file, with its value if that is a word of its own.
struct Entry {
    line: usize,
    words: Vec<String>,
}

/// The text of the file. Unless it was asked for it may be missing.
pub(super) fn read(path: &Path, wanted: bool) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound && !wanted => Ok(None),
        Err(error) => {
            Err(format!("Could not open configuration file. {}: {error}", path.display()))
        }
    }
}

/// The arguments of the file, without those that the command line has too.
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
        // By itself, so that what is wrong with it has a line.
        let line = std::iter::once("gearmand").chain(entry.words.iter().map(String::as_str));
        let matches = command.clone().try_get_matches_from(line);
        let matches = matches.map_err(|error| wrong(&summary(&error, &entry)))?;
        if let Some(option) = empty_assignment(entry.words[0].as_ref()) {
            return Err(wrong(&format!("'{option}' has no value behind the equal sign")));
        }
        let Some(arg) = command.get_arguments().find(|arg| is_given(&matches, arg.get_id())) else {
            continue;
        };
        let id = arg.get_id().as_str();
        if id == "config_file" {
            return Err(wrong("a configuration file cannot name another"));
        }
        let is_single = matches!(arg.get_action(), ArgAction::Set | ArgAction::SetTrue);
        if !seen.insert(id.to_string()) && is_single {
            return Err(wrong(&format!("'{}' is there already", entry.words[0])));
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

/// The first sentence of an error, which names what is wrong.
fn summary(error: &clap::Error, entry: &Entry) -> String {
    if !error.use_stderr() {
        return format!("'{}' has no place here", entry.words.join(" "));
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("error: ").to_string()
}

/// Takes the words of the file together that belong together.
fn entries(text: &str, command: &Command) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut wants_value = false;
    for (line, text) in (1..).zip(text.lines()) {
        let words = words(text).ok_or(format!("line {line}: a quote that does not end"))?;
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

/// The words of a line. One that has nothing to do with quotes and comments is
/// read as the original would: a backslash is a backslash.
fn words(line: &str) -> Option<Vec<String>> {
    if line.contains(['\'', '"', '#']) {
        return shlex::split(line);
    }
    Some(line.split_whitespace().map(String::from).collect())
}

/// Whether an option's value would be the next word.
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

/// Whether a word cannot be the value of the one before.
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
    fn only_what_can_be_a_value_is_taken_for_one() {
        let text = "--verbose -R --job-retries -1\n--store-queue-on-shutdown -d";
        let found = read_with(text, "gearmand -R");
        let expected = ["--verbose", "--job-retries", "-1", "--store-queue-on-shutdown", "-d"];
        assert_eq!(found.expect("good"), expected);
    }

    #[test]
    fn a_backslash_without_quotes_is_one() {
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
    fn what_is_wrong_is_named_with_its_line() {
        for (text, name) in [
            ("# a\n--port=1\nport=2\n", "c, line 3: unexpected argument 'port=2' found"),
            ("-d\n\n--nonsense\n-R", "c, line 3: unexpected argument '--nonsense' found"),
            ("-d x", "c, line 1: unexpected argument 'x' found"),
            ("-d\n--port=x\n", "c, line 2: invalid value 'x' for '--port <PORT>': neither"),
            ("-d\n--port", "c, line 2: a value is required for '--port <PORT>'"),
            ("-d\n-p1\n--port=2", "c, line 3: '--port=2' is there already"),
            ("--config-file=d", "c, line 1: a configuration file cannot"),
            ("--help", "c, line 1: '--help' has no place here"),
            ("-d\n--log-file='x\n", "c, line 2: a quote that does not end"),
        ] {
            let error = read_with(text, "gearmand").expect_err(text);
            assert!(error.starts_with(name), "{error}");
        }
    }
}
