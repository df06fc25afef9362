//! The models that exist: names, aliases, abilities, prices.

use std::collections::HashMap;

use weir_policy::Glob;
use weir_prices::Price;

use crate::config::Ability;

/// A declared model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    /// As the provider knows it.
    pub(crate) upstream: String,
    pub(crate) provider: Option<String>,
    pub(crate) context_window: Option<u64>,
    pub(crate) max_output_tokens: Option<u64>,
    pub(crate) abilities: Abilities,
    pub(crate) price: Option<Price>,
}

/// A set of abilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Abilities(u8);

impl Abilities {
    pub(crate) const ALL: Self = Self(u8::MAX);

    pub(crate) fn of(list: &[Ability]) -> Self {
        Self(
            list.iter()
                .fold(0, |set, &ability| set | 1 << ability as u8),
        )
    }

    /// What is in this set and not in `other`.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn names(self) -> Vec<&'static str> {
        [
            (Ability::Stream, "streaming"),
            (Ability::Tools, "tools"),
            (Ability::Images, "images"),
            (Ability::Audio, "audio"),
        ]
        .into_iter()
        .filter(|(ability, _)| self.0 & (1 << *ability as u8) != 0)
        .map(|(_, name)| name)
        .collect()
    }
}

/// The names of what a caller asks for.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    /// Those that may permit something: names and aliases the operator wrote; of a model nobody
    /// declared, what was asked.
    pub(crate) written: Vec<&'a str>,
    /// Those that may forbid something: also the caller's spelling and the provider's name.
    pub(crate) all: Vec<&'a str>,
}

/// All declared models.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    models: Vec<Model>,
    /// Names and plain aliases.
    by_name: HashMap<String, usize>,
    /// Aliases with wildcards, in the order of the models.
    patterns: Vec<(Glob, usize)>,
}

impl Catalog {
    pub(crate) fn add(&mut self, model: Model, aliases: Vec<Glob>) {
        let index = self.models.len();
        self.by_name.insert(model.name.clone(), index);
        self.models.push(model);
        for alias in aliases {
            if alias.is_exact() {
                self.by_name.insert(alias.as_str().to_owned(), index);
            } else {
                self.patterns.push((alias, index));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Model> {
        self.models.get(index)
    }

    /// The model that a caller means by `asked`: a name, an alias, a pattern of an alias.
    pub(crate) fn find(&self, asked: &str) -> Option<usize> {
        self.by_name.get(asked).copied().or_else(|| {
            self.patterns
                .iter()
                .find(|(glob, _)| glob.matches(asked))
                .map(|(_, index)| *index)
        })
    }

    /// What `asked` goes by in permissions and rules.
    pub(crate) fn names<'a>(&'a self, asked: &'a str) -> Names<'a> {
        let declared = self.find(asked).and_then(|index| self.get(index));
        let mut written = Vec::with_capacity(2);
        let mut all = vec![asked];
        match declared {
            None => written.push(asked),
            Some(model) => {
                written.push(model.name.as_str());
                all.extend([model.name.as_str(), model.upstream.as_str()]);
                // An alias as the operator wrote it; one that only fits a pattern is the
                // caller's invention.
                if self.by_name.contains_key(asked) {
                    written.push(asked);
                }
            }
        }
        // A model by the name its provider knows.
        let upstream = self.models.iter().filter(|model| model.upstream == asked);
        all.extend(upstream.map(|model| model.name.as_str()));
        Names { written, all }
    }

    /// The model of this very name.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.models.iter().position(|model| model.name == name)
    }

    /// The model that has this alias already.
    pub(crate) fn alias_owner(&self, alias: &Glob) -> Option<&str> {
        let index = self.by_name.get(alias.as_str()).copied().or_else(|| {
            self.patterns
                .iter()
                .find(|(glob, _)| glob.as_str() == alias.as_str())
                .map(|(_, index)| *index)
        })?;
        self.get(index).map(|model| model.name.as_str())
    }

    /// Every name a caller can ask for, with its model, in order. Patterns are no names.
    pub(crate) fn listed(&self) -> Vec<(&str, &Model)> {
        let mut names: Vec<_> = self
            .by_name
            .iter()
            .filter_map(|(name, &index)| Some((name.as_str(), self.models.get(index)?)))
            .collect();
        names.sort_unstable_by_key(|(name, _)| *name);
        names
    }
}
