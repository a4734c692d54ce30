//! Tables for terminals: aligned columns that fit the width.
//!
//! Must not: know what the cells are.

use std::borrow::Cow;

/// The type of a column, for its alignment and for JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Text,
    Number,
    /// 0 or 1.
    Flag,
    /// Bytes, which are shown as text or in hexadecimal.
    Payload,
}

impl ColumnKind {
    fn is_right_aligned(self) -> bool {
        matches!(self, ColumnKind::Number | ColumnKind::Flag)
    }
}

/// A column's title, and its type.
pub(crate) type Heading = (&'static str, ColumnKind);

/// Space between two columns.
const GAP: &str = "  ";
/// Ends a cell that was cut.
const CUT_MARK: char = '…';
/// Characters that a cut column keeps, at least.
const CUT_WIDTH_MIN: usize = 8;

/// Formats rows below a line of titles, or without one if there are no titles. With a width in
/// characters, the widest columns of text are cut until a line fits.
pub(crate) fn format(titles: &[Heading], rows: Vec<Vec<String>>, width: Option<usize>) -> Vec<u8> {
    let head: Vec<String> = titles.iter().map(|(title, _)| (*title).to_owned()).collect();
    let head = (!head.is_empty()).then_some(head);
    let lines: Vec<Vec<String>> = head.into_iter().chain(rows).collect();
    let kind = |at: usize| titles.get(at).map_or(ColumnKind::Text, |(_, kind)| *kind);
    let mut widths = widths(&lines);
    if let Some(width) = width {
        fit(&mut widths, width, |at| !kind(at).is_right_aligned());
    }
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| {
            let cell = cut(cell, width);
            match kind(at).is_right_aligned() {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            }
        });
        out.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
        out.push('\n');
    }
    out.into_bytes()
}

/// The width of each column: that of its widest cell.
fn widths(lines: &[Vec<String>]) -> Vec<usize> {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    (0..count)
        .map(|at| lines.iter().filter_map(|line| line.get(at)).map(|c| c.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect()
}

/// Makes the widest of the columns that may be cut narrower, until all fit or none is left.
fn fit(widths: &mut [usize], width: usize, may_cut: impl Fn(usize) -> bool) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    loop {
        let excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
        let widest = (0..widths.len()).filter(|&at| may_cut(at) && widths[at] > CUT_WIDTH_MIN);
        let Some(widest) = widest.max_by_key(|&at| widths[at]) else { return };
        if excess == 0 {
            return;
        }
        // Not all at once: the next widest may have to give as well.
        let second = (0..widths.len()).filter(|&at| at != widest && may_cut(at));
        let second = second.map(|at| widths[at]).max().unwrap_or_default();
        let surplus = widths[widest].saturating_sub(second.max(CUT_WIDTH_MIN)).max(1);
        widths[widest] -= surplus.min(excess);
    }
}

/// A cell of at most this width, with a mark if something is missing.
fn cut(cell: &str, width: usize) -> Cow<'_, str> {
    if cell.chars().count() <= width {
        return cell.into();
    }
    cell.chars().take(width.saturating_sub(1)).chain([CUT_MARK]).collect()
}

/// Text without control characters, which could change the terminal: any client chooses
/// the names of functions and jobs.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A payload on one line: as text, with line breaks and tabs as `\n` and `\t`, or else in
/// hexadecimal after `0x`.
pub(crate) fn payload(bytes: &[u8]) -> String {
    // The end of the payload may be missing, in the middle of a character.
    let text = match str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    let is_shown = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    match text.filter(|text| text.chars().all(is_shown)) {
        Some(text) => text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t"),
        None => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("0x{digits}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: &[Heading] =
        &[("NAME", ColumnKind::Text), ("N", ColumnKind::Number), ("LAST", ColumnKind::Text)];

    fn table(rows: &[[&str; 3]], width: Option<usize>) -> String {
        let rows = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        String::from_utf8(format(TITLES, rows, width)).expect("text")
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_blanks_at_their_end() {
        assert_eq!(
            table(&[["a", "1", ""], ["bb", "20", "x"]], None),
            "NAME   N  LAST\na      1\nbb    20  x\n"
        );
    }

    #[test]
    fn the_widest_columns_of_text_are_cut_until_a_line_fits() {
        let row = ["abcdefghijklmnopqrst", "123456789", "ABCDEFGHIJKLMNO"];
        let cut = table(&[row], Some(40));
        assert!(cut.lines().all(|line| line.chars().count() <= 40), "{cut}");
        assert!(cut.ends_with("abcdefghijklm…  123456789  ABCDEFGHIJKL…\n"), "{cut}");
        assert!(
            table(&[row], Some(48)).ends_with("abcdefghijklmnopqrst  123456789  ABCDEFGHIJKLMNO\n")
        );
    }

    #[test]
    fn a_terminal_that_is_too_narrow_keeps_some_of_each_column() {
        let row = ["abcdefghijkl", "123456789", "ABCDEFGHIJKL"];
        assert!(table(&[row], Some(5)).ends_with("abcdefg…  123456789  ABCDEFG…\n"));
    }

    #[test]
    fn a_payload_is_text_or_hexadecimal() {
        assert_eq!(payload(b"a\tb\n"), "a\\tb\\n");
        assert_eq!(payload("é".as_bytes()), "é");
        assert_eq!(payload(b"ab\xc3"), "ab");
        assert_eq!(payload(b"\x00\xff"), "0x00ff");
        assert_eq!(payload(b"\x1b[2J"), "0x1b5b324a");
    }
}
