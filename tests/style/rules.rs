//! The rules, as tables. A new rule is one line.

/// Lines of a function, from its signature to its closing brace.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;
/// Lines of a file.
pub(crate) const FILE_LINES_MAX: usize = 500;

/// Names that several crates may have because C or Rust gives them.
pub(crate) const SHARED_NAMES: &[&str] = &[];

/// Texts that a file may contain although a banned phrase is in them: the file and the text.
pub(crate) const PHRASE_EXCEPTIONS: &[(&str, &str)] =
    // The name of a Unix user.
    &[("tests/gearmand/process.rs", "(\"nobody\", 65534, 65534)")];

/// Phrases that no text may use, and what to write instead. Each is a regular expression for whole
/// words, in any case.
pub(crate) const BANNED_PHRASES: &[(&str, &str)] = &[
    // The field's term instead of a metaphor.
    (r"linger(s|ed|ing|er|ers)", "long poll, held GRAB_JOB"),
    (r"vain", "without success, empty grab"),
    (r"piggyback(s|ed|ing)?", "delayed acknowledgement"),
    (r"patience", "timeout, deadline"),
    (r"farewells?", "drain deadline, shutdown"),
    (r"doom(s|ed)?|condemn(s|ed)?", "close reason, close after flush"),
    (r"rous(e|es|ed|ing)", "wake"),
    (r"good night", "sleep"),
    (r"crowded", "backpressured"),
    (r"berths?", "frame mark"),
    (r"foreigners?", "unsupported options"),
    // Subjects that exist: a client, a worker, a caller.
    (r"(some|no|any|every)body", "the client, the worker, no worker"),
    (r"whoever|whosoever|those who|them who", "the clients that, the caller"),
    // Plain word order.
    (r"there (is|are) (none|nothing|nobody) (that|which|who|of)", "no ... (subject first)"),
    (r"(is|are|was|were) to (be|do|have|get|go|come|wait|send|end|run|say)", "must, will, shall"),
    (r"(has|have|had) had", "the simple past or present"),
    (r"in the same breath|one by one|there and then|for good", "at once, each, permanently"),
    (r"at hand|all the same|no matter (what|how|who)", "the field's term, or nothing"),
    (r"whereof|wherein|thereof|therein|thereby|hereby|whence|thence|hence", "plain words"),
];

/// Whether the name of a test is a sentence: a subject, a verb, and what is said of it.
pub(crate) fn is_sentence(name: &str) -> bool {
    let words: Vec<_> = name.split('_').collect();
    words.len() >= 3 && !["it", "test", "tests", "should"].contains(&words[0])
}
