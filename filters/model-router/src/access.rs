//! Who may ask for which models.

use weir_policy::Globs;

use crate::catalog::Names;
use crate::config::AccessSettings;

/// The access list.
#[derive(Debug)]
pub(crate) struct Access {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Empty: everybody.
    identity: Globs,
    /// Empty: every model.
    allow: Globs,
    deny: Globs,
    shadow: bool,
}

/// What the list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// The caller may. `shadowed`: the name of an entry in shadow that would have refused.
    Granted { shadowed: Option<String> },
    /// The caller may not. The name of the entry that says so.
    Refused(String),
}

impl Access {
    pub(crate) fn new(entries: Vec<AccessSettings>) -> Self {
        let entries = entries
            .into_iter()
            .map(|s| Entry {
                identity: Globs(s.identity.0),
                allow: Globs(s.allow.0),
                deny: Globs(s.deny.0),
                shadow: s.shadow,
            })
            .collect();
        Self { entries }
    }

    /// Whether `identity` may use a model that goes by these names.
    pub(crate) fn check(&self, identity: Option<&str>, names: &Names<'_>) -> Permission {
        let mut shadowed = None;
        for (i, entry) in self.entries.iter().enumerate() {
            let applies = entry.identity.is_empty()
                || identity.is_some_and(|identity| entry.identity.matches(identity));
            if !applies {
                continue;
            }
            let denied = names.all.iter().any(|name| entry.deny.matches(name));
            let allowed = entry.allow.is_empty()
                || names.written.iter().any(|name| entry.allow.matches(name));
            let refused = denied || !allowed;
            match (refused, entry.shadow) {
                (true, true) => {
                    shadowed.get_or_insert_with(|| format!("access[{i}]"));
                }
                (false, true) => {}
                (true, false) => return Permission::Refused(format!("access[{i}]")),
                (false, false) => return Permission::Granted { shadowed },
            }
        }
        // Without entries, or with nothing but entries in shadow, nothing is enforced.
        if self.entries.iter().all(|entry| entry.shadow) {
            return Permission::Granted { shadowed };
        }
        Permission::Refused("access".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_policy::config::load;

    fn check(list: &str, identity: Option<&str>, names: &[&str]) -> String {
        let access = Access::new(load(list.as_bytes()).unwrap());
        let names = Names {
            written: names.to_vec(),
            all: names.to_vec(),
        };
        match access.check(identity, &names) {
            Permission::Granted { shadowed: None } => "yes".to_owned(),
            Permission::Granted { shadowed: Some(by) } => format!("shadow {by}"),
            Permission::Refused(by) => format!("no {by}"),
        }
    }

    #[test]
    fn decisions() {
        let list = r#"[
            {"identity": "ops-*"},
            {"identity": ["a", "b"], "allow": "gpt-*", "deny": "gpt-5*"},
            {"allow": ["mini", "gpt-4.1-mini"]}
        ]"#;
        for (identity, names, expected) in [
            (Some("ops-1"), &["anything"][..], "yes"),
            (Some("a"), &["gpt-4o"], "yes"),
            (Some("a"), &["gpt-5-mini"], "no access[1]"),
            (Some("a"), &["big", "gpt-5"], "no access[1]"),
            (Some("b"), &["claude"], "no access[1]"),
            (Some("c"), &["mini", "gpt-4.1-mini"], "yes"),
            (Some("c"), &["gpt-4o"], "no access[2]"),
            (None, &["mini"], "yes"),
        ] {
            assert_eq!(
                check(list, identity, names),
                expected,
                "{identity:?} {names:?}"
            );
        }
        assert_eq!(check("[]", None, &["x"]), "yes");
        assert_eq!(
            check(r#"[{"identity": "a"}]"#, Some("b"), &["x"]),
            "no access"
        );
        assert_eq!(check(r#"[{"identity": "a"}]"#, None, &["x"]), "no access");
        let shadow = r#"[{"identity": "a", "allow": "y", "shadow": true}]"#;
        assert_eq!(check(shadow, Some("a"), &["x"]), "shadow access[0]");
        assert_eq!(check(shadow, Some("b"), &["x"]), "yes");
    }
}
