//! What a command needs, and whether its caller has it.
//!
//! Must not: decide; the [`Authority`] does.

use std::sync::Arc;

use gearman_access::{Denial, Permission, Viewer};

use super::Context;

/// What a permission is needed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionTarget<'a> {
    /// This function.
    Function(&'a [u8]),
    /// Some function, whichever.
    Some,
    /// Every function: the command is about the whole server.
    All,
}

/// Decides what the caller of a command may do.
pub trait Authority {
    /// Whether the caller has a permission.
    ///
    /// # Errors
    /// Why not.
    fn check(&mut self, permission: Permission, on: PermissionTarget<'_>) -> Result<(), Denial>;

    /// The functions that the caller may see, unless it may see all.
    fn viewer(&self) -> Option<Viewer>;
}

/// What became of a command, for the audit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommandOutcome {
    /// It only reads, or is not a command.
    #[default]
    Read,
    /// It may have changed something.
    Changed,
    /// It has shown payloads.
    Shown,
    /// It was refused.
    Denied(Denial),
}

/// What a form of a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// To see some function. Lists have only those that the caller may see.
    ViewSome,
    /// A permission on the function that the first value names.
    OnFunction(Permission),
    /// The same, where case is ignored if no function has exactly this name.
    OnFunctionInAnyCase(Permission),
    /// To cancel jobs of the function of the job whose handle is the first value.
    CancelJob,
    /// To administer every function.
    AdminAll,
}

impl Needs {
    /// Whether the caller has what is needed for a call with these values.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check(self, context: &mut Context<'_>, values: &[&[u8]]) -> Result<(), Denial> {
        let Some(authority) = &mut context.authority else { return Ok(()) };
        let first = values.first().copied().unwrap_or_default();
        match self {
            Needs::ViewSome => authority.check(Permission::View, PermissionTarget::Some),
            Needs::OnFunction(permission) => {
                authority.check(permission, PermissionTarget::Function(first))
            }
            Needs::OnFunctionInAnyCase(permission) => {
                let found = context.broker.name_in_any_case(first).unwrap_or(first);
                authority.check(permission, PermissionTarget::Function(found))
            }
            Needs::CancelJob => {
                let function = context.broker.function_of_job(first);
                let target = function.map_or(PermissionTarget::Some, PermissionTarget::Function);
                authority.check(Permission::Cancel, target)
            }
            Needs::AdminAll => authority.check(Permission::Admin, PermissionTarget::All),
        }
    }
}

/// What the reader of a list may see.
#[derive(Clone, Default)]
pub(super) struct ListFilter(Option<Arc<Viewer>>);

impl ListFilter {
    /// The filter for the caller of a command.
    pub(super) fn of(context: &Context<'_>) -> ListFilter {
        let viewer = context.authority.as_ref().and_then(|authority| authority.viewer());
        ListFilter(viewer.map(Arc::new))
    }

    /// Whether a function is shown.
    pub(super) fn shows(&self, function: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|viewer| viewer.sees(function))
    }

    /// Whether everything is shown.
    pub(super) fn shows_all(&self) -> bool {
        self.0.is_none()
    }
}

/// Appends the answer to a refused command.
pub(super) fn refuse(denial: Denial, text: &mut Vec<u8>) {
    let why = denial.to_string().replace(' ', "+");
    text.extend_from_slice(format!("ERR PERMISSION_DENIED {why}\r\n").as_bytes());
}
