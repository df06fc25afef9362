//! The response body: pieces that leave in separate writes, with waits between them,
//! ending in trailers or in a reset.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Frame;
use tokio::time::Sleep;

/// The wait before a reset. HTTP/2 drops what is still queued when a stream is reset, so
/// the bytes before the reset need a moment to leave.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// A response body.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// What is still to be sent.
    pub(crate) pieces: VecDeque<Bytes>,
    /// The wait between pieces.
    pub(crate) delay: Duration,
    /// Whether the end is a reset.
    pub(crate) reset: bool,
    /// What follows the last piece.
    pub(crate) trailers: Option<HeaderMap>,
    pause: Option<Pause>,
}

#[derive(Debug)]
enum Pause {
    /// One turn without data makes hyper flush what it has.
    Turn,
    Sleep(Pin<Box<Sleep>>),
}

impl Body {
    /// A body of these pieces, of which empty ones are left out.
    pub(crate) fn new(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            pieces: pieces.into_iter().filter(|p| !p.is_empty()).collect(),
            ..Self::default()
        }
    }

    /// How many bytes are still to be sent.
    pub(crate) fn remaining(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Makes every piece `size` bytes long, except for the last one.
    pub(crate) fn cut(&mut self, size: usize) {
        let mut whole = self.take_whole();
        while whole.len() > size {
            self.pieces.push_back(whole.split_to(size));
        }
        if !whole.is_empty() {
            self.pieces.push_back(whole);
        }
    }

    /// Ends with a reset after `sent` bytes, or after all when there are fewer.
    pub(crate) fn reset_after(&mut self, sent: usize) {
        let mut left = sent;
        self.pieces.retain_mut(|piece| {
            piece.truncate(left);
            left -= piece.len();
            !piece.is_empty()
        });
        self.reset = true;
        self.trailers = None;
        if self.pieces.is_empty() {
            self.pause = Some(self.pause_before_next());
        }
    }

    fn take_whole(&mut self) -> Bytes {
        let pieces = std::mem::take(&mut self.pieces);
        if pieces.len() == 1 {
            return pieces.into_iter().next().unwrap_or_default();
        }
        Vec::from(pieces).concat().into()
    }

    fn pause_before_next(&self) -> Pause {
        let delay = if self.pieces.is_empty() {
            self.delay.max(BEFORE_RESET)
        } else {
            self.delay
        };
        if delay.is_zero() {
            Pause::Turn
        } else {
            Pause::Sleep(Box::pin(tokio::time::sleep(delay)))
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.pause {
            Some(Pause::Turn) => {
                self.pause = None;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Pause::Sleep(sleep)) => match sleep.as_mut().poll(cx) {
                Poll::Ready(()) => self.pause = None,
                Poll::Pending => return Poll::Pending,
            },
            None => {}
        }
        if let Some(piece) = self.pieces.pop_front() {
            if self.reset || !self.pieces.is_empty() {
                self.pause = Some(self.pause_before_next());
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.reset {
            return Poll::Ready(Some(Err(io::Error::other("reset as scripted"))));
        }
        Poll::Ready(self.trailers.take().map(|t| Ok(Frame::trailers(t))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && !self.reset && self.trailers.is_none()
    }
}
