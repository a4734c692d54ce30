//! [`FiguresScan`]: the figures of all functions, counted over several turns.
//!
//! Owns which functions have figures of their own: those that exist longest. So a function keeps
//! them until it is dropped, and counters do not jump.
//!
//! Must not: know how figures are shown.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use gearman_access::Viewer;
use gearman_broker::{Broker, CursorStep, FunctionCursor, FunctionView};

/// Most functions counted in one turn.
const FUNCTIONS_PER_TURN: usize = 500;

type CountedFunction = FunctionView<Vec<u8>>;

/// A function, in the order of creation.
struct ByCreation(CountedFunction);

impl Ord for ByCreation {
    fn cmp(&self, other: &ByCreation) -> Ordering {
        self.0.number.cmp(&other.0.number)
    }
}

impl PartialOrd for ByCreation {
    fn partial_cmp(&self, other: &ByCreation) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByCreation {
    fn eq(&self, other: &ByCreation) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByCreation {}

/// The functions that were counted.
#[derive(Default)]
pub(crate) struct ScannedFunctions {
    /// Those with figures of their own, in the order of creation.
    pub(crate) listed: Vec<CountedFunction>,
    /// The sum of all others, without a name, if there are any.
    pub(crate) others: Option<CountedFunction>,
    /// The number of those.
    pub(crate) others_count: usize,
}

/// A count of all functions that is under way.
pub(super) struct FiguresScan {
    cursor: FunctionCursor,
    /// The number of functions that are listed.
    listed_max: usize,
    listed: BinaryHeap<ByCreation>,
    others: Option<CountedFunction>,
    others_count: usize,
    /// The functions that the reader may see, unless it may see all.
    viewer: Option<Viewer>,
}

impl FiguresScan {
    /// A count that has not begun.
    pub(super) fn new(viewer: Option<Viewer>, listed_max: usize) -> FiguresScan {
        FiguresScan {
            cursor: FunctionCursor::default(),
            listed_max,
            listed: BinaryHeap::new(),
            others: None,
            others_count: 0,
            viewer,
        }
    }

    /// Counts the functions of one turn. Returns whether all are counted.
    pub(super) fn scan(&mut self, broker: &Broker) -> bool {
        for _ in 0..FUNCTIONS_PER_TURN {
            let step = self.cursor.next(broker);
            let sees = |name| self.viewer.as_ref().is_none_or(|viewer| viewer.sees(name));
            match step.keep(|function| sees(function.name)) {
                CursorStep::Item(function) => self.add(function),
                CursorStep::Skip => {}
                CursorStep::End => return true,
            }
        }
        false
    }

    fn add(&mut self, function: FunctionView<&[u8]>) {
        self.listed.push(ByCreation(function.into_owned()));
        if self.listed.len() > self.listed_max
            && let Some(ByCreation(newest)) = self.listed.pop()
        {
            self.others_count += 1;
            match &mut self.others {
                Some(others) => others.add(&newest),
                None => self.others = Some(CountedFunction { name: Vec::new(), ..newest }),
            }
        }
    }

    /// What was counted.
    pub(super) fn into_functions(self) -> ScannedFunctions {
        let listed = self.listed.into_sorted_vec();
        ScannedFunctions {
            listed: listed.into_iter().map(|ByCreation(function)| function).collect(),
            others: self.others,
            others_count: self.others_count,
        }
    }
}
