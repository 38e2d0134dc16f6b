//! Packs the relocations of the program where the system's loader can unpack them: of its 50,000 entries each then costs
//! a bit instead of 24 bytes, which is a sixteenth of the file, and less to read at every start.
//!
//! Invariant: a program that is built here starts here. The packed form (DT_RELR) is asked for only when the C library
//! that this very build script runs with says that it knows it, and the program is for this machine.

use std::env;
use std::fs;

/// The version that a C library declares when it can read packed relocations, and that the linker makes programs ask for.
const MARK: &[u8] = b"GLIBC_ABI_DT_RELR";

fn main() {
    println!("cargo::rerun-if-changed=.cargo/build.rs");
    let native = env::var_os("HOST") == env::var_os("TARGET");
    if native && loader_unpacks() {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the C library of this process has [`MARK`]; false on systems without glibc, or where nothing tells its file.
fn loader_unpacks() -> bool {
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else { return false };
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..]));
    let Some(library) = paths.into_iter().find(|path| path.ends_with("/libc.so.6")) else { return false };
    fs::read(library).is_ok_and(|bytes| bytes.windows(MARK.len()).any(|part| part == MARK))
}
