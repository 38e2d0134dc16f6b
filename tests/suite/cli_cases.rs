//! The command line by cases: what is typed, what is printed, how it ends.

use crate::support::cases;

#[test]
fn cases_of_the_command_line() {
    cases::check("cli");
}
