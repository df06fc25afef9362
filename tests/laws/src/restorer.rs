//! Putting values back, delta by delta.

use std::sync::LazyLock;

use weir_pii::{Carry, Channel, Depth, Mark, Naming, Placeholders, Restore, Restorer};

use crate::{choice, pieces};

static RESTORER: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let emails = (1..12).map(|n| ("EMAIL".to_owned(), format!("\"{n}\" \\o/\r\n@x.org")));
    let others = [
        ("NAME", "😀 [EMAIL_1] é\u{2028}"),
        ("CARD", "4111111111111111"),
    ];
    let others = others.map(|(name, value)| (name.to_owned(), value.to_owned()));
    emails.chain(others).collect()
});

fn restorer_of(values: &[(String, String)]) -> Restorer {
    let mut placeholders = Placeholders::default();
    for (name, value) in values {
        let naming = match name.as_str() {
            "CARD" => Naming::LastFour,
            _ => Naming::Numbered,
        };
        let mark = Mark::new(name, naming, Restore::Always).unwrap();
        placeholders.of(&mark, value, value);
    }
    placeholders.into_restorer()
}

fn streamed<'a>(
    restorer: &Restorer,
    channel: Channel,
    deltas: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let mut carry = Carry::new(channel);
    let mut out = Vec::new();
    for raw in deltas {
        match restorer.push(&mut carry, &mut { usize::MAX }, raw) {
            Some(restored) => out.extend(restored),
            None => out.extend_from_slice(raw),
        }
    }
    out.extend(carry.finish());
    out
}

/// Any bytes, cut anywhere, come out as they would uncut; with nothing to put back nothing changes;
/// and what is the contents of a JSON string stays that.
pub fn restorer(mut bytes: &[u8]) {
    let channel = Channel {
        content: choice(&mut bytes, 2) == 0,
        depth: [Depth::Text, Depth::JsonInText][choice(&mut bytes, 2)],
    };
    let deltas = pieces(&mut bytes);
    let raw = deltas.concat();
    let restorer = restorer_of(&RESTORER);
    let whole = restorer.whole(channel, &mut { usize::MAX }, &raw);
    let whole = whole.unwrap_or_else(|| raw.clone());
    assert_eq!(streamed(&restorer, channel, deltas), whole, "{raw:?}");
    assert_eq!(
        streamed(&restorer, channel, raw.chunks(1)),
        whole,
        "{raw:?}"
    );

    let nothing = Placeholders::default().into_restorer();
    assert_eq!(nothing.whole(channel, &mut { usize::MAX }, &raw), None);

    let quoted = |raw: &[u8]| {
        let text = [b"\"", raw, b"\""].concat();
        serde_json::from_slice::<String>(&text).is_ok()
    };
    assert!(!quoted(&raw) || quoted(&whole), "{whole:?} of {raw:?}");
}
