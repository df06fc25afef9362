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

/// However a stream is cut, its payloads are the same; each of them stands in it; memory is bounded.
pub fn eventstream(mut bytes: &[u8]) {
    let limit = [64, 4096][choice(&mut bytes, 2)];
    let cut = pieces(&mut bytes);
    let stream = cut.concat();
    let whole = read(limit, [&stream[..]]);
    assert_eq!(read(limit, cut), whole);
    assert_eq!(read(limit, stream.chunks(1)), whole);
    for payload in whole.1 {
        let stands = payload.is_empty() || stream.windows(payload.len()).any(|at| at == payload);
        assert!(stands && payload.len() <= limit, "{payload:?}");
    }
}
