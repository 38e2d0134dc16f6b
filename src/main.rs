//! The thin binary: hands the arguments to [`bowline::cli`] and ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    bowline::cli::main()
}
