//! Files as people bring them: read, typed, refused with a line number, written and read again.

use std::{fs, path::PathBuf};

use base::{Result, Unwatched};
use ports::table::{ColumnType, Format, Profile, Table, Tables, Values};

/// A directory and a file in it.
fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table");
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

fn profile(bytes: &[u8]) -> Result<Profile> {
    let (_dir, path) = file(bytes);
    super::open().profile(Format::Csv, &path, &Unwatched)
}

fn table(bytes: &[u8]) -> Table {
    let (_dir, path) = file(bytes);
    let profile = super::open().profile(Format::Csv, &path, &Unwatched).unwrap();
    super::open().read(Format::Csv, &path, &profile, 0..profile.rows).unwrap()
}

fn texts(table: &Table, at: usize) -> Vec<&str> {
    let Values::Texts { codes, distinct } = &table.columns[at].values else {
        panic!("no texts");
    };
    codes.iter().map(|it| it.map_or("-", |code| distinct[code as usize].as_str())).collect()
}

#[test]
fn bad_files_are_refused_with_the_line() {
    for (bytes, code, message) in [
        (&b""[..], "table-empty", "no header"),
        (b"a,b\n", "table-empty", "no row"),
        (b"\n\n", "table-empty", "no header"),
        (b"a,b\n1,2\n3\n", "table-ragged", "line 3 has 1 cells"),
        (b"a,b\r\n1,2\r\n1,2,3\r\n", "table-ragged", "line 3 has 3 cells"),
        (b"a,b\n\"x\ny\",2\n\n1\n", "table-ragged", "line 5"),
        (b"a,b\n1,2\n\xff\xfe,2\n", "table-not-utf8", "line 3"),
        (b"a,\xe4\n1,2\n", "table-not-utf8", "line 1"),
        // UTF-16, as spreadsheets save it.
        (b"\xff\xfea\0,\0b\0\n\0", "table-not-utf8", "line 1"),
        (b"a,b, a\n1,2,3\n", "table-duplicate-column", "`a`"),
    ] {
        let error = profile(bytes).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(message), "{error}");
    }
    let wide = vec!["x"; super::COLUMNS_MAX + 1].join(",");
    assert_eq!(profile(wide.as_bytes()).unwrap_err().code(), "table-too-wide");
}

#[test]
fn a_quote_that_never_closes_does_not_fill_the_memory() {
    let mut bytes = b"a,b\n1,\"".to_vec();
    bytes.resize(40 << 20, b'x');
    let error = profile(&bytes).unwrap_err();
    assert_eq!(error.code(), "table-unreadable");
    assert!(error.message().contains("line 2"), "{error}");
}

#[test]
fn marks_quotes_and_line_ends_are_understood() {
    let it =
        table(b"\xef\xbb\xbfname,note\r\n\"a, b\",\"two\r\nlines\"\r\nc,\"say \"\"hi\"\"\"\r\n\r\n , ?\r\n");
    assert_eq!(it.columns[0].name, "name");
    assert_eq!(it.rows, 3);
    assert_eq!(texts(&it, 0), ["a, b", "c", "-"]);
    assert_eq!(texts(&it, 1), ["two\r\nlines", "say \"hi\"", "-"]);
}

#[test]
fn columns_have_the_type_of_all_their_values() {
    let it =
        profile(b",n,f,b,t,z,m\n1,1,1,true,2024-01-01,01234,1\n2,,2.5,FALSE,2024-01-02T10:00:00Z,99999,x\n")
            .unwrap();
    let kinds: Vec<ColumnType> = it.columns.iter().map(|it| it.kind).collect();
    use ColumnType::{Boolean, Integer, Number, Text, Time};
    assert_eq!(kinds, [Integer, Integer, Number, Boolean, Time, Text, Text]);
    assert_eq!(it.columns[0].name, "column_1");
    assert_eq!((it.columns[1].count, it.columns[1].missing), (1, 1));
    assert_eq!(it.columns[3].mean, Some(0.5));
}

#[test]
fn a_range_of_rows_is_read() {
    let (_dir, path) = file(b"a\n1\n2\n3\n4\n");
    let tables = super::open();
    let profile = tables.profile(Format::Csv, &path, &Unwatched).unwrap();
    for (range, wanted) in [(1..3, vec![2.0, 3.0]), (3..9, vec![4.0]), (7..9, vec![])] {
        let it = tables.read(Format::Csv, &path, &profile, range).unwrap();
        let Values::Numbers(numbers) = &it.columns[0].values else {
            panic!("no numbers");
        };
        assert_eq!((it.rows, numbers), (wanted.len(), &wanted));
    }
}

#[test]
fn what_is_written_is_read_again_in_both_formats() {
    let before = table(
        b"i,n,b,t,x\n1,1.5,true,2024-05-06,a\n,,,,\n-3,2.25e10,false,1969-12-31T23:59:59.5Z,\"b, \"\"c\"\"\n\"\n",
    );
    let dir = tempfile::tempdir().unwrap();
    for format in [Format::Csv, Format::Parquet] {
        let path = dir.path().join("again");
        let tables = super::open();
        tables.write(format, &before, &path).unwrap();
        let profile = tables.profile(format, &path, &Unwatched).unwrap();
        let after = tables.read(format, &path, &profile, 0..10).unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"), "{format:?}");
        let part = tables.read(format, &path, &profile, 2..3).unwrap();
        assert_eq!((part.rows, texts(&part, 4)), (1, vec!["b, \"c\""]));
    }
}

#[test]
fn a_parquet_file_that_is_none_is_refused() {
    let (_dir, path) = file(b"PAR1 but no more");
    let error = super::open().profile(Format::Parquet, &path, &Unwatched).unwrap_err();
    assert_eq!(error.code(), "table-unreadable");
}

#[test]
fn what_is_scanned_and_appended_is_what_was_there() {
    let rows: String = (0..20_000).map(|i| format!("{i},{}\n", if i % 3 == 0 { "" } else { "x" })).collect();
    let (dir, path) = file(format!("a,b\n{rows}").as_bytes());
    let engine = super::open();
    let profile = engine.profile(Format::Csv, &path, &Unwatched).unwrap();
    for format in [Format::Csv, Format::Parquet] {
        let again = dir.path().join("again");
        let mut writing = engine.begin(format, Box::new(fs::File::create(&again).unwrap()));
        let mut batches = 0;
        engine
            .scan((Format::Csv, &path), &profile, &Unwatched, &mut |table| {
                batches += 1;
                writing.append(&table)
            })
            .unwrap();
        writing.finish().unwrap();
        assert!(batches > 2, "{batches} batches");
        let found = engine.profile(format, &again, &Unwatched).unwrap();
        assert_eq!(found.rows, 20_000);
        assert_eq!(found.columns[0].max, Some(19_999.0));
        assert_eq!(found.columns[1].missing, 6_667);
        let mut count = 0;
        engine
            .scan((format, &again), &found, &Unwatched, &mut |table| {
                count += table.rows;
                Ok(())
            })
            .unwrap();
        assert_eq!(count, 20_000);
    }
}
