//! Reads the text of the access rules. A line is a rule, a definition or a comment:
//!
//! ```text
//! define office net:10.1.0.0/16 net:fd00:1::/64
//! allow submit cancel from @office cert:web.example.org for mail.* resize
//! deny  admin from net:10.1.9.0/24
//! ```
//!
//! Must not: decide anything.

use std::collections::HashMap;
use std::fmt;

use crate::peer::NameLookup;
use crate::permission::{Permission, PermissionSet};
use crate::rules::Rule;
use crate::subject::{NameKind, Network, Subject};
use crate::words::{Word, split};
use gearman_protocol::pattern::Pattern;

/// Largest text of rules, in bytes.
pub const RULES_BYTES_MAX: usize = 1 << 20;
/// Most errors that are reported.
const ERRORS_MAX: usize = 20;
/// Most descriptions of peers in all rules, those of definitions included each time they are
/// used, so that a small text cannot take much memory.
const SUBJECTS_MAX: usize = 100_000;

/// Most levels of definitions that are joined by 'and' and stand in each other.
const DEPTH_MAX: usize = 16;

const SUBJECT_FORMS: &str = "any, local, unix, net:NETWORK, cert:NAME, cn:NAME, san:NAME, \
     user:NAME, uid:NUMBER, group:NAME, gid:NUMBER or @DEFINITION";

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub text: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Reads rules from their text.
///
/// # Errors
/// What is wrong, line by line: at most 20 lines.
pub(crate) fn parse(text: &[u8], names: &dyn NameLookup) -> Result<Vec<Rule>, Vec<RuleError>> {
    if text.len() > RULES_BYTES_MAX {
        let text = format!("the rules have more than {RULES_BYTES_MAX} bytes");
        return Err(vec![RuleError { line: 1, text }]);
    }
    let mut parser = Parser { names, definitions: HashMap::new(), subjects: 0 };
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    for (line, bytes) in (1_u32..).zip(text.split(|&byte| byte == b'\n')) {
        match parser.line(line, bytes.strip_suffix(b"\r").unwrap_or(bytes)) {
            Ok(rule) => rules.extend(rule),
            Err(text) => errors.push(RuleError { line, text }),
        }
        if errors.len() == ERRORS_MAX {
            break;
        }
    }
    if errors.is_empty() { Ok(rules) } else { Err(errors) }
}

struct Parser<'a> {
    names: &'a dyn NameLookup,
    definitions: HashMap<String, Vec<Subject>>,
    /// Number of descriptions so far.
    subjects: usize,
}

impl Parser<'_> {
    /// Reads a line. Returns its rule, if it is one.
    fn line(&mut self, line: u32, bytes: &[u8]) -> Result<Option<Rule>, String> {
        if std::str::from_utf8(bytes).is_err() {
            return Err("the line is not UTF-8; write other bytes as \\xNN".into());
        }
        let words = split(bytes)?;
        match words.split_first() {
            None => Ok(None),
            Some((first, rest)) if first.is("allow") => self.rule(line, true, rest).map(Some),
            Some((first, rest)) if first.is("deny") => self.rule(line, false, rest).map(Some),
            Some((first, rest)) if first.is("define") => self.define(rest).map(|()| None),
            Some((first, _)) => {
                Err(format!("'{}' is none of 'allow', 'deny' and 'define'", shown(&first.text())))
            }
        }
    }

    fn rule(&mut self, line: u32, allows: bool, words: &[Word]) -> Result<Rule, String> {
        let from = words.iter().position(|word| word.is("from")).ok_or(
            "'from' is missing: a rule is like 'allow submit from net:10.0.0.0/8 for mail.*'",
        )?;
        let named = permissions(&words[..from])?;
        let rest = &words[from + 1..];
        let end = rest.iter().position(|word| word.is("for")).unwrap_or(rest.len());
        let subjects = self.subjects(&rest[..end])?;
        let functions = match rest.get(end + 1..) {
            None => vec![Pattern::of_text(b"*")],
            Some([]) => return Err("no function behind 'for'".into()),
            Some(words) => words.iter().map(|word| Pattern::new(&word.0)).collect(),
        };
        let permissions = if allows { named.with_implied() } else { named };
        Ok(Rule { line, allows, permissions, subjects, functions })
    }

    fn define(&mut self, words: &[Word]) -> Result<(), String> {
        let (name, words) = words.split_first().ok_or("no name behind 'define'")?;
        let name = name.text();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            || name.is_empty()
        {
            let name = shown(&name);
            return Err(format!("'{name}': a name has letters, digits, '-', '_' and '.' only"));
        }
        let subjects = self.subjects(words)?;
        if self.definitions.contains_key(&name) {
            return Err(format!("'{name}' is defined twice"));
        }
        self.definitions.insert(name, subjects);
        Ok(())
    }

    /// The peers that words describe: those that any of the returned descriptions has. 'and'
    /// joins the two descriptions beside it.
    fn subjects(&mut self, words: &[Word]) -> Result<Vec<Subject>, String> {
        if words.is_empty() {
            return Err(format!("no peer is named: use {SUBJECT_FORMS}"));
        }
        let mut all: Vec<Vec<Subject>> = Vec::new();
        let mut is_joined = false;
        for (place, word) in words.iter().enumerate() {
            if word.is("and") {
                if is_joined || all.is_empty() || place + 1 == words.len() {
                    return Err("'and' does not stand between two descriptions of peers".into());
                }
                is_joined = true;
                continue;
            }
            let found = self.subject(word)?;
            match all.last_mut().filter(|_| is_joined) {
                Some(first) => *first = vec![both(std::mem::take(first), found)],
                None => all.push(found),
            }
            is_joined = false;
        }
        let all: Vec<Subject> = all.into_iter().flatten().collect();
        match all.iter().map(Subject::depth).max() {
            Some(depth) if depth > DEPTH_MAX => {
                Err(format!("definitions with 'and' are nested more than {DEPTH_MAX} deep"))
            }
            _ => Ok(all),
        }
    }

    /// The peers that a word describes: any of the returned ones.
    fn subject(&mut self, word: &Word) -> Result<Vec<Subject>, String> {
        let found = match word {
            word if word.is("any") => vec![Subject::Any],
            word if word.is("local") => vec![Subject::Local],
            word if word.is("unix") => vec![Subject::Unix],
            Word(bytes) if bytes.first() == Some(&(b'@', false)) => {
                let name = Word(bytes[1..].to_vec()).text();
                let found = self
                    .definitions
                    .get(&name)
                    .ok_or_else(|| format!("'@{}' is not defined in a line above", shown(&name)))?;
                found.clone()
            }
            word => vec![self.named(word)?],
        };
        self.subjects += found.len();
        if self.subjects > SUBJECTS_MAX {
            return Err(format!("the rules have more than {SUBJECTS_MAX} descriptions of peers"));
        }
        Ok(found)
    }

    fn named(&self, word: &Word) -> Result<Subject, String> {
        let unknown =
            || format!("'{}' describes no peers: use {SUBJECT_FORMS}", shown(&word.text()));
        let (kind, value) = word.split_kind().ok_or_else(unknown)?;
        let text = Word(value.to_vec()).text();
        if text.is_empty() {
            return Err(format!("nothing behind '{kind}:'"));
        }
        let certificate =
            |kind| Ok(Subject::Certificate(kind, Pattern::new(value).into_lower_case()));
        let number = || {
            text.parse()
                .map_err(|_| format!("'{}' is not a number of a user or group", shown(&text)))
        };
        let no_such = |what| format!("there is no {what} '{}'", shown(&text));
        match kind.as_str() {
            "net" => Ok(Subject::Network(Network::parse(&text)?)),
            "cert" => certificate(NameKind::Any),
            "cn" => certificate(NameKind::Common),
            "san" => certificate(NameKind::Alternative),
            "uid" => Ok(Subject::User(number()?)),
            "gid" => Ok(Subject::Group(crate::GroupMembers { gid: number()?, uids: Vec::new() })),
            "user" => Ok(Subject::User(self.names.user(&text)?.ok_or_else(|| no_such("user"))?)),
            "group" => {
                Ok(Subject::Group(self.names.group(&text)?.ok_or_else(|| no_such("group"))?))
            }
            _ => Err(unknown()),
        }
    }
}

/// The permissions that words name.
fn permissions(words: &[Word]) -> Result<PermissionSet, String> {
    let mut set = PermissionSet::default();
    for word in words {
        match Permission::ALL.into_iter().find(|permission| word.is(permission.name())) {
            Some(permission) => set.add(permission),
            None if word.is("all") => set = PermissionSet::ALL,
            None => {
                return Err(format!(
                    "'{}' is not a permission: use submit, work, cancel, view, admin or all",
                    shown(&word.text())
                ));
            }
        }
    }
    match set.is_empty() {
        true => Err("no permission: use submit, work, cancel, view, admin or all".into()),
        false => Ok(set),
    }
}

/// The peers that one of the first and one of the second descriptions has.
fn both(first: Vec<Subject>, second: Vec<Subject>) -> Subject {
    let mut all = Vec::new();
    for mut part in [first, second] {
        match part.pop() {
            Some(Subject::Every(mut parts)) if part.is_empty() => all.append(&mut parts),
            Some(only) if part.is_empty() => all.push(only),
            last => {
                part.extend(last);
                all.push(Subject::OneOf(part));
            }
        }
    }
    Subject::Every(all)
}

/// A word for an error: printable, and not too long.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push_str("...");
    }
    shown
}
