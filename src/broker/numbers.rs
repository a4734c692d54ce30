//! Jobs by the numbers in their handles.
//!
//! Numbers are given out in a row, so jobs with neighbouring numbers come, and
//! mostly go, one after the other. They stand side by side on pages: four bytes a
//! job, where a hash index would take twice that and touch another cache line, and
//! in the end another page of memory, for each.
//!
//! Must not: give out numbers.

use super::index::Index;
use super::job::Job;
use super::slab::{Id, Slab};

/// Numbers per page: a job that stays for long keeps a kilobyte at most.
const PAGE: u32 = 256;

struct Page {
    /// What its numbers are divided by `PAGE`.
    number: u32,
    used: u32,
    jobs: [Option<Id<Job>>; PAGE as usize],
}

/// Which job has which number.
pub(super) struct Numbers {
    pages: Slab<Page>,
    index: Index<Page>,
    /// The page that a number was added to last. It stays although it is empty: the
    /// next number is on it, too.
    latest: Option<Id<Page>>,
}

impl Numbers {
    /// No job has a number.
    pub(super) fn new() -> Numbers {
        Numbers { pages: Slab::new(), index: Index::new(), latest: None }
    }

    fn page(&self, number: u32) -> Option<Id<Page>> {
        let page = number / PAGE;
        self.index.find(page, |id| self.pages[id].number == page)
    }

    /// The job with this number.
    pub(super) fn find(&self, number: u32) -> Option<Id<Job>> {
        self.pages[self.page(number)?].jobs[(number % PAGE) as usize]
    }

    /// Notes the number of a job; no other has it.
    pub(super) fn insert(&mut self, number: u32, job: Id<Job>) {
        let id = self.page(number).unwrap_or_else(|| {
            let page = Page { number: number / PAGE, used: 0, jobs: [None; PAGE as usize] };
            let id = self.pages.insert(page);
            self.index.insert(number / PAGE, id);
            id
        });
        let page = &mut self.pages[id];
        let before = page.jobs[(number % PAGE) as usize].replace(job);
        assert!(before.is_none(), "a job got the number of another one");
        page.used += 1;
        if let Some(before) = self.latest.replace(id)
            && before != id
        {
            self.drop_if_empty(before);
        }
    }

    /// Forgets a number that a job has.
    pub(super) fn remove(&mut self, number: u32) {
        let id = self.page(number).expect("a job went that has no page");
        let page = &mut self.pages[id];
        let job = page.jobs[(number % PAGE) as usize].take();
        assert!(job.is_some(), "a job went that was not on its page");
        page.used = page.used.checked_sub(1).expect("a job went from an empty page");
        if self.latest != Some(id) {
            self.drop_if_empty(id);
        }
    }

    fn drop_if_empty(&mut self, id: Id<Page>) {
        let Page { number, used, .. } = self.pages[id];
        if used == 0 {
            self.index.remove(number, id);
            self.pages.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_finds_its_job_and_no_other_number_does() {
        let mut numbers = Numbers::new();
        let ids = Id::first(1000);
        for (number, &id) in (3..).step_by(7).zip(&ids) {
            numbers.insert(number, id);
        }
        for number in 0..8000 {
            let place = u32::checked_sub(number, 3).filter(|n| n % 7 == 0).map(|n| n as usize / 7);
            let expected = place.and_then(|place| ids.get(place).copied());
            assert_eq!(numbers.find(number), expected, "{number}");
        }
    }

    #[test]
    fn a_number_that_was_removed_is_free_again() {
        let mut numbers = Numbers::new();
        let ids = Id::first(2);
        numbers.insert(u32::MAX, ids[0]);
        numbers.remove(u32::MAX);
        assert_eq!(numbers.find(u32::MAX), None);
        numbers.insert(u32::MAX, ids[1]);
        assert_eq!(numbers.find(u32::MAX), Some(ids[1]));
    }

    #[test]
    fn pages_go_with_their_last_job_but_for_the_latest() {
        let mut numbers = Numbers::new();
        let ids = Id::first(10 * PAGE as usize);
        (0..).zip(&ids).for_each(|(number, &id)| numbers.insert(number, id));
        assert_eq!(numbers.pages.len(), 10);
        (0..10 * PAGE).filter(|number| number % PAGE > 0).for_each(|number| numbers.remove(number));
        assert_eq!(numbers.pages.len(), 10, "one job keeps its page");
        (0..10).for_each(|page| numbers.remove(page * PAGE));
        assert_eq!(numbers.pages.len(), 1);
        numbers.insert(20 * PAGE, ids[0]);
        assert_eq!(numbers.pages.len(), 1);
    }
}
