//! Personal data and secrets in texts: found, replaced, put back.
//!
//! - [`Scanner`]: what was asked for, compiled once; scans texts into [`Finding`]s.
//! - [`detectors`]: the table of everything it knows, one entry per kind of value.
//! - [`Placeholders`]: the names that the values of one exchange get instead of themselves.
//! - [`Restorer`]: puts the values back into the answer, also while it streams.
//!
//! Time is linear in the text, whatever the text is; a text without anything to find costs no
//! allocation. Numbers are proved by their check digits, and those whose check is weak only count
//! beside a word that names them. Nothing here knows a language: names and postal addresses have
//! no shape, so they are found only where an introduction, an honorific or the operator's own list
//! gives them away, and a value written out in words is not found at all.
//!
//! ```
//! use weir_pii::{Scanner, Settings};
//!
//! let scanner = Scanner::new(&Settings::default())?;
//! let mut found = Vec::new();
//! scanner.scan("Write to Jane@example.org", None, &mut found);
//! assert_eq!((found[0].kind.name(), found[0].value.as_str()), ("EMAIL", "jane@example.org"));
//! assert_eq!(found[0].span, 9..25);
//! # Ok::<(), weir_pii::SettingError>(())
//! ```

mod bytes;
mod check;
mod custom;
mod find;
mod fold;
mod lists;
mod literals;
mod near;
mod placeholder;
mod resolve;
mod restore;
mod scan;
mod settings;
mod table;

pub use placeholder::{BadName, HashKey, Mark, Naming, Placeholders, Restore};
pub use restore::{Carry, Channel, Depth, Restorer};
pub use scan::{Finding, Scanner};
pub use settings::{Allow, Custom, Kind, SettingError, Settings, Terms, Validator};
pub use table::{Confidence, Detector, Group, detectors};
