//! Options of the HTTP bridge and of the metrics.
//!
//! Must not: open ports.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum, ValueHint};

use super::values::{number, parse_port, parse_port_or};

/// Default port of the HTTP bridge.
const HTTP_PORT: u16 = 8080;

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct HttpOptions {
    /// Additional protocol to serve: "http" accepts jobs over HTTP.
    #[arg(short = 'r', long, value_name = "NAME", ignore_case = true, hide_possible_values = true)]
    pub(crate) protocol: Option<Protocol>,

    /// Port for jobs over HTTP (--protocol=http), as a number or a service name.
    #[arg(long, value_name = "PORT", default_value_t = HTTP_PORT)]
    #[arg(value_parser = parse_port_or::<HTTP_PORT>)]
    pub(crate) http_port: u16,

    /// Address or host name to listen on for HTTP, metrics included; may be given
    /// more than once. Default: the addresses of --listen.
    #[arg(long, value_name = "ADDRESS", value_parser = NonEmptyStringValueParser::new())]
    #[arg(value_hint = ValueHint::Hostname)]
    pub(crate) http_listen: Vec<String>,

    /// Port for /metrics, /healthz and /readyz over HTTP, as a number or a service
    /// name; 0 picks a free port. Default: they are not served.
    #[arg(long, value_name = "PORT", value_parser = parse_port)]
    pub(crate) metrics_port: Option<u16>,

    /// Functions with metrics of their own: those that exist longest. All others are summed up
    /// under the name "(other)".
    #[arg(long = "metrics-functions", value_name = "NUMBER", default_value_t = 10_000)]
    #[arg(value_parser = number(0..=usize::MAX, "functions"))]
    pub(crate) metrics_functions_max: usize,
}

/// A protocol beside Gearman's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Http,
    /// What an empty word selects.
    #[value(name = "", hide = true)]
    Nothing,
}
