//! AWS event streams, in which Bedrock streams its answers: read, never changed.
//! Source: "Event stream encoding" in the Amazon Transcribe and Smithy documentation.
//!
//! A message is a prelude of twelve bytes (its length, the length of its headers, a checksum),
//! headers, a payload and a checksum. Checksums are not verified: the client does that, and a
//! message that is wrong only fails to be JSON here.

/// Bytes before the headers.
const PRELUDE: usize = 12;
/// Bytes behind the payload.
const CHECKSUM: usize = 4;

/// State between two chunks.
#[derive(Clone, Debug)]
pub struct Reader {
    held: Vec<u8>,
    /// Bytes still to come of a message that is not read.
    skip: usize,
    limit: usize,
    unread: bool,
}

impl Reader {
    /// A reader that holds at most `limit` bytes of one message; a longer one is not read.
    pub fn new(limit: usize) -> Self {
        Self {
            held: Vec::new(),
            skip: 0,
            limit,
            unread: false,
        }
    }

    /// Feeds the next bytes; `message` gets the payload of each whole message. Returns whether
    /// every message so far could be read.
    pub fn feed(&mut self, mut bytes: &[u8], mut message: impl FnMut(&[u8])) -> bool {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();

            let wanted = self.length().unwrap_or(PRELUDE);
            let room = wanted.saturating_sub(self.held.len()).min(bytes.len());
            let (more, rest) = bytes.split_at_checked(room).unwrap_or((bytes, b""));
            self.held.extend_from_slice(more);
            bytes = rest;
            let Some(length) = self.length() else {
                continue;
            };
            if length > self.limit || length < PRELUDE + CHECKSUM {
                self.unread = true;
                // Behind a length that makes no sense there is no next message.
                let rest = length.checked_sub(self.held.len());
                self.skip = rest.filter(|&rest| rest > 0).unwrap_or(usize::MAX);
                self.held.clear();
            } else if self.held.len() == length {
                let headers = self.number(4).unwrap_or(0);
                let payload = PRELUDE.saturating_add(headers)..length - CHECKSUM;
                message(self.held.get(payload).unwrap_or_default());
                self.held.clear();
            }
        }
        !self.unread
    }

    /// How many bytes of memory it takes to hold an unfinished message.
    pub fn memory(&self) -> usize {
        self.held.capacity()
    }

    /// The length of the message that is held, once its prelude is there.
    fn length(&self) -> Option<usize> {
        (self.held.len() >= PRELUDE).then(|| self.number(0))?
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = self.held.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_be_bytes(*bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(PRELUDE + headers.len() + payload.len() + CHECKSUM).unwrap();
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(payload);
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn every_cut_gives_the_same() {
        let long = "x".repeat(100);
        let stream = [
            message(b"", b"{\"a\":1}"),
            message(b"header", b""),
            message(b"h", long.as_bytes()),
            message(b"header", b"{}"),
        ]
        .concat();
        for (limit, readable, expected) in [
            (1000, true, vec!["{\"a\":1}", "", &long, "{}"]),
            // What comes behind a message too long is still read.
            (64, false, vec!["{\"a\":1}", "", "{}"]),
        ] {
            for size in 1..stream.len() {
                let mut reader = Reader::new(limit);
                let (mut seen, mut all) = (Vec::new(), true);
                for chunk in stream.chunks(size) {
                    all = reader.feed(chunk, |payload| {
                        seen.push(String::from_utf8(payload.to_vec()).unwrap());
                    });
                }
                assert_eq!(
                    (&seen, all),
                    (
                        &expected.iter().map(|s| (*s).to_owned()).collect(),
                        readable
                    ),
                    "chunks of {size}"
                );
            }
        }
    }

    #[test]
    fn nonsense_is_given_up() {
        for stream in [&[0; 64][..], &[255; 64], b"data: {}\n\ndata: {}\n\n"] {
            let mut reader = Reader::new(1000);
            assert!(!reader.feed(stream, |_| panic!("no message")), "{stream:?}");
            assert!(reader.held.is_empty());
        }
    }
}
