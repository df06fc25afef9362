//! What was found, counted by type and by what was done with it. Never what it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weir_pii::Kind;
use weir_policy::Effects;
use weir_policy::names::metric;

use crate::config::Action;

/// Counts of values.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<(Kind, Action), u64>);

impl Tally {
    pub(crate) fn add(&mut self, kind: &Kind, action: Action) {
        *self.0.entry((kind.clone(), action)).or_default() += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a value with this action.
    pub(crate) fn has(&self, action: Action) -> bool {
        self.0.keys().any(|(_, known)| *known == action)
    }

    /// `EMAIL=2,CARD=1`: what there is most of first. Of one action, or of all.
    pub(crate) fn by_type(&self, action: Option<Action>) -> String {
        let mut types: BTreeMap<&Kind, u64> = BTreeMap::new();
        for ((kind, known), count) in &self.0 {
            if action.is_none_or(|action| action == *known) {
                *types.entry(kind).or_default() += count;
            }
        }
        let mut types: Vec<_> = types.into_iter().collect();
        types.sort_by_key(|(_, count)| u64::MAX - count);
        let mut text = String::new();
        for (at, (kind, count)) in types.into_iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // Writing to a string does not fail.
            let _ = write!(text, "{comma}{kind}={count}");
        }
        text
    }

    /// Adds everything to the metric. Types are the table's or the configuration's.
    pub(crate) fn count(
        &self,
        effects: &mut Effects,
        rule: &str,
        shadow: bool,
        direction: &'static str,
    ) {
        for ((kind, action), count) in &self.0 {
            let labels = [
                ("rule", rule),
                ("type", kind.name()),
                ("action", action.label(shadow)),
                ("direction", direction),
            ];
            effects.count(metric::REDACTIONS, &labels, *count);
        }
    }
}

impl Action {
    fn label(self, shadow: bool) -> &'static str {
        match (self, shadow) {
            (Self::Mask, false) => "mask",
            (Self::Mask, true) => "shadow_mask",
            (Self::Hash, false) => "hash",
            (Self::Hash, true) => "shadow_hash",
            (Self::Partial, false) => "partial",
            (Self::Partial, true) => "shadow_partial",
            (Self::Block, false) => "block",
            (Self::Block, true) => "shadow_block",
            (Self::Report, _) => "report",
            (Self::Off, _) => "off",
        }
    }
}
