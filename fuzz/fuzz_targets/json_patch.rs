//! Any patch of any document is answered; and the patch between two documents leads from one to the other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|texts: (&str, &str)| {
    let (Ok(document), Ok(other)) = (serde_json::from_str::<Value>(texts.0), serde_json::from_str::<Value>(texts.1))
    else {
        return;
    };
    let found = serde_json::to_value(patch::between(&document, &other)).expect("a patch is JSON");
    let mut led = document.clone();
    if let Err(error) = patch::apply(&mut led, found) {
        // Documents as deep as the parser allows are too deep to patch.
        assert!(matches!(error.code(), "too-deep" | "too-many-items"), "{}", error.message());
    } else {
        assert_eq!(led, other);
    }
    let mut patched = document.clone();
    let _ = patch::apply(&mut patched, other.clone());
    let mut merged = document;
    patch::merge(&mut merged, &other);
    let once = merged.clone();
    patch::merge(&mut merged, &other);
    assert_eq!(merged, once);
});
