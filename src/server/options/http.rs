//! ServerOptions of what speaks HTTP: the front end for jobs, and the metrics.
//!
//! Must not: open ports.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use super::values::{parse_port, parse_port_or};

/// The port of the HTTP front end if nothing else is said.
const HTTP_PORT: u16 = 8080;

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct HttpOptions {
    /// Further protocol to speak: http.
    #[arg(short = 'r', long, value_name = "NAME", ignore_case = true, hide_possible_values = true)]
    pub(crate) protocol: Option<Protocol>,

    /// Port of the HTTP front end, by number or as a service.
    #[arg(long, value_name = "PORT", default_value_t = HTTP_PORT)]
    #[arg(value_parser = parse_port_or::<HTTP_PORT>)]
    pub(crate) http_port: u16,

    /// Address or name at which HTTP is spoken, metrics too; may be given more
    /// than once. Default is the addresses of --listen.
    #[arg(long, value_name = "ADDRESS", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) http_listen: Vec<String>,

    /// Port at which /metrics, /healthz and /readyz are answered, by number or as
    /// a service; 0 is any free one. Without it they are nowhere.
    #[arg(long, value_name = "PORT", value_parser = parse_port)]
    pub(crate) metrics_port: Option<u16>,
}

/// What can be spoken beside Gearman's own protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Http,
    /// What an empty word says.
    #[value(name = "")]
    Nothing,
}
