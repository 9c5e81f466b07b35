//! Parameters as browsers and clients send them: `application/x-www-form-urlencoded`, in a query or a body.

use axum::{body::Body, http::HeaderMap};
use base::{Error, Result};
use face_web::body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

pub use domain_identity::oauth::authorize::Params;

/// The largest form that is read.
const LENGTH_MAX: usize = 64 << 10;
/// The most parameters that are taken.
const PARAMS_MAX: usize = 100;
/// What may stand in a value as it is (RFC 3986 section 2.3).
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn bad(message: String) -> Error {
    Error::bad_request("invalid-request", message)
}

/// Reads parameters.
pub fn parse(text: &str) -> Result<Params> {
    let mut params = Params::new();
    for (i, pair) in text.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        if i >= PARAMS_MAX {
            return Err(bad(format!("more than {PARAMS_MAX} parameters")));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |text: &str| {
            let text = text.replace('+', " ");
            let text = percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned);
            text.map_err(|_| bad("a parameter is not UTF-8".to_owned()))
        };
        params.entry(decoded(name)?).or_default().push(decoded(value)?);
    }
    Ok(params)
}

/// Adds the parameters of a body to those of a query; no name may come in both.
pub async fn add(params: &mut Params, body: Body, headers: &HeaderMap) -> Result<()> {
    let media = body::media(headers);
    let bytes = body::bytes(body, LENGTH_MAX).await?;
    if bytes.is_empty() {
        return Ok(());
    }
    if media != "application/x-www-form-urlencoded" {
        return Err(bad("send a form (`application/x-www-form-urlencoded`)".to_owned()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("the form is not UTF-8".to_owned()))?;
    for (name, values) in parse(text)? {
        if params.contains_key(&name) {
            return Err(bad(format!("`{name}` is given in the address and in the form")).at(name));
        }
        params.insert(name, values);
    }
    Ok(())
}

/// The one value of a parameter; empty when there is none.
pub fn one<'a>(params: &'a Params, name: &str) -> Result<&'a str> {
    match params.get(name).map(Vec::as_slice) {
        None | Some([]) => Ok(""),
        Some([text]) => Ok(text),
        Some(_) => Err(bad(format!("`{name}` is given twice")).at(name)),
    }
}

/// The same, refused when it is missing.
pub fn needed<'a>(params: &'a Params, name: &str) -> Result<&'a str> {
    match one(params, name)? {
        "" => Err(bad(format!("`{name}` is missing")).at(name)),
        text => Ok(text),
    }
}

/// All values of a parameter.
pub fn all(params: &Params, name: &str) -> Vec<String> {
    params.get(name).cloned().unwrap_or_default()
}

/// Parameters as text.
pub fn text(params: &Params) -> String {
    let pairs = params.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// A text as a value in an address.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_the_same() {
        let params = parse("a=1&b=x+y%26z&resource=u&resource=v").unwrap();
        assert_eq!(parse(&text(&params)).unwrap(), params);
        assert_eq!(one(&params, "b").unwrap(), "x y&z");
        assert!(one(&params, "resource").is_err());
        assert!(parse("a=%ff").is_err());
        assert!(parse(&"a=1&".repeat(101)).is_err());
    }
}
