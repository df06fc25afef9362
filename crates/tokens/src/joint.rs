//! Where encodings of parts of a piece are joined.

/// A joint: the tokens before it are neighbours that stay apart. Whether the piece's encoding
/// has a border here shows in the tokens that follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Joint {
    /// Bytes before it.
    pub(crate) at: usize,
    /// The rank of the token before, if any.
    pub(crate) last: Option<u32>,
    /// Tokens before it.
    pub(crate) count: u64,
}
