//! [`Permission`]: what a rule allows or denies, and sets of permissions.
//!
//! Must not: know which command needs which permission.

/// What a peer may do with a function and its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Submit jobs.
    Submit,
    /// Offer the function, and run its jobs.
    Work,
    /// Cancel jobs.
    Cancel,
    /// See the function, its jobs and its workers.
    View,
    /// Change the function: create, drop, pause, resume, limit. For every function: shut the
    /// server down.
    Admin,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Permission; 5] = [
        Permission::Submit,
        Permission::Work,
        Permission::Cancel,
        Permission::View,
        Permission::Admin,
    ];

    /// The word that the rules have for it.
    pub fn name(self) -> &'static str {
        match self {
            Permission::Submit => "submit",
            Permission::Work => "work",
            Permission::Cancel => "cancel",
            Permission::View => "view",
            Permission::Admin => "admin",
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PermissionSet(u8);

impl PermissionSet {
    /// Every permission.
    pub(crate) const ALL: PermissionSet = PermissionSet(0b1_1111);

    /// Adds a permission.
    pub(crate) fn add(&mut self, permission: Permission) {
        self.0 |= 1 << permission as u8;
    }

    /// Whether a permission is in the set.
    pub(crate) fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether the set is empty.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set of a rule that allows: who may administer may also see and cancel.
    pub(crate) fn with_implied(mut self) -> PermissionSet {
        if self.has(Permission::Admin) {
            self.add(Permission::View);
            self.add(Permission::Cancel);
        }
        self
    }
}
