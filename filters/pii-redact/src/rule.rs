//! A rule as it runs: which requests it is for, what it looks for, what happens to that.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use weir_intake::Match;
use weir_pii::{Mark, Scanner};

use crate::config::Action;
use crate::leak::Leaks;

/// What is done with the requests it is for.
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) matches: Match,
    pub(crate) shadow: bool,
    /// What is done about values in the answer.
    pub(crate) leaks: Option<Rc<Leaks>>,
    /// Finds the types below, and those looked for in the answer; none when there are none.
    pub(crate) scanner: Option<Rc<Scanner>>,
    /// By type.
    pub(crate) treatments: HashMap<String, Treatment>,
}

/// What happens to the values of one type.
#[derive(Debug)]
pub(crate) struct Treatment {
    pub(crate) action: Action,
    pub(crate) mark: Mark,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
