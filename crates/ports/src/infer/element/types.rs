//! The types one by one: how each is read and written, as bytes and as JSON.

use base::{Error, Result};
use half::{bf16, f16};
use serde_json::{Value, json};

use super::{Datatype, Element, Elements};

/// Where elements of a type are kept.
macro_rules! place {
    ($kind:ident) => {
        const DATATYPE: Datatype = Datatype::$kind;

        fn list(values: Vec<Self>) -> Elements {
            Elements::$kind(values)
        }

        fn of(elements: &Elements) -> Option<&[Self]> {
            if let Elements::$kind(values) = elements { Some(values) } else { None }
        }

        fn taken(elements: Elements) -> Option<Vec<Self>> {
            if let Elements::$kind(values) = elements { Some(values) } else { None }
        }
    };
}

/// How numbers are read and written, each as so many bytes.
macro_rules! bytes {
    () => {
        fn read(bytes: &[u8], count: usize) -> Result<Vec<Self>> {
            let (chunks, rest) = bytes.as_chunks::<{ size_of::<Self>() }>();
            if chunks.len() != count || !rest.is_empty() {
                return Err(cut(count, bytes.len()));
            }
            Ok(chunks.iter().map(|it| Self::from_le_bytes(*it)).collect())
        }

        fn write(&self, bytes: &mut Vec<u8>) {
            bytes.extend(self.to_le_bytes());
        }
    };
}

macro_rules! integers {
    ($($kind:ident($element:ty);)*) => {$(
        impl Element for $element {
            place!($kind);
            bytes!();

            fn number(&self) -> f64 {
                *self as f64
            }

            fn json(&self) -> Value {
                json!(self)
            }

            fn from_json(value: &Value) -> Option<Self> {
                match value.as_i64() {
                    Some(number) => Self::try_from(number).ok(),
                    None => Self::try_from(value.as_u64()?).ok(),
                }
            }

            fn from_cell(value: &Value) -> Option<Self> {
                let whole = |number: f64| {
                    let cast = number as Self;
                    // Beyond the type's range a cast stays at its end, which is another number.
                    (number.fract() == 0.0 && i128::from(cast) == number as i128).then_some(cast)
                };
                match value {
                    Value::Number(number) => Self::from_json(value).or_else(|| whole(number.as_f64()?)),
                    Value::Bool(value) => Some(Self::from(*value)),
                    Value::String(text) => {
                        let text = text.trim();
                        text.parse().ok().or_else(|| whole(text.parse().ok()?))
                    }
                    Value::Null | Value::Array(_) | Value::Object(_) => None,
                }
            }
        }
    )*};
}

integers! {
    Int8(i8);
    Int16(i16);
    Int32(i32);
    Int64(i64);
    Uint8(u8);
    Uint16(u16);
    Uint32(u32);
    Uint64(u64);
}

macro_rules! floats {
    ($($kind:ident($element:ty): $narrow:expr;)*) => {$(
        impl Element for $element {
            place!($kind);
            bytes!();

            fn number(&self) -> f64 {
                f64::from(*self)
            }

            fn json(&self) -> Value {
                let number = self.number();
                if number.is_finite() { json!(number) } else { Value::Null }
            }

            fn from_json(value: &Value) -> Option<Self> {
                let narrow: fn(f64) -> Self = $narrow;
                if value.is_null() { Some(narrow(f64::NAN)) } else { value.as_f64().map(narrow) }
            }

            fn from_cell(value: &Value) -> Option<Self> {
                let narrow: fn(f64) -> Self = $narrow;
                match value {
                    Value::Null | Value::Number(_) => Self::from_json(value),
                    Value::Bool(value) => Some(narrow(f64::from(u8::from(*value)))),
                    Value::String(text) if text.is_empty() => Some(narrow(f64::NAN)),
                    Value::String(text) => text.trim().parse().ok().map(narrow),
                    Value::Array(_) | Value::Object(_) => None,
                }
            }
        }
    )*};
}

floats! {
    Fp16(f16): f16::from_f64;
    Bf16(bf16): bf16::from_f64;
    Fp32(f32): |number| number as f32;
    Fp64(f64): |number| number;
}

impl Element for bool {
    place!(Bool);

    fn read(bytes: &[u8], count: usize) -> Result<Vec<Self>> {
        if bytes.len() != count {
            return Err(cut(count, bytes.len()));
        }
        Ok(bytes.iter().map(|byte| *byte != 0).collect())
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }

    fn number(&self) -> f64 {
        f64::from(u8::from(*self))
    }

    fn json(&self) -> Value {
        json!(self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        value.as_bool()
    }

    fn from_cell(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(*value),
            Value::Number(number) => number.as_f64().map(|it| it > 0.5),
            Value::String(text) => match text.trim() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                number => number.parse::<f64>().ok().map(|it| it > 0.5),
            },
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Element for String {
    place!(Bytes);

    fn read(mut bytes: &[u8], count: usize) -> Result<Vec<Self>> {
        let whole = bytes.len();
        let mut texts = Vec::with_capacity(count.min(whole / 4));
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (text, rest) = rest.split_at_checked(length).ok_or_else(|| cut(count, whole))?;
            let text = std::str::from_utf8(text).map_err(|_| {
                Error::invalid("tensor-wrong-type", format!("text {} is no UTF-8", texts.len()))
            })?;
            texts.push(text.to_owned());
            bytes = rest;
        }
        if !bytes.is_empty() || texts.len() != count {
            return Err(cut(count, whole));
        }
        Ok(texts)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        // A text of 4 GiB does not get here: bodies are far smaller.
        bytes.extend((self.len() as u32).to_le_bytes());
        bytes.extend(self.as_bytes());
    }

    fn number(&self) -> f64 {
        self.parse().unwrap_or(f64::NAN)
    }

    fn json(&self) -> Value {
        json!(self)
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::new()),
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn from_cell(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::new()),
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn cut(count: usize, length: usize) -> Error {
    Error::invalid("tensor-wrong-shape", format!("{length} bytes do not hold {count} elements"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_the_number_it_says_or_none() {
        let reads = |text: &str| (i8::from_cell(&json!(text)), u64::from_cell(&json!(text)));
        assert_eq!(reads(" 7 "), (Some(7), Some(7)));
        assert_eq!(reads("7.0"), (Some(7), Some(7)));
        assert_eq!(reads("-1"), (Some(-1), None));
        assert_eq!(reads("200"), (None, Some(200)));
        assert_eq!(reads("18446744073709551615"), (None, Some(u64::MAX)));
        assert_eq!(reads("18446744073709551616"), (None, None));
        assert_eq!(reads("7.5"), (None, None));
        assert_eq!(reads("NaN"), (None, None));
        assert_eq!(i64::from_cell(&json!(9_223_372_036_854_775_808_u64)), None);
        assert_eq!(i64::from_cell(&json!(2_f64.powi(63))), None);
        assert_eq!(i32::from_cell(&Value::Null), None);
        assert!(f64::from_cell(&Value::Null).is_some_and(f64::is_nan));
        assert_eq!(bool::from_cell(&json!("True")), Some(true));
        assert_eq!(f16::from_cell(&json!("0.5")), Some(f16::from_f32(0.5)));
        assert_eq!(String::from_cell(&json!(4)), Some("4".to_owned()));
    }
}
