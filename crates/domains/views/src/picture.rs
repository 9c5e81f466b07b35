//! What a picture is, by its own bytes, and whether it can do anything but be looked at.

use kernel::prelude::*;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// What a picture is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its media type.
    pub media: &'static str,
    /// Its width and height, where its bytes tell.
    pub size: Option<(u32, u32)>,
}

/// The largest width or height.
const EDGE_MAX: u32 = 8_192;

/// Says what bytes are.
///
/// # Errors
/// `picture-refused` (422) where they are no PNG, WebP or SVG, or an SVG that can do more than be looked at.
pub fn read(bytes: &[u8]) -> Result<Picture> {
    let found = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        png(bytes)?
    } else if bytes.len() > 16 && bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WEBP" {
        Picture { media: "image/webp", size: webp(bytes) }
    } else {
        svg(bytes)?;
        Picture { media: "image/svg+xml", size: None }
    };
    match found.size {
        Some((width, height)) if width.max(height) > EDGE_MAX || width.min(height) == 0 => {
            Err(refused(format!("{width} by {height} pixels are too many or none")))
        }
        _ => Ok(found),
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::invalid("picture-refused", why).hint("send a PNG, a WebP, or an SVG of shapes and texts alone")
}

fn png(bytes: &[u8]) -> Result<Picture> {
    let number =
        |at: usize| -> Option<u32> { Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)) };
    match (bytes.get(12..16), number(16), number(20)) {
        (Some(b"IHDR"), Some(width), Some(height)) => {
            Ok(Picture { media: "image/png", size: Some((width, height)) })
        }
        _ => Err(refused("this begins like a PNG and is none")),
    }
}

/// The size a WebP tells: that of its canvas, or of its lossy or lossless picture.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let byte = |at: usize| bytes.get(at).map(|byte| u32::from(*byte));
    match bytes.get(12..16)? {
        b"VP8X" => {
            let edge = |at| Some(1 + (byte(at)? | byte(at + 1)? << 8 | byte(at + 2)? << 16));
            Some((edge(24)?, edge(27)?))
        }
        b"VP8 " => Some(((byte(26)? | byte(27)? << 8) & 0x3fff, (byte(28)? | byte(29)? << 8) & 0x3fff)),
        b"VP8L" => {
            let bits = byte(21)? | byte(22)? << 8 | byte(23)? << 16 | byte(24)? << 24;
            Some((1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff)))
        }
        _ => None,
    }
}

/// Elements that are only looked at.
const ELEMENTS: [&str; 29] = [
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "title",
    "desc",
    "defs",
    "use",
    "symbol",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
    "pattern",
    "marker",
    "metadata",
    "filter",
    "feGaussianBlur",
    "feOffset",
    "feMerge",
    "feMergeNode",
];
/// The namespace by which an SVG is one.
const NAMESPACE: &str = "http://www.w3.org/2000/svg";
/// How deep elements may lie in one another.
const DEPTH_MAX: usize = 64;
/// How many there may be.
const ELEMENTS_MAX: usize = 10_000;

/// Refuses an SVG with anything that is not known to be harmless: what is not on the list is not let in.
fn svg(bytes: &[u8]) -> Result<()> {
    let text = std::str::from_utf8(bytes).map_err(|_| refused("this is no picture that is known here"))?;
    let mut reader = Reader::from_str(text);
    let (mut depth, mut count) = (0_usize, 0_usize);
    loop {
        match reader.read_event().map_err(|error| refused(format!("this is no SVG: {error}")))? {
            Event::Start(start) => {
                element(&start, count == 0)?;
                (depth, count) = (depth + 1, count + 1);
            }
            Event::Empty(start) => {
                element(&start, count == 0)?;
                count += 1;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Eof if count > 0 && depth == 0 => return Ok(()),
            Event::Eof => return Err(refused("this is no SVG: it does not end")),
            Event::DocType(_) => return Err(refused("an SVG has no document type here")),
            Event::PI(_) => return Err(refused("an SVG has no processing instructions here")),
            Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::GeneralRef(_) => {}
        }
        if depth > DEPTH_MAX || count > ELEMENTS_MAX {
            return Err(refused("the SVG is too large or too deep"));
        }
    }
}

fn element(start: &BytesStart<'_>, is_first: bool) -> Result<()> {
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    if (is_first && name != "svg") || !ELEMENTS.contains(&name.as_str()) {
        return Err(refused(format!("an SVG has no element `{}` here", crate::short(&name))));
    }
    let mut is_named = false;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| refused(format!("this is no SVG: {error}")))?;
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let value = String::from_utf8_lossy(&attribute.value).into_owned();
        is_named = is_named || (key == "xmlns" && value == NAMESPACE);
        if !harmless(&key, &value) {
            let key = crate::short(&key);
            return Err(refused(format!("an SVG has no such attribute `{key}` here")));
        }
    }
    if is_first && !is_named {
        return Err(refused(format!("without `xmlns=\"{NAMESPACE}\"` no browser takes it for a picture")));
    }
    Ok(())
}

/// Whether an attribute neither runs nor fetches anything.
fn harmless(key: &str, value: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let local = lower.rsplit(':').next().unwrap_or_default();
    // Written out: entities and escapes can hide what a value says, so neither may stand where one matters.
    let plain: String =
        value.to_ascii_lowercase().chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    if local == "href" {
        return value.starts_with('#');
    }
    if lower.starts_with("xmlns") {
        return true;
    }
    let fetches =
        plain.split("url(").skip(1).any(|rest| !rest.trim_start_matches(['"', '\'']).starts_with('#'));
    let runs =
        local.starts_with("on") || local == "base" || plain.contains("script:") || plain.contains("data:");
    let hides = plain.contains('&')
        || plain.contains('\\')
        || plain.contains("@import")
        || plain.contains("expression(");
    !(fetches || runs || hides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_is_let_in() {
        let drawing = br##"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">
            <defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient></defs>
            <g style="fill: url(#g)"><path d="M0 0h8v8z"/><use href="#g"/></g><text>AIC</text></svg>"##;
        assert_eq!(read(drawing).unwrap().media, "image/svg+xml");
    }

    #[test]
    fn what_can_do_more_than_be_looked_at_is_refused() {
        for inside in [
            "<script>alert(1)</script>",
            "<g onload='alert(1)'/>",
            "<a href='javascript:alert(1)'><text>x</text></a>",
            "<use href='https://elsewhere.example/x.svg#a'/>",
            "<use xlink:href='data:image/svg+xml;base64,AAAA'/>",
            "<image href='https://elsewhere.example/x.png'/>",
            "<foreignObject><body/></foreignObject>",
            "<style>@import url(https://elsewhere.example)</style>",
            "<rect style='fill: url(https://elsewhere.example/x)'/>",
            "<rect style='fill: u\\72l(https://elsewhere.example/x)'/>",
            "<rect fill='&#117;rl(https://elsewhere.example/x)'/>",
            "<set attributeName='href' to='javascript:alert(1)'/>",
            "<rect",
        ] {
            let text = format!(
                "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>{inside}</svg>"
            );
            assert_eq!(read(text.as_bytes()).unwrap_err().code(), "picture-refused", "{inside}");
        }
        let entity = "<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><svg>&x;</svg>";
        assert!(read(entity.as_bytes()).is_err());
        assert!(read(b"<html/>").is_err());
        assert!(read(b"").is_err());
        assert!(read(b"\x89PNG\r\n\x1a\nshort").is_err());
    }

    #[test]
    fn sizes_are_read_from_the_bytes() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([0, 0, 1, 0, 0, 0, 0, 64, 8, 6, 0, 0, 0]);
        assert_eq!(read(&png).unwrap().size, Some((256, 64)));
        png[18] = 255;
        assert!(read(&png).is_err());
        let mut webp = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        webp.extend([99, 0, 0, 49, 0, 0]);
        assert_eq!(read(&webp).unwrap(), Picture { media: "image/webp", size: Some((100, 50)) });
    }
}
