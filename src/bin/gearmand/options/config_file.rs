//! The configuration file: arguments as on the command line, one or more per
//! line. It may have quotes, and comments from a `#` to the end of the line.
//!
//! Must not: know which options there are; that is asked of clap.

use std::io::ErrorKind;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory};

use super::Options;

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
    let command = Options::command();
    let mut found = Vec::new();
    for entry in entries(text, &command).map_err(|why| format!("{}, {why}", path.display()))? {
        let wrong = |why: &str| format!("{}, line {}: {why}", path.display(), entry.line);
        // By itself, so that what is wrong with it has a line.
        let line = std::iter::once("gearmand").chain(entry.words.iter().map(String::as_str));
        let matches = command.clone().try_get_matches_from(line);
        let matches = matches.map_err(|error| wrong(&summary(&error, &entry)))?;
        let given = |matches: &ArgMatches, id: &str| {
            matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        if given(&matches, "config_file") {
            return Err(wrong("a configuration file cannot name another"));
        }
        let is_overridden = matches
            .ids()
            .map(clap::Id::as_str)
            .filter(|id| command.get_arguments().any(|arg| arg.get_id() == id))
            .any(|id| given(&matches, id) && given(command_line, id));
        if !is_overridden {
            found.extend(entry.words);
        }
    }
    Ok(found)
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
        let words = shlex::split(text).ok_or(format!("line {line}: a quote that does not end"))?;
        for word in words {
            match entries.last_mut() {
                Some(entry) if wants_value && !word.starts_with("--") => {
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
    command.get_arguments().find(is_it).is_some_and(|arg| arg.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(text: &str, line: &str) -> Result<Vec<String>, String> {
        let given = Options::command().try_get_matches_from(line.split(' ')).expect("parses");
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
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, name) in [
            ("# a\n--port=1\nport=2\n", "c, line 3: unexpected argument 'port=2' found"),
            ("-d\n\n--nonsense\n-R", "c, line 3: unexpected argument '--nonsense' found"),
            ("-d x", "c, line 1: unexpected argument 'x' found"),
            ("-d\n--port=x\n", "c, line 2: invalid value 'x' for '--port <PORT>': neither"),
            ("-d\n--port", "c, line 2: a value is required for '--port <PORT>'"),
            ("--config-file=d", "c, line 1: a configuration file cannot"),
            ("--help", "c, line 1: '--help' has no place here"),
            ("-d\n--log-file='x\n", "c, line 2: a quote that does not end"),
        ] {
            let error = read_with(text, "gearmand").expect_err(text);
            assert!(error.starts_with(name), "{error}");
        }
    }
}
