//! The names under which a model may be listed, given the one it was called by.

/// By which rule a name was found. In this order they are tried, each on what the one before
/// left, and the first name that has a price is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// By this name, alone or behind its provider's: `gpt-4o`, `azure/gpt-4o`.
    Exact,
    /// Without the path before it: `models/gemini-2.5-pro`,
    /// `publishers/google/models/gemini-2.5-pro`, `arn:aws:bedrock:…:inference-profile/…`; and
    /// when no provider is known, `openai/gpt-4o` as `gpt-4o` of `openai`.
    Path,
    /// Without Bedrock's region: `us.anthropic.claude-…`. The table lists regions whose price
    /// differs; a surcharge of one that it does not list is not in the price.
    Region,
    /// A model fine-tuned by its owner, at the price of every model tuned from the same base:
    /// `ft:gpt-4o-2024-08-06:org::id` as `ft:gpt-4o-2024-08-06`, never as `gpt-4o`.
    FineTuned,
    /// Without a date or `latest` at its end: `gpt-4o-2099-01-01`, `claude-sonnet-4-5-20990101`,
    /// `claude-sonnet-4-5@20990101`, `claude-sonnet-4-5-latest`. A snapshot that is priced
    /// apart is listed under its date and found by that.
    Snapshot,
}

/// Geographies of Bedrock's inference profiles.
const REGIONS: [&str; 10] = [
    "us", "eu", "apac", "global", "jp", "au", "ca", "sa", "us-gov", "in",
];

impl How {
    pub(crate) const SHORTENING: [Self; 4] =
        [Self::Path, Self::Region, Self::FineTuned, Self::Snapshot];

    /// The name without what this rule takes off, if it takes anything off.
    pub(crate) fn shorten(self, name: &str) -> Option<&str> {
        match self {
            Self::Exact => None,
            Self::Path => without_path(name),
            Self::Region => {
                let (region, rest) = name.split_once('.')?;
                (REGIONS.contains(&region) && rest.contains('.')).then_some(rest)
            }
            Self::FineTuned => {
                let (base, _) = name.strip_prefix("ft:")?.split_once(':')?;
                name.get(..base.len() + "ft:".len())
            }
            Self::Snapshot => without_date(name),
        }
    }
}

fn without_path(name: &str) -> Option<&str> {
    if name.starts_with("arn:aws") {
        let kinds = [":foundation-model/", ":inference-profile/"];
        return kinds
            .iter()
            .find_map(|kind| name.split_once(kind))
            .map(|(_, rest)| rest);
    }
    let is_path = ["models/", "publishers/", "projects/"]
        .iter()
        .any(|start| name.starts_with(start));
    let (_, rest) = name.rsplit_once("models/").filter(|_| is_path)?;
    Some(rest)
}

fn without_date(name: &str) -> Option<&str> {
    let plain = ["-latest", "@latest", "@default"];
    if let Some(rest) = plain.iter().find_map(|end| name.strip_suffix(end)) {
        return Some(rest);
    }
    // `-2099-01-01`, `-20990101`, `@20990101`
    let dashed = name
        .len()
        .checked_sub(11)
        .and_then(|at| name.split_at_checked(at));
    if let Some((rest, date)) = dashed
        && let [b'-', y @ .., b'-', m1, m2, b'-', d1, d2] = date.as_bytes()
        && is_date(y, &[*m1, *m2], &[*d1, *d2])
    {
        return Some(rest);
    }
    let (rest, date) = name.split_at_checked(name.len().checked_sub(9)?)?;
    match date.as_bytes() {
        [b'-' | b'@', y1, y2, y3, y4, m1, m2, d1, d2] => {
            is_date(&[*y1, *y2, *y3, *y4], &[*m1, *m2], &[*d1, *d2]).then_some(rest)
        }
        _ => None,
    }
}

/// Digits of a day in this century.
fn is_date(year: &[u8], month: &[u8], day: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    digits(year)
        && digits(month)
        && digits(day)
        && year.starts_with(b"20")
        && (b"01".as_slice()..=b"12").contains(&month)
        && (b"01".as_slice()..=b"31").contains(&day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shorter_names() {
        for (how, name, shorter) in [
            (How::Path, "models/gemini-2.5-pro", Some("gemini-2.5-pro")),
            (
                How::Path,
                "publishers/google/models/gemini-2.5-pro",
                Some("gemini-2.5-pro"),
            ),
            (
                How::Path,
                "projects/p/locations/l/publishers/anthropic/models/claude-x@20990101",
                Some("claude-x@20990101"),
            ),
            (How::Path, "accounts/fireworks/models/llama", None),
            (How::Path, "openai/gpt-4o", None),
            (How::Path, "my-models/x", None),
            (
                How::Path,
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.x",
                Some("us.meta.x"),
            ),
            (
                How::Path,
                "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.x",
                Some("meta.x"),
            ),
            // Says nothing about the model behind it.
            (
                How::Path,
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
                None,
            ),
            (How::Region, "us.anthropic.claude", Some("anthropic.claude")),
            (How::Region, "us-gov.anthropic.c", Some("anthropic.c")),
            (How::Region, "anthropic.claude-v2.1", None),
            (How::Region, "us.5", None),
            (How::Region, "xx.anthropic.claude", None),
            (How::FineTuned, "ft:gpt-4o:org::id", Some("ft:gpt-4o")),
            (How::FineTuned, "ft:gpt-4o", None),
            (How::FineTuned, "gpt-4o:org", None),
            (How::Snapshot, "gpt-4o-2099-01-31", Some("gpt-4o")),
            (How::Snapshot, "claude-x-20990131", Some("claude-x")),
            (How::Snapshot, "claude-x@20990131", Some("claude-x")),
            (How::Snapshot, "claude-x-latest", Some("claude-x")),
            (How::Snapshot, "claude-x@default", Some("claude-x")),
            (How::Snapshot, "ft:gpt-4o-2099-01-31", Some("ft:gpt-4o")),
            (How::Snapshot, "gpt-4o-2099-13-01", None),
            (How::Snapshot, "gpt-4o-2099-01-00", None),
            (How::Snapshot, "gpt-4o-2099-1-1", None),
            (How::Snapshot, "gpt-4o-1999-01-01", None),
            (How::Snapshot, "gpt-4o_2099-01-01", None),
            (How::Snapshot, "gpt-4o--2099-01-1", None),
            (How::Snapshot, "x-20991301", None),
            (How::Snapshot, "x-120990101", None),
            // Versions, not dates.
            (How::Snapshot, "gpt-4-0613", None),
            (How::Snapshot, "mistral-large-2411", None),
            (How::Snapshot, "gpt-4o-mini", None),
            (How::Snapshot, "latest", None),
            (How::Exact, "gpt-4o-latest", None),
        ] {
            assert_eq!(how.shorten(name), shorter, "{how:?} of {name}");
        }
    }

    proptest! {
        #[test]
        fn shorter_is_shorter_whatever_the_name(name in "\\PC{0,40}") {
            for how in How::SHORTENING {
                if let Some(shorter) = how.shorten(&name) {
                    prop_assert!(shorter.len() < name.len());
                }
            }
        }
    }
}
