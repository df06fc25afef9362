//! AWS event streams.

use weir_llm_api::eventstream::Reader;

use crate::{choice, pieces};

fn read<'a>(limit: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> (bool, Vec<Vec<u8>>) {
    let mut reader = Reader::new(limit);
    let (mut readable, mut payloads) = (true, Vec::new());
    for chunk in chunks {
        readable = reader.feed(chunk, |payload| payloads.push(payload.to_vec()));
        assert!(
            reader.memory() <= 2 * limit + 64,
            "{} bytes held",
            reader.memory()
        );
    }
    (readable, payloads)
}

/// The payloads as the framing has them, all of the stream before us: behind a message that is too
/// long comes another, behind a length that is none nothing does.
fn reference(limit: usize, stream: &[u8]) -> (bool, Vec<Vec<u8>>) {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
    let (mut rest, mut readable, mut payloads) = (stream, true, Vec::new());
    while rest.len() >= 12 {
        let (length, headers) = (number(&rest[..4]), number(&rest[4..8]));
        if length > limit || length < 16 {
            readable = false;
            if length <= 12 {
                break;
            }
        } else if rest.len() >= length {
            let payload = rest.get(12 + headers..length - 4);
            payloads.push(payload.unwrap_or_default().to_vec());
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    (readable, payloads)
}

/// However a stream is cut, its payloads are those of the reference, and memory is bounded.
pub fn eventstream(mut bytes: &[u8]) {
    let limit = [64, 4096][choice(&mut bytes, 2)];
    let cut = pieces(&mut bytes);
    let stream = cut.concat();
    let expected = reference(limit, &stream);
    assert_eq!(read(limit, [&stream[..]]), expected);
    assert_eq!(read(limit, cut), expected);
    assert_eq!(read(limit, stream.chunks(1)), expected);
}
