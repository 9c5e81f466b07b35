//! Rust text taken apart just enough: comments and literals blanked out, tests marked.
//!
//! It is no parser. It relies on the compiler having accepted the file.

/// What the checks ask about one file.
pub struct Source {
    /// The text, byte for byte as long, with comments and the insides of literals as blanks.
    pub code: String,
    /// For every line, whether it belongs to a test.
    pub in_test: Vec<bool>,
}

impl Source {
    /// Takes a text apart.
    pub fn of(text: &str, all_tests: bool) -> Self {
        let code = blanked(text);
        let in_test = if all_tests { vec![true; text.lines().count()] } else { test_lines(&code) };
        Self { code, in_test }
    }

    /// How long the file is without its tests, comments included.
    pub fn length(&self) -> usize {
        self.in_test.iter().filter(|test| !**test).count()
    }

    /// Whether this line, counted from 1, belongs to a test.
    pub fn is_test(&self, line: usize) -> bool {
        self.in_test.get(line - 1).copied().unwrap_or(false)
    }
}

/// Blanks comments, strings and characters, and keeps line ends and all offsets.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end == at {
            out.push(if bytes[at].is_ascii() { bytes[at] } else { b' ' });
            at += 1;
        } else {
            // The quotes stay, so that a check sees where a literal stood.
            for (offset, byte) in bytes[at..end].iter().enumerate() {
                let edge = offset == 0 || at + offset + 1 == end;
                let keep = *byte == b'\n' || (edge && *byte == b'"');
                out.push(if keep { *byte } else { b' ' });
            }
            at = end;
        }
    }
    // Only ASCII was kept, and blanks stand for the rest.
    String::from_utf8(out).unwrap_or_default()
}

/// Where the comment or literal that starts here ends; here itself if none starts.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment(rest),
        [b'"', ..] => at + quoted(rest, b'"'),
        [b'r', b'"' | b'#', ..] if !continues_a_word(bytes, at) => at + raw_string(rest),
        [b'\'', b'\\', ..] => at + quoted(rest, b'\''),
        // A character is closed within its few bytes; a lifetime is not.
        [b'\'', ..] => match rest.iter().skip(2).take(4).position(|b| *b == b'\'') {
            Some(offset) if is_one_character(&rest[1..offset + 2]) => at + offset + 3,
            _ => at,
        },
        _ => at,
    }
}

fn is_one_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().count() == 1)
}

/// `br"…"` may start after its `b`, but the `r` of `for"` may not.
fn continues_a_word(bytes: &[u8], at: usize) -> bool {
    let word = |index: usize| bytes[index].is_ascii_alphanumeric() || bytes[index] == b'_';
    at > 0 && word(at - 1) && !(bytes[at - 1] == b'b' && (at < 2 || !word(at - 2)))
}

fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at.min(bytes.len())
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

fn raw_string(bytes: &[u8]) -> usize {
    let hashes = bytes[1..].iter().take_while(|b| **b == b'#').count();
    if bytes.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let inside = 2 + hashes;
    let end = bytes[inside..].windows(close.len()).position(|window| window == close);
    end.map_or(bytes.len(), |offset| inside + offset + close.len())
}

/// Marks items under `#[test]`, `#[cfg(test)]` and their relatives.
fn test_lines(code: &str) -> Vec<bool> {
    let lines: Vec<&str> = code.lines().collect();
    let mut marks = vec![false; lines.len()];
    let mut at = 0;
    while at < lines.len() {
        let end = if starts_a_test(lines[at]) { item_end(&lines, at) } else { at };
        for mark in &mut marks[at..end] {
            *mark = true;
        }
        at = end.max(at + 1);
    }
    marks
}

fn starts_a_test(line: &str) -> bool {
    let line = line.trim_start();
    let attribute = ["#[test]", "#[cfg(test)]", "#[cfg(all(test", "#[tokio::test"];
    attribute.iter().any(|start| line.starts_with(start))
}

/// The line after the item whose attribute stands on line `at`.
fn item_end(lines: &[&str], at: usize) -> usize {
    let mut depth = 0_i64;
    for (offset, line) in lines[at..].iter().enumerate() {
        let mut closed = false;
        for byte in line.bytes() {
            match byte {
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    closed = depth == 0;
                }
                b';' if depth == 0 => closed = true,
                _ => (),
            }
        }
        if closed && depth == 0 {
            return at + offset + 1;
        }
    }
    lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_nothing_moves() {
        let text = "let a = \"todo!()\"; // dbg!\nlet b = r#\"x \" }\"#; /* { /* } */ */ let c = '{';\n";
        let code = blanked(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.lines().count(), 2);
        for word in ["todo", "dbg", "x", "{", "}"] {
            assert!(!code.contains(word), "{word} is left in {code}");
        }
        assert!(code.contains("let c ="));
    }

    #[test]
    fn lifetimes_and_umlauts_are_no_literals() {
        let code = blanked("fn f<'a>(x: &'a str) -> &'a str { x } const Ü: char = 'ü';");
        assert!(code.contains("fn f<'a>(x: &'a str) -> &'a str { x }"));
        assert!(!code.contains('ü'));
    }

    #[test]
    fn tests_do_not_count_and_what_follows_them_does() {
        let text = "fn a() {}\n#[test]\nfn t() {\n    let s = \"}\";\n}\nfn b() {}\n#[cfg(test)]\nmod tests;\nfn c() {}\n";
        let source = Source::of(text, false);
        assert_eq!(source.in_test, [false, true, true, true, true, false, true, true, false]);
        assert_eq!(source.length(), 3);
    }

    #[test]
    fn a_test_module_with_several_attributes_is_one_item() {
        let text =
            "#[cfg(test)]\n#[expect(lint, reason = \"x\")]\nmod tests {\n    fn f() {}\n}\nfn a() {}\n";
        assert_eq!(Source::of(text, false).length(), 1);
    }
}
