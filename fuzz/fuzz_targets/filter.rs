//! Any text is a filter or a mistake with a place, and soon.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = filter::tree(text) {
        assert_eq!(error.code(), "bad-filter");
        let place = error.message().rsplit(' ').next().and_then(|word| word.parse::<usize>().ok());
        assert!(place.is_some_and(|place| place <= text.chars().count() + 1), "{}", error.message());
    }
});
