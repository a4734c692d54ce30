//! The annotated example of the configuration file, made from the table of options.
//!
//! Must not: set any option: every line is a comment.

use std::io::{self, Write};

use clap::{Arg, ArgAction, CommandFactory};

use super::{CONFIG_FILE, ServerOptions};

/// Longest line, in characters, unless one word is longer.
const LINE_WIDTH: usize = 79;

/// Writes the example.
///
/// # Errors
/// As writing.
pub(super) fn write(to: &mut dyn Write) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    writeln!(to, "# Example of a configuration file for gearmand {version}.")?;
    for paragraph in [
        format!("gearmand reads {CONFIG_FILE}, or the file that --config-file names."),
        "An option is written as on the command line, one or more per line. Quotes hold words \
         together, and a # starts a comment. The command line overrides this file."
            .into(),
        "Every option is commented out. Its value is the default where that is fixed, and \
         otherwise a name in capitals for what to put there."
            .into(),
    ] {
        writeln!(to, "#")?;
        comment(to, &paragraph)?;
    }
    let command = ServerOptions::command();
    let mut heading = None;
    for arg in command.get_arguments().filter(|arg| is_configurable(arg)) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            write!(to, "\n##### {} #####\n", heading.unwrap_or_default())?;
        }
        writeln!(to)?;
        comment(to, &format!("{}.", arg.get_help().map(ToString::to_string).unwrap_or_default()))?;
        writeln!(to, "#{}", setting(arg))?;
    }
    Ok(())
}

/// Whether an option makes sense in a configuration file.
fn is_configurable(arg: &Arg) -> bool {
    let is_hidden = arg.is_hide_set();
    let prints = arg.get_help_heading().is_none();
    !is_hidden
        && !prints
        && arg.get_long().is_some_and(|long| !["config-file", "migrate-queue"].contains(&long))
}

/// The option with its default, or with the name of its value.
fn setting(arg: &Arg) -> String {
    let long = arg.get_long().unwrap_or_default();
    if !arg.get_action().takes_values() || matches!(arg.get_action(), ArgAction::Count) {
        return format!("--{long}");
    }
    let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into());
    let value: String = default.unwrap_or_else(|| match value_name(arg).as_str() {
        "SIZE" => "10G".to_owned(),
        other => other.to_owned(),
    });
    format!("--{long}={value}")
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names.first().map(ToString::to_string).unwrap_or_default()
}

/// Writes text as comment lines.
fn comment(to: &mut dyn Write, text: &str) -> io::Result<()> {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > LINE_WIDTH {
            writeln!(to, "{line}")?;
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(to, "{line}")
}

#[cfg(test)]
mod tests {
    use super::super::config_file;
    use super::*;
    use std::path::Path;

    fn example() -> String {
        let mut text = Vec::new();
        write(&mut text).expect("memory takes it");
        String::from_utf8(text).expect("text")
    }

    fn read(text: &str) -> Vec<String> {
        let none = ServerOptions::command().get_matches_from(["gearmand"]);
        config_file::arguments(text, Path::new("example"), &none).expect("accepted")
    }

    #[test]
    fn the_example_is_accepted_and_sets_nothing() {
        assert_eq!(read(&example()), Vec::<String>::new());
    }

    #[test]
    fn the_example_has_a_line_for_each_option_that_help_shows_outside_the_first_group() {
        let text = example();
        for arg in ServerOptions::command().get_arguments().filter(|arg| is_configurable(arg)) {
            let start = format!("#--{}", arg.get_long().expect("a long name"));
            let is_it = |line: &str| line == start || line.starts_with(&format!("{start}="));
            assert_eq!(text.lines().filter(|line| is_it(line)).count(), 1, "{start}");
        }
        assert!(!text.contains("--daemon-child") && !text.contains("--generate"), "{text}");
        assert!(text.lines().all(|line| line.len() <= LINE_WIDTH), "{text}");
    }

    #[test]
    fn the_options_of_the_example_are_accepted_without_their_comment_signs() {
        // A name in capitals stands for what only the administrator knows.
        let values = [
            ("=FUNCTION=LIMIT", "=f=7"),
            ("=FUNCTION", "=f"),
            ("=FILE", "=/tmp/x"),
            ("=ADDRESS:PORT", "=127.0.0.1:4731"),
            ("=WHICH", "=all"),
            ("=USER", "=gearman"),
            ("=LEVEL", "=INFO"),
            ("=ADDRESS", "=127.0.0.1"),
            ("=PREFIX", "=H:a"),
            ("=N", "=1"),
            ("=NAME", "=http"),
            ("=PORT", "=9090"),
        ];
        let mut lines = Vec::new();
        for line in example().lines().filter_map(|line| line.strip_prefix("#--")) {
            let named = values.iter().find(|(name, _)| line.ends_with(name));
            lines.push(match named {
                Some((name, value)) => format!("--{}", line.replace(name, value)),
                None => format!("--{line}"),
            });
        }
        assert!(lines.len() > 25, "{lines:?}");
        assert_eq!(read(&lines.join("\n")), lines);
    }
}
