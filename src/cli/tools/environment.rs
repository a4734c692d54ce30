//! What both tools take from the environment: servers, and settings of connections.
//! The variables of TLS are read by the library when it connects.
//!
//! Must not: decide whether an option or a variable counts.

use std::env;
use std::ffi::OsString;

use gearman_engine::environment;
use gearman_engine::settings::Settings;
use gearman_net::KeepaliveTime;

use crate::tools::servers::{self, ServerList};
use crate::tools::usage::invalid_value;

/// The variable whose servers take the place of those of the command line.
pub(crate) const SERVER_VARIABLE: &str = "GEARMAN_SERVER";
/// The variable of the library, whose servers are added to the others.
pub(crate) const SERVERS_VARIABLE: &str = "GEARMAN_SERVERS";

/// The variables, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// GEARMAN_SERVER, if it is set and not empty.
    pub(crate) server: Option<ServerList>,
    /// GEARMAN_SERVERS, if it is set and not empty.
    pub(crate) servers: Option<ServerList>,
    keepalive: KeepaliveTime,
    resubmissions: u16,
}

impl Environment {
    /// Reads the variables.
    ///
    /// # Errors
    /// The name and the value of a variable that cannot be used.
    pub(crate) fn read() -> Result<Environment, String> {
        Ok(Environment {
            server: list(SERVER_VARIABLE, env::var_os(SERVER_VARIABLE))?,
            servers: list(SERVERS_VARIABLE, env::var_os(SERVERS_VARIABLE))?,
            keepalive: environment::keepalive()?.unwrap_or_default(),
            resubmissions: environment::resubmissions()?.unwrap_or_default(),
        })
    }

    /// Sets what is not about servers on a handle.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.keepalive = self.keepalive;
        settings.resubmissions = self.resubmissions;
    }
}

/// The list in a variable. An empty one counts as unset.
fn list(name: &str, value: Option<OsString>) -> Result<Option<ServerList>, String> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    let Ok(text) = value.into_string() else {
        return Err(format!("the value of {name} is not UTF-8"));
    };
    let wrong = |error: String| invalid_value(&text, name, &error);
    servers::parse_list(&text).map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn a_variable_is_a_list_of_servers_and_an_empty_one_is_unset() {
        assert_eq!(list("GEARMAN_SERVER", None), Ok(None));
        assert_eq!(list("GEARMAN_SERVER", Some("".into())), Ok(None));
        assert_eq!(
            list("GEARMAN_SERVER", Some("a:1,b".into())),
            servers::parse_list("a:1,b").map(Some)
        );
        for value in [OsString::from("a:x"), OsString::from_vec(vec![0xff])] {
            let error = list("GEARMAN_SERVER", Some(value)).expect_err("wrong");
            assert!(error.contains("GEARMAN_SERVER"), "{error}");
        }
    }
}
