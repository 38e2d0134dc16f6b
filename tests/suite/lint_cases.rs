//! Lint by cases: what Helm 4.3.1 prints for small charts with one thing wrong each, and what we print.

use crate::support::cases;

#[test]
fn cases_of_lint() {
    cases::check("lint");
}
