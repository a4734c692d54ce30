//! The table of commands: number, name, fixed arguments, body, sender.
//!
//! A new packet type is one row here; the compiler then reports the matches that lack it.
//!
//! Must not: know what a command means.

/// The side that may send a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A client, which submits jobs and asks for their status.
    Client,
    /// A worker, which registers functions and runs jobs.
    Worker,
    /// The job server.
    Server,
    /// A worker, and the server, which forwards it to clients.
    Both,
    /// A client or a worker.
    Any,
    /// The command has a number, but no implementation sends it.
    Unsent,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The command of this row.
    pub command: Command,
    /// Its name in the protocol's documentation.
    pub name: &'static str,
    /// The number of NUL-separated arguments before the body. Without a body the last
    /// argument is the rest of the payload.
    pub args: usize,
    /// Whether the rest of the payload is a body, which may contain NUL bytes.
    pub body: bool,
    /// The side that may send it.
    pub sender: Sender,
}

macro_rules! commands {
    ($($variant:ident = $number:literal, $name:literal, $args:literal, $body:literal, $sender:ident;)*) => {
        /// A packet type. Its value is its number on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        #[allow(missing_docs)]
        pub enum Command {
            $($variant = $number,)*
        }

        /// The rows of all commands, indexed by number.
        pub const TABLE: &[Spec] = &[
            $(Spec {
                command: Command::$variant,
                name: $name,
                args: $args,
                body: $body,
                sender: Sender::$sender,
            },)*
        ];
    };
}

commands! {
    Text = 0, "TEXT", 0, false, Any;
    CanDo = 1, "CAN_DO", 1, false, Worker;
    CantDo = 2, "CANT_DO", 1, false, Worker;
    ResetAbilities = 3, "RESET_ABILITIES", 0, false, Worker;
    PreSleep = 4, "PRE_SLEEP", 0, false, Worker;
    Unused = 5, "UNUSED", 0, false, Unsent;
    Noop = 6, "NOOP", 0, false, Server;
    SubmitJob = 7, "SUBMIT_JOB", 2, true, Client;
    JobCreated = 8, "JOB_CREATED", 1, false, Server;
    GrabJob = 9, "GRAB_JOB", 0, false, Worker;
    NoJob = 10, "NO_JOB", 0, false, Server;
    JobAssign = 11, "JOB_ASSIGN", 2, true, Server;
    WorkStatus = 12, "WORK_STATUS", 3, false, Both;
    WorkComplete = 13, "WORK_COMPLETE", 1, true, Both;
    WorkFail = 14, "WORK_FAIL", 1, false, Both;
    GetStatus = 15, "GET_STATUS", 1, false, Client;
    EchoReq = 16, "ECHO_REQ", 0, true, Any;
    EchoRes = 17, "ECHO_RES", 0, true, Server;
    SubmitJobBg = 18, "SUBMIT_JOB_BG", 2, true, Client;
    Error = 19, "ERROR", 2, false, Server;
    StatusRes = 20, "STATUS_RES", 5, false, Server;
    SubmitJobHigh = 21, "SUBMIT_JOB_HIGH", 2, true, Client;
    SetClientId = 22, "SET_CLIENT_ID", 1, false, Any;
    CanDoTimeout = 23, "CAN_DO_TIMEOUT", 2, false, Worker;
    AllYours = 24, "ALL_YOURS", 0, false, Unsent;
    WorkException = 25, "WORK_EXCEPTION", 1, true, Both;
    OptionReq = 26, "OPTION_REQ", 1, false, Any;
    OptionRes = 27, "OPTION_RES", 1, false, Server;
    WorkData = 28, "WORK_DATA", 1, true, Both;
    WorkWarning = 29, "WORK_WARNING", 1, true, Both;
    GrabJobUniq = 30, "GRAB_JOB_UNIQ", 0, false, Worker;
    JobAssignUniq = 31, "JOB_ASSIGN_UNIQ", 3, true, Server;
    SubmitJobHighBg = 32, "SUBMIT_JOB_HIGH_BG", 2, true, Client;
    SubmitJobLow = 33, "SUBMIT_JOB_LOW", 2, true, Client;
    SubmitJobLowBg = 34, "SUBMIT_JOB_LOW_BG", 2, true, Client;
    SubmitJobSched = 35, "SUBMIT_JOB_SCHED", 7, true, Unsent;
    SubmitJobEpoch = 36, "SUBMIT_JOB_EPOCH", 3, true, Client;
    SubmitReduceJob = 37, "SUBMIT_REDUCE_JOB", 4, true, Client;
    SubmitReduceJobBackground = 38, "SUBMIT_REDUCE_JOB_BACKGROUND", 4, true, Client;
    GrabJobAll = 39, "GRAB_JOB_ALL", 0, false, Worker;
    JobAssignAll = 40, "JOB_ASSIGN_ALL", 4, true, Server;
    GetStatusUnique = 41, "GET_STATUS_UNIQUE", 1, false, Client;
    StatusResUnique = 42, "STATUS_RES_UNIQUE", 6, false, Server;
}

impl Command {
    /// The command with this number. None for an unknown number.
    pub fn from_number(number: u32) -> Option<Command> {
        TABLE.get(number as usize).map(|spec| spec.command)
    }

    /// The number on the wire.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The row of the command.
    pub fn spec(self) -> &'static Spec {
        &TABLE[self as usize]
    }

    /// The name of the command in the protocol's documentation.
    pub fn name(self) -> &'static str {
        self.spec().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_index_of_its_commands_number() {
        for (index, spec) in TABLE.iter().enumerate() {
            assert_eq!(spec.command.number() as usize, index, "{}", spec.name);
            assert_eq!(Command::from_number(index as u32), Some(spec.command));
        }
        assert_eq!(TABLE.len(), 43);
        assert_eq!(Command::from_number(43), None);
    }

    #[test]
    fn a_command_has_no_more_arguments_than_a_packet_can_hold() {
        assert!(TABLE.iter().all(|s| s.args <= crate::limits::MAX_ARGS));
    }
}
