//! Dropping a function, or its waiting jobs. They can be millions, so that is done in pieces: the
//! driver brings the command again until it has an answer ([`Dropped::Unfinished`]). If the
//! connection of the command ends before, the rest is dropped as backlog.
//!
//! Jobs that are submitted meanwhile stay.
//!
//! Must not: read commands.

use super::durable::DuePlace;
use super::function::Function;
use super::job::Stage;
use super::lifecycle::JobEnd;
use super::slab::{Id, Key};
use super::{Broker, ConnectionKey, Outbox};

/// Result of dropping a function, or its waiting jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// So many jobs were dropped.
    Yes(u32),
    /// The function does not exist.
    Unknown,
    /// The function has workers, and was not removed.
    InUse,
    /// A piece was done. The same call has to be made again.
    Unfinished,
}

/// Where to look for the next job. Jobs go from the store into memory, so memory is last.
#[derive(Clone, Copy)]
enum DropPlace {
    /// Queued jobs that are only in the store.
    Parked,
    /// Delayed jobs that are only in the store, after this one.
    ParkedDelayed(Option<DuePlace>),
    /// Jobs on their way into memory.
    Fetching,
    /// Jobs in memory, from this place in the slab on.
    Memory(usize),
    /// There is none.
    End,
}

/// A drop that is under way.
pub(super) struct Dropping {
    function: Key<Function>,
    /// Whether the function is removed, too.
    is_whole: bool,
    /// The newest job that is dropped.
    last_number: u64,
    place: DropPlace,
    /// Number of jobs that were dropped.
    count: u32,
}

impl Broker {
    /// Removes a function without workers, and fails its jobs. If no function has exactly
    /// this name, case is ignored.
    ///
    /// If the function gets workers or jobs while that is done in pieces, it stays with these, and
    /// with its settings.
    pub fn drop_function(
        &mut self,
        caller: ConnectionKey,
        name: &[u8],
        out: &mut dyn Outbox,
    ) -> Dropped {
        self.drop_jobs(caller, name, true, out)
    }

    /// Fails the queued and delayed jobs of a function. The function, its workers and its running
    /// jobs stay, and so does a job whose submission is not acknowledged.
    pub fn drop_queue(
        &mut self,
        caller: ConnectionKey,
        name: &[u8],
        out: &mut dyn Outbox,
    ) -> Dropped {
        self.drop_jobs(caller, name, false, out)
    }

    fn drop_jobs(
        &mut self,
        caller: ConnectionKey,
        name: &[u8],
        is_whole: bool,
        out: &mut dyn Outbox,
    ) -> Dropped {
        let connection = self.connections.find(caller).expect("a connection drops jobs");
        let under_way = self.connections[connection].dropping.take();
        let mut dropping = match under_way.map_or_else(|| self.begin_drop(name, is_whole), Ok) {
            Ok(dropping) => dropping,
            Err(refusal) => return refusal,
        };
        if self.drop_piece(&mut dropping, out) {
            return Dropped::Yes(dropping.count);
        }
        self.connections[connection].dropping = Some(dropping);
        Dropped::Unfinished
    }

    fn begin_drop(&self, name: &[u8], is_whole: bool) -> Result<Box<Dropping>, Dropped> {
        let exact = self.functions.find(name);
        let found = exact.or_else(|| self.find_in_any_case(name).filter(|_| is_whole));
        let id = found.ok_or(Dropped::Unknown)?;
        let function = &self.functions[id];
        if is_whole && !function.abilities.is_empty() {
            return Err(Dropped::InUse);
        }
        assert!(!is_whole || function.running == 0, "a function without workers has running jobs");
        Ok(Box::new(Dropping {
            function: self.functions.key(id),
            is_whole,
            last_number: self.jobs.last_number(),
            place: DropPlace::Parked,
            count: 0,
        }))
    }

    /// Drops some jobs. Returns whether there are no more.
    pub(super) fn drop_piece(&mut self, dropping: &mut Dropping, out: &mut dyn Outbox) -> bool {
        for _ in 0..self.backlog.piece {
            // Another connection may have dropped it meanwhile.
            let Some(id) = self.functions.find_key(dropping.function) else { return true };
            if matches!(dropping.place, DropPlace::End) {
                self.end_drop(id, dropping, out);
                return true;
            }
            self.work += 1;
            self.drop_step(id, dropping, out);
        }
        false
    }

    /// Drops one job, or moves on.
    fn drop_step(&mut self, id: Id<Function>, dropping: &mut Dropping, out: &mut dyn Outbox) {
        let last = dropping.last_number;
        match dropping.place {
            DropPlace::Parked => match self.drop_parked(id, last) {
                true => dropping.count += 1,
                false => dropping.place = DropPlace::ParkedDelayed(None),
            },
            DropPlace::ParkedDelayed(after) => match self.parked_delayed_after(after) {
                Some((place, owner)) => {
                    if owner == dropping.function && place.1 <= last {
                        self.drop_parked_delayed(id, place.1);
                        dropping.count += 1;
                    }
                    dropping.place = DropPlace::ParkedDelayed(Some(place));
                }
                None => dropping.place = DropPlace::Fetching,
            },
            DropPlace::Fetching => {
                dropping.count += self.drop_fetching(id, last);
                dropping.place = DropPlace::Memory(0);
            }
            DropPlace::Memory(place) => match self.jobs.first_from(place) {
                Some(job) => {
                    dropping.place = DropPlace::Memory(job.index() + 1);
                    let found = &self.jobs[job];
                    let is_waiting =
                        matches!(found.stage, Stage::Queued { .. } | Stage::Delayed { .. });
                    if found.function == id
                        && found.number <= last
                        && (is_waiting || dropping.is_whole && !found.stage.is_running())
                    {
                        self.fail(job, JobEnd::Dropped, out);
                        dropping.count += 1;
                    }
                }
                None => dropping.place = DropPlace::End,
            },
            DropPlace::End => {}
        }
    }

    fn end_drop(&mut self, id: Id<Function>, dropping: &Dropping, out: &mut dyn Outbox) {
        self.report_dropped(id, dropping.count, out);
        let function = &self.functions[id];
        let is_unused = function.abilities.is_empty() && function.total() + function.admitted == 0;
        if dropping.is_whole && is_unused {
            self.functions.remove(id);
            self.setting_changes += 1;
        }
    }

    fn find_in_any_case(&self, name: &[u8]) -> Option<Id<Function>> {
        let mut all = self.functions.iter();
        all.find(|(_, f)| f.name.eq_ignore_ascii_case(name)).map(|(id, _)| id)
    }

    /// The name of the function that [`Broker::drop_function`] removes for this name.
    pub fn name_in_any_case(&self, name: &[u8]) -> Option<&[u8]> {
        let found = self.functions.find(name).or_else(|| self.find_in_any_case(name))?;
        Some(&self.functions[found].name)
    }
}
