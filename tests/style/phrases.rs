//! Searches text for banned phrases, across line breaks within a comment or paragraph.

use regex::Regex;

use super::files::File;

/// Compiled phrases, each with what to write instead.
pub(crate) struct Phrases(Vec<(Regex, &'static str)>);

/// Compiles phrases. A phrase is a regular expression for whole words, in any case; a blank in it
/// stands for any white space, a line break with the comment mark of the next line included.
pub(crate) fn compile(phrases: &[(&str, &'static str)]) -> Phrases {
    let compiled = phrases.iter().map(|(phrase, instead)| {
        let gap = r"[ \t]*\n?[ \t]*(?://[/!]?|\*|#|--)?[ \t]+";
        let pattern = format!(r"(?i)(?:\b|_)(?:{})(?:\b|_)", phrase.replace(' ', gap));
        (Regex::new(&pattern).unwrap_or_else(|error| panic!("{phrase}: {error}")), *instead)
    });
    Phrases(compiled.collect())
}

impl Phrases {
    /// One report for each phrase and line that has it.
    pub(crate) fn search(&self, file: &File) -> Vec<String> {
        let mut reports = Vec::new();
        for (phrase, instead) in &self.0 {
            for found in phrase.find_iter(&file.text) {
                let line = file.text[..found.start()].matches('\n').count() + 1;
                let words: Vec<_> = found
                    .as_str()
                    .split_whitespace()
                    .filter(|word| word.chars().any(char::is_alphanumeric))
                    .collect();
                let report =
                    format!("{}:{line}: {:?}: write {instead:?}", file.path, words.join(" "));
                let place = format!("{}:{line}: ", file.path);
                if reports.last().is_none_or(|last: &String| !last.starts_with(&place)) {
                    reports.push(report);
                }
            }
        }
        reports
    }
}
