//! Token counts beside those of tiktoken-rs.

use std::sync::LazyLock;

use tiktoken_rs::CoreBPE;
use weir_tokens::Encoding;

/// Longer texts are for time, not for truth; and tiktoken-rs walks white space by recursion.
const LONGEST: usize = 2_000;

static ORACLES: LazyLock<[(Encoding, CoreBPE); 2]> = LazyLock::new(|| {
    [
        (Encoding::O200k, tiktoken_rs::o200k_base().unwrap()),
        (Encoding::Cl100k, tiktoken_rs::cl100k_base().unwrap()),
    ]
});

/// The counts of any text are tiktoken's.
pub fn tokens(bytes: &[u8]) {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]);
    for (encoding, oracle) in ORACLES.iter() {
        let expected = oracle.encode_ordinary(&text).len() as u64;
        assert_eq!(encoding.count(&text), expected, "{encoding:?}: {text:?}");
    }
}
