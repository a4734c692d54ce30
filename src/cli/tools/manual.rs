//! Manual pages, from the same tables that the command line is parsed by.
//!
//! Must not: say anything that `--help` does not.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff};

/// A section that stands behind the options, in `--help` and in the manual: its
/// title and its lines. A line that is indented is set as it is.
pub(crate) type Section = (&'static str, &'static [&'static str]);

/// The sections as the end of `--help`.
pub(crate) fn after_help(sections: &[Section]) -> String {
    let parts = sections.iter().map(|(title, lines)| format!("{title}:\n  {}", lines.join("\n  ")));
    parts.collect::<Vec<_>>().join("\n\n")
}

/// Prints the manual page.
///
/// # Errors
/// Those of standard output.
pub(crate) fn print(command: Command, sections: &[Section]) -> io::Result<()> {
    let mut page = Vec::new();
    let man = Man::new(command).manual("Gearman");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for (title, lines) in sections {
        let mut roff = Roff::new();
        roff.control("SH", [title.to_uppercase().as_str()]);
        // Lines stay lines: most are code and its meaning.
        roff.control("nf", []);
        for line in *lines {
            roff.text([Inline::from(*line)]);
        }
        roff.control("fi", []);
        roff.to_writer(&mut page)?;
    }
    man.render_version_section(&mut page)?;
    io::stdout().write_all(&page)
}
