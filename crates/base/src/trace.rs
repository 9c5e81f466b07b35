//! The trace a call belongs to, and the span of whoever calls: W3C Trace Context's `traceparent`.

use std::{fmt, sync::Arc};

/// A trace, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    id: Option<Arc<str>>,
    /// The caller's span in it, where that was told.
    pub parent: Option<TraceParent>,
}

impl Trace {
    /// Reads the header's value. What tells a trace is kept even where it tells no span.
    pub fn parse(text: &str) -> Self {
        let id = text.split('-').nth(1);
        let id = id.filter(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        Self { id: id.map(Arc::from), parent: TraceParent::parse(text) }
    }
}

/// The trace's identifier, or nothing.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id.as_deref().unwrap_or_default())
    }
}

/// The span of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: u128,
    /// The span in it.
    pub span: u64,
    /// Whether the caller keeps its own span.
    pub is_sampled: bool,
}

impl TraceParent {
    /// Reads the header's value; nothing for what is none, which counts as no parent.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = hex(parts.next()?, 16)?;
        let flags = hex(parts.next()?, 2)?;
        // A later version may say more behind what this one knows; 255 is none.
        let is_whole = version != 0xff && (version > 0 || parts.next().is_none());
        let told = Self { trace, span: span as u64, is_sampled: flags & 1 == 1 };
        (is_whole && trace != 0 && span != 0).then_some(told)
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_plain = text.len() == digits && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    if is_plain { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_kept_where_its_span_is_none() {
        let told = Trace::parse("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01");
        assert_eq!((told.to_string().len(), told.parent), (32, None));
        assert_eq!(Trace::parse("00-short-b7ad6b7169203331-01"), Trace::default());
        assert_eq!(Trace::default().to_string(), "");
    }

    #[test]
    fn a_parent_is_read_or_none() {
        let told = TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!(told.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!((told.span, told.is_sampled), (0xb7ad_6b71_6920_3331, true));
        let not = TraceParent::parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more").unwrap();
        assert!(!not.is_sampled);
        for none in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c8031\u{e9}-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(none), None, "{none}");
        }
    }
}
