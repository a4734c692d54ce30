//! The list of workers, as text and as JSON: every connection with the functions that it offers.
//!
//! A connection can offer a million functions, so an item is written in parts. What is around the
//! names is taken when the item begins.
//!
//! Must not: change anything.

use gearman_broker::{Broker, ConnectionCursor, ConnectionView, CursorStep, OfferCursor};

use super::authority::ListFilter;
use super::lists::ListStep;

/// Names written in one step.
const NAMES_PER_STEP: usize = 500;

/// How an item of the list looks.
pub(super) trait WorkerFormat {
    /// The text before and behind the names. `refused` are the functions that the connection
    /// offers and may not work on.
    fn frame(
        &mut self,
        connection: &ConnectionView<'_>,
        refused: &[&[u8]],
        broker: &Broker,
    ) -> [Vec<u8>; 2];

    /// Writes a name.
    fn name(&mut self, name: &[u8], text: &mut Vec<u8>);

    /// Writes what depends on all names.
    fn end_names(&mut self, text: &mut Vec<u8>);
}

/// An item that is being written.
struct WorkerItem {
    offers: OfferCursor,
    /// The text before the names, until it was written.
    head: Option<Vec<u8>>,
    tail: Vec<u8>,
    /// Whether it is shown also without functions.
    is_shown: bool,
}

/// The list, in steps. A reader who may not see all functions sees only connections with one of
/// those that it may see.
pub(super) struct WorkerList<F> {
    filter: ListFilter,
    format: F,
    connections: Option<ConnectionCursor>,
    item: Option<WorkerItem>,
}

impl<F: WorkerFormat> WorkerList<F> {
    /// A list that has not begun.
    pub(super) fn new(filter: ListFilter, format: F) -> WorkerList<F> {
        WorkerList { filter, format, connections: None, item: None }
    }

    /// Writes the next names, or begins the next item.
    pub(super) fn step(&mut self, broker: &Broker, text: &mut Vec<u8>) -> ListStep {
        if self.item.is_none() {
            let cursor = self.connections.get_or_insert_with(|| ConnectionCursor::new(broker));
            match cursor.next(broker) {
                CursorStep::Item(connection) => self.begin(&connection, broker),
                CursorStep::Skip => return ListStep::Skip,
                CursorStep::End => return ListStep::End,
            }
        }
        self.write_names(broker, text)
    }

    fn begin(&mut self, connection: &ConnectionView<'_>, broker: &Broker) {
        let mut refused = connection.refused.clone();
        refused.retain(|function| self.filter.shows(function));
        let is_shown = self.filter.shows_all() || !refused.is_empty();
        let [head, tail] = self.format.frame(connection, &refused, broker);
        let offers = OfferCursor::new(connection.key);
        self.item = Some(WorkerItem { offers, head: Some(head), tail, is_shown });
    }

    fn write_names(&mut self, broker: &Broker, text: &mut Vec<u8>) -> ListStep {
        let Some(item) = &mut self.item else { return ListStep::Skip };
        let before = text.len();
        let mut names = item.offers.next(broker, NAMES_PER_STEP);
        names.retain(|function| self.filter.shows(function));
        item.is_shown |= !names.is_empty();
        if item.is_shown
            && let Some(head) = item.head.take()
        {
            text.extend_from_slice(&head);
        }
        names.into_iter().for_each(|name| self.format.name(name, text));
        if !item.offers.is_at_end() {
            return if text.len() > before { ListStep::Part } else { ListStep::Skip };
        }
        let (is_shown, tail) = (item.is_shown, std::mem::take(&mut item.tail));
        self.item = None;
        if !is_shown {
            return ListStep::Skip;
        }
        self.format.end_names(text);
        text.extend_from_slice(&tail);
        ListStep::Item
    }
}
