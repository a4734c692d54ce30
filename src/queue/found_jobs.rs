//! What a key-value store found at its start, returned in parts.
//!
//! Must not: read a store.

use std::collections::{HashMap, HashSet};

use crate::record::JobNumber;
use crate::side_record::SideRecord;
use crate::store::{SurveyPage, SurveyedJob};

/// Jobs that were found, and how many of them were returned.
#[derive(Default)]
pub(crate) struct FoundJobs {
    /// Their function is an index of `functions`.
    jobs: Vec<SurveyedJob>,
    functions: Vec<Vec<u8>>,
    function_numbers: HashMap<Vec<u8>, u32>,
    returned: usize,
}

impl FoundJobs {
    pub(crate) fn add(&mut self, number: JobNumber, record: &SideRecord<'_>) {
        let function = self.function(&record.function);
        self.jobs.push(record.surveyed(number, function));
    }

    fn function(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.function_numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.functions.len()).expect("fewer functions than memory");
        self.functions.push(name.to_vec());
        self.function_numbers.insert(name.to_vec(), number);
        number
    }

    /// Ends the finding: without the jobs that are gone, each once, by number.
    pub(crate) fn finish(&mut self, gone: &HashSet<JobNumber>) {
        self.jobs.retain(|job| !gone.contains(&job.number));
        self.jobs.sort_unstable_by_key(|job| job.number);
        self.jobs.dedup_by_key(|job| job.number);
    }

    /// The next part, at most `limit` jobs. The memory is given back with the last one.
    pub(crate) fn page(&mut self, limit: usize) -> SurveyPage {
        let end = self.jobs.len().min(self.returned + limit);
        let mut page = SurveyPage { is_last: end == self.jobs.len(), ..SurveyPage::default() };
        let mut numbers = HashMap::new();
        for job in &self.jobs[self.returned..end] {
            let function = *numbers.entry(job.function).or_insert_with(|| {
                page.functions.push(self.functions[job.function as usize].clone());
                page.functions.len() as u32 - 1
            });
            page.jobs.push(SurveyedJob { function, ..*job });
        }
        self.returned = end;
        if page.is_last {
            *self = FoundJobs::default();
        }
        page
    }
}
