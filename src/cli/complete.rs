//! Completion scripts, from the same table as everything else.

use clap_complete::Shell;

use super::error::Failure;
use super::help;
use super::settings::Program;

/// The completion script for a shell.
///
/// # Errors
/// The generator wrote something that is no text; it never has.
pub fn script(program: Program, shell: Shell) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut help::tree(program), program.name(), &mut bytes);
    String::from_utf8(bytes).map_err(|error| Failure::new(format!("cannot make the script: {error}")))
}
