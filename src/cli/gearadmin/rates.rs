//! [`Rates`]: how many jobs of each function come, are done and fail in a second.
//!
//! Must not: ask a server.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

/// What is counted, as members of `json status`, with the titles of the rates.
pub(crate) const RATES: [(&str, &str); 3] =
    [("submitted", "IN/S"), ("completed", "DONE/S"), ("failed", "FAIL/S")];

/// JobCounts of a function.
type JobCounts = [u64; RATES.len()];

/// The counts of the last two lists.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// By name, with the time of the list.
    last: Option<(Instant, HashMap<String, JobCounts>)>,
    per_second: HashMap<String, [f64; RATES.len()]>,
}

/// The name of a function, and its counts.
fn counts(function: &Value) -> Option<(String, JobCounts)> {
    let name = function["function_hex"].as_str().or(function["function"].as_str())?;
    let count = |member: &str| function[member].as_u64();
    let [submitted, completed, failed] = RATES.map(|(member, _)| count(member));
    Some((name.to_owned(), [submitted?, completed?, failed?]))
}

impl Rates {
    /// Takes the next list of functions.
    pub(crate) fn update(&mut self, functions: &Value, now: Instant) {
        let all = functions.as_array().into_iter().flatten();
        let fresh: HashMap<String, JobCounts> = all.filter_map(counts).collect();
        self.per_second.clear();
        if let Some((then, last)) = &self.last {
            let seconds = now.saturating_duration_since(*then).as_secs_f64();
            for (name, counts) in &fresh {
                // A server that was started anew counts from 0.
                let before = last.get(name).copied().unwrap_or_default();
                let rate = |at: usize| counts[at].saturating_sub(before[at]) as f64 / seconds;
                if seconds > 0.0 {
                    self.per_second.insert(name.clone(), [rate(0), rate(1), rate(2)]);
                }
            }
        }
        self.last = Some((now, fresh));
    }

    /// The rates of a function of the last list, as cells; empty at the first list.
    pub(crate) fn cells(&self, function: &Value) -> [String; RATES.len()] {
        let name = counts(function).map(|(name, _)| name);
        let rates = name.and_then(|name| self.per_second.get(&name));
        rates.map_or_else(Default::default, |rates| rates.map(|rate| format!("{rate:.1}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn a_rate_is_the_difference_of_two_lists_by_the_time_between_them() {
        let list = |submitted: u64| {
            json!([{
                "function": "f", "submitted": submitted, "completed": 2 * submitted, "failed": 0
            }])
        };
        let (mut rates, start) = (Rates::default(), Instant::now());
        rates.update(&list(10), start);
        assert_eq!(rates.cells(&list(10)[0]), ["", "", ""]);
        rates.update(&list(15), start + Duration::from_secs(2));
        assert_eq!(rates.cells(&list(15)[0]), ["2.5", "5.0", "0.0"]);
        rates.update(&list(0), start + Duration::from_secs(3));
        assert_eq!(rates.cells(&list(0)[0]), ["0.0", "0.0", "0.0"]);
    }
}
