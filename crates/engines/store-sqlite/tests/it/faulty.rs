//! SQLite's own way to the disk, with two of its calls made to fail on demand: for files below a
//! directory whose name begins with `faulty-`.

#![allow(unsafe_code)]

use std::{
    collections::BTreeMap,
    ffi::{CStr, c_char, c_int, c_void},
    sync::{
        Mutex, Once, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::ffi;

/// What fails just now.
pub struct Faults {
    sync: AtomicBool,
    write: AtomicBool,
}

static FAULTS: Faults = Faults { sync: AtomicBool::new(false), write: AtomicBool::new(false) };

impl Faults {
    /// Whether fsync fails.
    pub fn sync(&self, fails: bool) {
        self.sync.store(fails, Ordering::SeqCst);
    }

    /// Whether writing fails.
    pub fn write(&self, fails: bool) {
        self.write.store(fails, Ordering::SeqCst);
    }
}

type Open = unsafe extern "C" fn(
    *mut ffi::sqlite3_vfs,
    *const c_char,
    *mut ffi::sqlite3_file,
    c_int,
    *mut c_int,
) -> c_int;

type Sync = unsafe extern "C" fn(*mut ffi::sqlite3_file, c_int) -> c_int;
type Write = unsafe extern "C" fn(*mut ffi::sqlite3_file, *const c_void, c_int, i64) -> c_int;

/// The real calls. Files differ in how they lock, but sync and write alike.
static OPEN: OnceLock<Open> = OnceLock::new();
static SYNC: OnceLock<Sync> = OnceLock::new();
static WRITE: OnceLock<Write> = OnceLock::new();

/// A copy of each table of a file's calls, by the address of the real one, with two calls replaced.
static TABLES: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

/// Puts the faulty calls in front of the real ones, for every connection opened from now on.
pub fn register() -> &'static Faults {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the default file system is a valid static; our copy of it lives for ever.
        unsafe {
            ffi::sqlite3_initialize();
            let default = ffi::sqlite3_vfs_find(std::ptr::null());
            let mut ours = *default;
            OPEN.get_or_init(|| ours.xOpen.expect("every file system opens files"));
            ours.zName = c"faulty".as_ptr();
            ours.pNext = std::ptr::null_mut();
            ours.xOpen = Some(open_faulty);
            let ours = Box::leak(Box::new(ours));
            assert_eq!(ffi::sqlite3_vfs_register(ours, 1), ffi::SQLITE_OK);
        }
    });
    &FAULTS
}

unsafe extern "C" fn open_faulty(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let real = OPEN.get().expect("it was set before this could be called");
    // SAFETY: the arguments are SQLite's own, passed on; the file's table is replaced by a copy of it
    // that lives for ever and differs in two calls.
    unsafe {
        let done = real(vfs, name, file, flags, out);
        let ours = !name.is_null() && CStr::from_ptr(name).to_bytes().windows(8).any(|it| it == b"/faulty-");
        if done == ffi::SQLITE_OK && ours && !(*file).pMethods.is_null() {
            (*file).pMethods = changed((*file).pMethods);
        }
        done
    }
}

unsafe fn changed(theirs: *const ffi::sqlite3_io_methods) -> *const ffi::sqlite3_io_methods {
    let mut tables = TABLES.lock().unwrap();
    let copy = tables.entry(theirs as usize).or_insert_with(|| {
        // SAFETY: SQLite's tables are valid statics.
        let mut copy = unsafe { *theirs };
        SYNC.get_or_init(|| copy.xSync.expect("every file syncs"));
        WRITE.get_or_init(|| copy.xWrite.expect("every file writes"));
        copy.xSync = Some(sync);
        copy.xWrite = Some(write);
        Box::leak(Box::new(copy)) as *const ffi::sqlite3_io_methods as usize
    });
    *copy as *const ffi::sqlite3_io_methods
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    if FAULTS.sync.load(Ordering::SeqCst) {
        return ffi::SQLITE_IOERR_FSYNC;
    }
    // SAFETY: the arguments are SQLite's own, passed on.
    unsafe { SYNC.get().expect("a file was opened")(file, flags) }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    count: c_int,
    offset: i64,
) -> c_int {
    if FAULTS.write.load(Ordering::SeqCst) {
        return ffi::SQLITE_IOERR_WRITE;
    }
    // SAFETY: the arguments are SQLite's own, passed on.
    unsafe { WRITE.get().expect("a file was opened")(file, bytes, count, offset) }
}
