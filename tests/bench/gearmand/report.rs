//! Figures of a case: medians of several runs, side by side, with their targets.
//!
//! Must not: measure anything.

use super::server::Kind;

/// Bound that a figure should keep.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// None: the figure is only printed.
    None,
    /// At most this multiple of the original's.
    RatioAtMost(f64),
    /// At least this multiple of the original's.
    RatioAtLeast(f64),
    /// At most this value.
    AtMost(f64),
    /// At least this value.
    AtLeast(f64),
}

/// A measured value of one run.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) target: Target,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64, target: Target) -> Figure {
        Figure { name, value, target }
    }
}

/// All runs of one case.
#[derive(Default)]
pub(crate) struct Runs {
    runs: Vec<(Kind, Vec<Figure>)>,
}

impl Runs {
    pub(crate) fn add(&mut self, kind: Kind, figures: Vec<Figure>) {
        self.runs.push((kind, figures));
    }

    /// The median of a figure over the runs of one server.
    fn median_of(&self, kind: Kind, name: &str) -> Option<f64> {
        let runs = self.runs.iter().filter(|(run, _)| *run == kind);
        let figures = runs.flat_map(|(_, figures)| figures).filter(|figure| figure.name == name);
        let mut values: Vec<f64> = figures.map(|figure| figure.value).collect();
        (!values.is_empty()).then(|| median(&mut values))
    }

    /// Prints a line per figure and returns how many missed their targets.
    pub(crate) fn print(&self, case: &str) -> usize {
        let mut missed = 0;
        let mut names: Vec<(&str, Target)> = Vec::new();
        for figure in self.runs.iter().flat_map(|(_, figures)| figures) {
            if !names.iter().any(|(name, _)| *name == figure.name) {
                names.push((figure.name, figure.target));
            }
        }
        println!("\n{case}");
        for (name, target) in names {
            let original = self.median_of(Kind::Original, name);
            let ours = self.median_of(Kind::Ours, name);
            let ratio = original.zip(ours).map(|(original, ours)| ours / original);
            let (text, met) = match target {
                Target::None => (String::new(), None),
                Target::RatioAtMost(most) => {
                    (format!("at most {most} times"), ratio.map(|ratio| ratio <= most))
                }
                Target::RatioAtLeast(least) => {
                    (format!("at least {least} times"), ratio.map(|ratio| ratio >= least))
                }
                Target::AtMost(most) => (format!("at most {most}"), ours.map(|ours| ours <= most)),
                Target::AtLeast(least) => {
                    (format!("at least {least}"), ours.map(|ours| ours >= least))
                }
            };
            let verdict = match met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            missed += usize::from(met == Some(false));
            let [original, ours, ratio] = [(original, 2), (ours, 2), (ratio, 2)]
                .map(|(value, digits)| value.map_or("-".into(), |v| format!("{v:.digits$}")));
            println!("  {name:<46} {original:>10} {ours:>10} {ratio:>7}  {text} {verdict}");
        }
        missed
    }
}

/// Median; sorts `values`.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

/// Percentile by a share from 0 to 1; sorts `values`.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
