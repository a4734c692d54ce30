//! Markdown as the checks see it: lines that know their place, links, headings, code.
//!
//! Must not: know what a correct document is.

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A piece of a document and the line that it begins in.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A block of code and the language that its fence names.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) lines: Vec<Piece>,
}

/// A document of the repository.
pub(crate) struct Document {
    /// Relative to the top of the repository.
    pub(crate) path: PathBuf,
    /// Every line outside blocks of code; those inside are empty.
    pub(crate) prose: Vec<Piece>,
    pub(crate) blocks: Vec<Block>,
}

impl Document {
    /// Reads a document. `path` is relative to the top of the repository.
    pub(crate) fn read(path: &Path) -> Document {
        let text = fs::read_to_string(root().join(path)).expect("the document is readable");
        let (mut prose, mut blocks) = (Vec::new(), Vec::new());
        let mut block: Option<Block> = None;
        for (index, text) in text.lines().enumerate() {
            let line = index + 1;
            let mut visible = "";
            match (text.trim_start().strip_prefix("```"), &mut block) {
                (Some(_), Some(_)) => blocks.extend(block.take()),
                (Some(language), None) => {
                    block = Some(Block { language: language.into(), lines: Vec::new() });
                }
                (None, Some(block)) => block.lines.push(Piece { line, text: text.into() }),
                (None, None) => visible = text,
            }
            prose.push(Piece { line, text: visible.into() });
        }
        assert!(block.is_none(), "{}: a block of code has no end", path.display());
        Document { path: path.into(), prose, blocks }
    }

    /// `file:line: what`, as failures are reported.
    pub(crate) fn report(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }

    /// What is in backticks, outside blocks of code.
    pub(crate) fn spans(&self) -> Vec<Piece> {
        let mut spans = Vec::new();
        for paragraph in self.paragraphs().iter().chain(&self.rows()) {
            let quoted = paragraph.text.split('`').skip(1).step_by(2);
            spans.extend(quoted.map(|text| Piece { line: paragraph.line, text: text.into() }));
        }
        spans
    }

    /// The rows of tables.
    pub(crate) fn rows(&self) -> Vec<Piece> {
        self.prose.iter().filter(|piece| piece.text.starts_with('|')).cloned().collect()
    }

    /// The targets of links in the text.
    pub(crate) fn links(&self) -> Vec<Piece> {
        let mut links = Vec::new();
        for piece in &self.prose {
            let targets = piece.text.split("](").skip(1);
            let targets = targets.filter_map(|rest| rest.split_once(')'));
            links.extend(targets.map(|(to, _)| Piece { line: piece.line, text: to.into() }));
        }
        links
    }

    /// The anchors of headings, made as GitHub makes them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose.iter().filter(|piece| piece.text.starts_with('#'));
        headings.map(|piece| anchor(piece.text.trim_start_matches('#').trim())).collect()
    }

    /// Paragraphs and items of lists, each joined into one line.
    pub(crate) fn paragraphs(&self) -> Vec<Piece> {
        let mut paragraphs: Vec<Piece> = Vec::new();
        let mut is_open = false;
        for piece in &self.prose {
            let text = piece.text.trim();
            if text.is_empty() || text.starts_with(['#', '|']) {
                is_open = false;
                continue;
            }
            if is_open && !begins_item(text) {
                let last = paragraphs.last_mut().expect("a paragraph is open");
                last.text = format!("{} {text}", last.text);
            } else {
                paragraphs.push(Piece { line: piece.line, text: text.into() });
                is_open = true;
            }
        }
        paragraphs
    }
}

fn begins_item(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    text.starts_with("* ") || text.starts_with("- ") || (number != text && number.starts_with(". "))
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Every document of the repository, in the order of their paths.
pub(crate) fn documents() -> Vec<Document> {
    let mut paths = Vec::new();
    find(Path::new(""), &mut paths);
    paths.sort();
    assert!(paths.iter().any(|path| path == Path::new("README.md")), "there is a README");
    paths.iter().map(|path| Document::read(path)).collect()
}

fn find(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root().join(directory)).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = directory.join(&name);
        let is_built = matches!(&name[..], "target" | "build" | "dist" | "node_modules" | "venv");
        let is_hidden = name.starts_with('.') && name != ".github";
        if entry.file_type().expect("a type").is_dir() {
            if !is_built && !is_hidden {
                find(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

/// Panics with every failure, one per line.
pub(crate) fn assert_none(failures: Vec<String>) {
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
