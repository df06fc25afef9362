//! A report as people read it, and the bars it is held to.

use std::fmt::{Display, Formatter, Result};

use crate::case::Group;
use crate::kinds::group_of;
use crate::score::{Report, Tally};

/// What has to hold of a report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// What is measured.
    pub name: &'static str,
    /// In percent; none when there was nothing to measure.
    pub measured: Option<f64>,
    /// In percent.
    pub bound: f64,
    /// Whether less than the bound is what is wanted.
    pub at_most: bool,
}

impl Bar {
    /// Whether it is cleared. What could not be measured is not.
    pub fn holds(&self) -> bool {
        self.measured.is_some_and(|measured| match self.at_most {
            true => measured <= self.bound,
            false => measured >= self.bound,
        })
    }
}

/// The recall a group has to reach, in percent.
fn recall_bar(group: Group) -> Option<(&'static str, f64)> {
    match group {
        Group::Core => Some(("recall, core", 95.0)),
        Group::Secret => Some(("recall, secret", 95.0)),
        Group::National => Some(("recall, national", 88.0)),
        Group::Context => Some(("recall, context", 80.0)),
        Group::Negative => None,
    }
}

fn percent(part: usize, whole: usize) -> Option<f64> {
    // Counts of a few thousand are exact.
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

impl Tally {
    /// Found of the labelled, in percent.
    pub fn recall(&self) -> Option<f64> {
        percent(self.found, self.labels)
    }

    /// True of the findings, in percent.
    pub fn precision(&self) -> Option<f64> {
        percent(self.findings - self.wrong, self.findings)
    }
}

impl Report {
    /// Every bar, with what was measured.
    pub fn bars(&self) -> Vec<Bar> {
        let at_least = |name, measured, bound| Bar {
            name,
            measured,
            bound,
            at_most: false,
        };
        let at_most = |name, measured, bound| Bar {
            name,
            measured,
            bound,
            at_most: true,
        };
        let all = self.total(None);
        let recalls = Group::ALL.iter().filter_map(|group| {
            let (name, bound) = recall_bar(*group)?;
            Some(at_least(name, self.total(Some(*group)).recall(), bound))
        });
        let mut bars: Vec<_> = recalls.collect();
        bars.push(at_least("precision", all.precision(), 95.0));
        bars.push(at_most("leaked", percent(all.leaked, all.labels), 10.0));
        bars.push(at_most(
            "negatives touched",
            percent(self.touched, self.negatives),
            3.0,
        ));
        bars
    }
}

/// A percentage, or a dash where there is nothing to divide by.
fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

fn row(f: &mut Formatter<'_>, name: &str, tally: &Tally, note: &str) -> Result {
    let typed = share(percent(tally.typed, tally.labels));
    let leaked = share(percent(tally.leaked, tally.labels));
    let (recall, precision) = (share(tally.recall()), share(tally.precision()));
    let Tally {
        labels,
        findings,
        wrong,
        ..
    } = tally;
    writeln!(
        f,
        "{name:<20}{labels:>7}{recall:>9}{typed:>8}{leaked:>8}{findings:>10}{wrong:>7}{precision:>11}{note}"
    )
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let head =
            "type                 labels   recall   typed  leaked  findings  false  precision";
        for group in Group::ALL {
            let Some((_, bound)) = recall_bar(group) else {
                continue;
            };
            writeln!(f, "{}\n{head}", group.name())?;
            for (name, tally) in self
                .types
                .iter()
                .filter(|(name, _)| group_of(name) == Some(group))
            {
                let below = tally.recall().is_some_and(|recall| recall < bound);
                row(f, name, tally, if below { "  <" } else { "" })?;
            }
            row(f, "together", &self.total(Some(group)), "\n")?;
        }
        for (name, tally) in self
            .types
            .iter()
            .filter(|(name, _)| group_of(name).is_none())
        {
            row(f, name, tally, "  not a type of the set")?;
        }
        let missed: Vec<_> = self
            .vendors
            .iter()
            .filter(|(_, tally)| tally.found < tally.labels)
            .map(|(name, tally)| format!("{name} {}/{}", tally.found, tally.labels))
            .collect();
        if !missed.is_empty() {
            writeln!(f, "secrets missed, by vendor: {}\n", missed.join(", "))?;
        }
        row(f, "disguised", &self.dodged, "  (also counted above)")?;
        row(f, "all", &self.total(None), "\n")?;
        let outside = share(percent(self.redacted_outside, self.outside));
        writeln!(
            f,
            "{outside} % of the characters outside labels were redacted."
        )?;
        if self.invalid > 0 {
            writeln!(
                f,
                "{} findings were no stretch of their text.",
                self.invalid
            )?;
        }
        writeln!(f)?;
        for bar in self.bars() {
            let verdict = if bar.holds() { "ok" } else { "MISSED" };
            let relation = if bar.at_most { "<=" } else { ">=" };
            let measured = share(bar.measured);
            writeln!(
                f,
                "{:<20}{measured:>7} % {relation} {:>4} %  {verdict}",
                bar.name, bar.bound
            )?;
        }
        Ok(())
    }
}
