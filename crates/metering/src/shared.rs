//! Limits that are shared with other Envoys: asked for before a request leaves, charged afterwards.

use weir_global::{Global, Key, Over};
use weir_intake::Refused;
use weir_policy::{Cx, GrpcStatus};

/// The shared limits that are for a request.
#[derive(Debug)]
pub struct Shared<L> {
    limits: Vec<(L, Key)>,
    is_asking: bool,
}

impl<L> Default for Shared<L> {
    fn default() -> Self {
        Self {
            limits: Vec::new(),
            is_asking: false,
        }
    }
}

impl<L> Shared<L> {
    /// Adds a limit and its counter over all Envoys.
    pub fn add(&mut self, limit: L, key: Key) {
        self.limits.push((limit, key));
    }

    /// Asks whether all of them have room, if there are any.
    ///
    /// # Errors
    /// See [`Global::check`].
    pub fn ask(&mut self, cx: &mut Cx<'_>, global: Option<&Global>) -> Result<(), Refused> {
        if let Some(global) = global {
            self.is_asking = global.check(cx, self.limits.iter().map(|(_, key)| key))?;
        }
        Ok(())
    }

    /// The limit that has no room, by the service's answer.
    ///
    /// # Errors
    /// See [`Global::checked`].
    pub fn answered(
        &mut self,
        cx: &mut Cx<'_>,
        global: &Global,
        answer: Result<&[u8], GrpcStatus>,
    ) -> Result<Option<(&L, Over)>, Refused> {
        self.is_asking = false;
        let over = global.checked(cx, answer)?;
        // A service that speaks of more than it was asked for refuses all the same.
        let limit = |over: Over| self.limits.get(over.at).or(self.limits.first());
        Ok(over.and_then(|over| limit(over).map(|(limit, _)| (limit, over))))
    }

    /// Whether the service's answer is waited for.
    pub const fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// The provider's answer came without it.
    pub fn overtaken(&mut self) {
        self.is_asking = false;
    }

    /// Has the service told what was used of each.
    pub fn charge(self, cx: &mut Cx<'_>, global: Option<&Global>, used: impl Fn(&L) -> u64) {
        let Some(global) = global else {
            return;
        };
        for (limit, key) in self.limits {
            global.charge(cx, key, used(&limit));
        }
    }
}
