//! Completion scripts of the tools, for the shells that packages install them for.

use crate::processes::*;

/// The words that bash offers for the last of `words`, with the tool's script.
fn bash_completions(program: &str, words: &[&str]) -> Vec<String> {
    let name = program.rsplit('/').next().expect("a name");
    // Bash calls the function with the command, the word and the word before it.
    let script = r#"source <("$1" --generate-completion bash) || exit 1
        compopt() { :; } # Only works while a user completes.
        name=$2; shift 2
        COMP_WORDS=("$name" "$@"); COMP_CWORD=$#
        "_$name" "$name" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let arguments = ["--norc", "-c", script, "bash", program, name];
    let done = run(tool("bash", arguments.iter().chain(words)), b"");
    assert_eq!((done.stderr.as_str(), done.code), ("", Some(0)), "{words:?}");
    done.text().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_the_options_of_gearman() {
    assert_eq!(bash_completions(GEARMAN, &["--pre"]), ["--prefix"]);
    assert_eq!(
        bash_completions(GEARMAN, &["-f", "f", "--p"]),
        ["--port", "--pid-file", "--prefix", "--progress", "--ping"]
    );
    assert!(bash_completions(GEARMAN, &["-"]).contains(&"--worker".to_owned()));
}

#[test]
fn bash_completes_the_operations_of_gearadmin() {
    assert_eq!(bash_completions(GEARADMIN, &["--pri"]), ["--priority-status"]);
    assert_eq!(
        bash_completions(GEARADMIN, &["--getpid", "--show-"]),
        ["--show-jobs", "--show-unique-jobs"]
    );
}

#[test]
fn bash_completes_a_file_for_the_pid_file() {
    let files = bash_completions(GEARMAN, &["-i", "/etc/passw"]);
    assert!(files.contains(&"/etc/passwd".to_owned()), "{files:?}");
}

#[test]
fn every_shell_completes_the_options_of_the_help_and_no_others() {
    for program in [GEARMAN, GEARADMIN] {
        let help = run(tool(program, ["--help"]), b"").text();
        let options: Vec<&str> = help
            .lines()
            .filter(|line| line.trim_start().starts_with('-'))
            .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")))
            .collect();
        assert!(options.len() > 15, "{options:?}");
        for shell in ["bash", "zsh", "fish"] {
            let script = run(tool(program, ["--generate-completion", shell]), b"").text();
            for option in &options {
                let name = option.trim_start_matches("--");
                let forms = ["--", "-l "].into_iter().flat_map(|dashes| {
                    ["=", "[", " ", "\""].map(|end| format!("{dashes}{name}{end}"))
                });
                assert!(
                    forms.into_iter().any(|form| script.contains(&form)),
                    "{option} in {shell}"
                );
            }
            for hidden in ["daemon-child", "generate-"] {
                assert!(!script.contains(hidden), "{hidden} in {shell}");
            }
        }
    }
}

#[test]
fn a_shell_without_a_completion_script_is_a_wrong_command_line() {
    let done = run(tool(GEARMAN, ["--generate-completion", "tcsh"]), b"");
    assert_eq!((done.code, done.stdout), (Some(2), Vec::new()));
    assert!(done.stderr.contains("bash, zsh, fish"), "{}", done.stderr);
}
