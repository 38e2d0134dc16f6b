//! Which state may follow which.
//!
//! Source: the operations of Helm 4.3.1, their failures among them, and the takeover of an abandoned operation.
//!
//! Invariant: a state may always be written again (hooks and descriptions change without it); every other change of state
//! is a row of [`TABLE`].

use super::Status::{
    self, Deployed, Failed, PendingInstall, PendingRollback, PendingUpgrade, Superseded, Uninstalled,
    Uninstalling, Unknown,
};

/// A change of state: from (`None` for a new record), to, and what does that.
pub type Transition = (Option<Status>, Status, &'static str);

/// Every change of state that an operation makes.
pub const TABLE: &[Transition] = &[
    (None, PendingInstall, "install begins"),
    (None, PendingUpgrade, "upgrade begins"),
    (None, PendingRollback, "rollback begins"),
    (Some(PendingInstall), Deployed, "install ends"),
    (Some(PendingInstall), Failed, "install fails, or was abandoned"),
    (Some(PendingUpgrade), Deployed, "upgrade ends"),
    (Some(PendingUpgrade), Failed, "upgrade fails, or was abandoned"),
    (Some(PendingRollback), Deployed, "rollback ends"),
    (Some(PendingRollback), Failed, "rollback fails, or was abandoned"),
    (Some(Deployed), Superseded, "a later revision is deployed"),
    (Some(Failed), Superseded, "an upgrade of a failed revision ends; a rollback away from it fails"),
    (Some(Uninstalled), Superseded, "install --replace"),
    (Some(Unknown), Superseded, "a rollback away from it fails"),
    (Some(Uninstalling), Superseded, "a rollback away from it fails"),
    (Some(PendingInstall), Superseded, "a rollback away from it fails"),
    (Some(PendingUpgrade), Superseded, "a rollback away from it fails"),
    (Some(PendingRollback), Superseded, "a rollback away from it fails"),
    (Some(Deployed), Uninstalling, "uninstall begins"),
    (Some(Failed), Uninstalling, "uninstall begins"),
    (Some(Superseded), Uninstalling, "uninstall begins"),
    (Some(Unknown), Uninstalling, "uninstall begins"),
    (Some(PendingInstall), Uninstalling, "uninstall begins"),
    (Some(PendingUpgrade), Uninstalling, "uninstall begins"),
    (Some(PendingRollback), Uninstalling, "uninstall begins"),
    (Some(Uninstalling), Uninstalled, "uninstall --keep-history ends"),
];

/// Whether a record may go from one state to another.
pub fn is_legal(from: Option<Status>, to: Status) -> bool {
    from == Some(to) || TABLE.iter().any(|(before, after, _)| (*before, *after) == (from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_no_row_twice() {
        for (at, (from, to, _)) in TABLE.iter().enumerate() {
            assert!(TABLE[at + 1..].iter().all(|(before, after, _)| (before, after) != (from, to)));
        }
    }

    #[test]
    fn every_operation_has_its_path() {
        let path = |states: &[Status]| {
            let starts = is_legal(None, states[0]);
            starts && states.windows(2).all(|pair| is_legal(Some(pair[0]), pair[1]))
        };
        assert!(path(&[PendingInstall, Deployed, Superseded]));
        assert!(path(&[PendingInstall, Failed, Uninstalling, Uninstalled, Superseded]));
        assert!(path(&[PendingUpgrade, Deployed, Deployed, Uninstalling, Uninstalled]));
        assert!(path(&[PendingUpgrade, Failed, Superseded]));
        assert!(path(&[PendingRollback, Failed]));
        assert!(path(&[PendingRollback, PendingRollback]));
    }

    #[test]
    fn nothing_comes_back_to_life() {
        for to in Status::ALL {
            assert_eq!(is_legal(Some(Superseded), to), matches!(to, Superseded | Uninstalling), "{to}");
            assert_eq!(is_legal(Some(Uninstalled), to), matches!(to, Uninstalled | Superseded), "{to}");
            assert_eq!(is_legal(None, to), to.is_pending(), "{to}");
        }
        for from in Status::ALL {
            assert_eq!(is_legal(Some(from), Deployed), from.is_pending() || from == Deployed, "{from}");
        }
    }
}
