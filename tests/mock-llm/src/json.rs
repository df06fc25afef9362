//! JSON text whose members stay in the order in which they were written.
//!
//! `serde_json::Value` sorts members, and its `preserve_order` feature would leak into
//! every other crate of a workspace build. Vendors write their members in a fixed
//! order, and filters that look for the first `model` should meet the same order here.

use std::borrow::Cow;

/// A piece of finished JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Json(Cow<'static, str>);

impl Json {
    /// The JSON `null`.
    pub(crate) const NULL: Self = Self(Cow::Borrowed("null"));

    /// Takes text that is JSON already, as it stands.
    pub(crate) fn verbatim(text: impl Into<Cow<'static, str>>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

/// Anything that can stand as a value.
pub(crate) trait ToJson {
    /// Appends this value's JSON text to `out`.
    fn write(&self, out: &mut String);
}

impl ToJson for Json {
    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl ToJson for str {
    fn write(&self, out: &mut String) {
        out.push_str(&serde_json::to_string(self).unwrap());
    }
}

impl ToJson for String {
    fn write(&self, out: &mut String) {
        self.as_str().write(out);
    }
}

impl ToJson for bool {
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl ToJson for u64 {
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl ToJson for usize {
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl ToJson for f32 {
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn write(&self, out: &mut String) {
        (**self).write(out);
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, out: &mut String) {
        self.as_slice().write(out);
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn write(&self, out: &mut String) {
        self.as_slice().write(out);
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write(&self, out: &mut String) {
        out.push('[');
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            value.write(out);
        }
        out.push(']');
    }
}

/// An object under construction.
pub(crate) struct Object(String);

impl Object {
    /// An object without members.
    pub(crate) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a member.
    pub(crate) fn field(mut self, name: &str, value: impl ToJson) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        name.write(&mut self.0);
        self.0.push(':');
        value.write(&mut self.0);
        self
    }

    /// Adds a member unless there is nothing to add.
    pub(crate) fn field_if(self, name: &str, value: Option<impl ToJson>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// The finished object.
    pub(crate) fn end(mut self) -> Json {
        self.0.push('}');
        Json(self.0.into())
    }
}
