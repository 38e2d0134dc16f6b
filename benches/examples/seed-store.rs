//! Fills an SQLite store with small releases, for `beside-helm`: `seed-store FILE COUNT`.

use std::path::Path;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(Ok(count))) = (arguments.next(), arguments.next().map(|count| count.parse()))
    else {
        eprintln!("seed-store FILE COUNT");
        std::process::exit(2);
    };
    bowline_benches::fill_store(Path::new(&path), count, 20);
}
