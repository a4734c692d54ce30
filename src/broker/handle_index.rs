//! The handle index: finds a job by the number in its handle.
//!
//! Numbers are assigned in sequence, so jobs with neighbouring numbers are added, and
//! mostly removed, at about the same time. They share a page: four bytes per job, where a
//! hash index would take twice that and touch another cache line, and in the end another
//! page of memory, for each job.
//!
//! Must not: assign numbers.

use super::index::Index;
use super::job::Job;
use super::slab::{Id, Slab};

/// Numbers per page: a long-lived job pins at most a kilobyte.
const NUMBERS_PER_PAGE: u64 = 256;

struct Page {
    /// The numbers on this page, divided by `NUMBERS_PER_PAGE`.
    number: u64,
    used: u32,
    jobs: [Option<Id<Job>>; NUMBERS_PER_PAGE as usize],
}

/// Jobs by number.
pub(super) struct JobHandleIndex {
    pages: Slab<Page>,
    index: Index<Page>,
    /// The page to which a job was added last. It is kept while it is empty, because the
    /// next number is usually on it too.
    latest: Option<Id<Page>>,
}

impl JobHandleIndex {
    /// An empty index.
    pub(super) fn new() -> JobHandleIndex {
        JobHandleIndex { pages: Slab::new(), index: Index::new(), latest: None }
    }

    /// The tag of a page. Pages with the same tag are 2^32 pages apart.
    fn tag(page: u64) -> u32 {
        page as u32
    }

    fn page(&self, number: u64) -> Option<Id<Page>> {
        let page = number / NUMBERS_PER_PAGE;
        self.index.find(Self::tag(page), |id| self.pages[id].number == page)
    }

    /// The job with this number.
    pub(super) fn find(&self, number: u64) -> Option<Id<Job>> {
        self.pages[self.page(number)?].jobs[(number % NUMBERS_PER_PAGE) as usize]
    }

    /// Adds a job under a number that no other job has.
    pub(super) fn insert(&mut self, number: u64, job: Id<Job>) {
        let id = self.page(number).unwrap_or_else(|| {
            let jobs = [None; NUMBERS_PER_PAGE as usize];
            let page = Page { number: number / NUMBERS_PER_PAGE, used: 0, jobs };
            let id = self.pages.insert(page);
            self.index.insert(Self::tag(number / NUMBERS_PER_PAGE), id);
            id
        });
        let page = &mut self.pages[id];
        let before = page.jobs[(number % NUMBERS_PER_PAGE) as usize].replace(job);
        assert!(before.is_none(), "two jobs have the same number");
        page.used += 1;
        if let Some(before) = self.latest.replace(id)
            && before != id
        {
            self.remove_if_empty(before);
        }
    }

    /// Removes the job with this number.
    pub(super) fn remove(&mut self, number: u64) {
        let id = self.page(number).expect("the number of a removed job has no page");
        let page = &mut self.pages[id];
        let job = page.jobs[(number % NUMBERS_PER_PAGE) as usize].take();
        assert!(job.is_some(), "a removed job was not on its page");
        page.used = page.used.checked_sub(1).expect("a job was removed from an empty page");
        if self.latest != Some(id) {
            self.remove_if_empty(id);
        }
    }

    fn remove_if_empty(&mut self, id: Id<Page>) {
        let Page { number, used, .. } = self.pages[id];
        if used == 0 {
            self.index.remove(Self::tag(number), id);
            self.pages.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_finds_its_own_job_and_an_unused_number_finds_none() {
        let mut index = JobHandleIndex::new();
        let ids = Id::first(1000);
        for (number, &id) in (3..).step_by(7).zip(&ids) {
            index.insert(number, id);
        }
        for number in 0..8000_u64 {
            let place = u64::checked_sub(number, 3).filter(|n| n % 7 == 0).map(|n| n as usize / 7);
            let expected = place.and_then(|place| ids.get(place).copied());
            assert_eq!(index.find(number), expected, "{number}");
        }
    }

    #[test]
    fn a_removed_number_can_be_used_again() {
        let mut index = JobHandleIndex::new();
        let ids = Id::first(2);
        index.insert(u64::MAX, ids[0]);
        index.remove(u64::MAX);
        assert_eq!(index.find(u64::MAX), None);
        index.insert(u64::MAX, ids[1]);
        assert_eq!(index.find(u64::MAX), Some(ids[1]));
    }

    #[test]
    fn an_empty_page_is_freed_unless_it_is_the_latest() {
        let mut index = JobHandleIndex::new();
        let ids = Id::first(10 * NUMBERS_PER_PAGE as usize);
        (0..).zip(&ids).for_each(|(number, &id)| index.insert(number, id));
        assert_eq!(index.pages.len(), 10);
        (0..10 * NUMBERS_PER_PAGE)
            .filter(|number| number % NUMBERS_PER_PAGE > 0)
            .for_each(|number| index.remove(number));
        assert_eq!(index.pages.len(), 10, "one job keeps its page");
        (0..10).for_each(|page| index.remove(page * NUMBERS_PER_PAGE));
        assert_eq!(index.pages.len(), 1);
        index.insert(20 * NUMBERS_PER_PAGE, ids[0]);
        assert_eq!(index.pages.len(), 1);
    }
}
