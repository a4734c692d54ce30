//! Times on the broker's two clocks, with clock and unit in the type.
//!
//! Must not: read a clock.

use std::ops::Add;

pub use gearman_queue::UnixSeconds;

/// Milliseconds on the monotonic clock: a time since an arbitrary start, or a duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

impl Millis {
    /// A time that never comes.
    pub(crate) const NEVER: Millis = Millis(u64::MAX);

    /// The duration since an earlier time; 0 if `earlier` is later.
    pub fn since(self, earlier: Millis) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// Whole seconds.
    pub fn as_seconds(self) -> u64 {
        self.0 / 1000
    }
}

impl Add for Millis {
    type Output = Millis;

    fn add(self, duration: Millis) -> Millis {
        Millis(self.0 + duration.0)
    }
}

/// The time on both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// The monotonic clock, which never goes back.
    pub monotonic: Millis,
    /// The calendar.
    pub unix: UnixSeconds,
}
