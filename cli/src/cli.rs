//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::{commands::Command, config::Flags};

/// A durable workflow engine with a GraphQL API.
#[derive(Debug, Parser)]
#[command(name = "ctutor", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// Configuration file to read instead of `./ctutor.toml` or `ctutor.toml` in the data directory
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    pub(crate) config: Option<PathBuf>,

    /// Directory for the embedded database and the token secret [default: .ctutor]
    #[arg(long, global = true, value_name = "DIR", help_heading = GLOBAL)]
    data: Option<String>,

    /// Log filter, such as `warn,ctutor=debug`
    #[arg(long, global = true, value_name = "FILTER", help_heading = GLOBAL)]
    log: Option<String>,

    /// Log format: text or json
    #[arg(long, global = true, value_name = "FORMAT", help_heading = GLOBAL)]
    log_format: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const GLOBAL: &str = "Options of all commands";

impl Cli {
    /// The configuration that the flags set.
    pub(crate) fn flags(&self) -> Flags {
        let mut flags = Flags::default();
        flags.set("data", "--data", self.data.as_deref());
        flags.set("log.filter", "--log", self.log.as_deref());
        flags.set("log.format", "--log-format", self.log_format.as_deref());
        self.command.set_flags(&mut flags);
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::{Environment, Loaded};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn load(line: &str) -> Loaded {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        Loaded::load(cli.config.as_deref(), Environment::default(), cli.flags()).unwrap()
    }

    #[test]
    fn flags_reach_the_configuration() {
        let loaded =
            load("ctutor worker start --queues a,b --concurrency 3 --identity w --data /tmp/x --namespace n");
        let worker = &loaded.config.worker;
        assert_eq!(worker.task_queues.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((worker.concurrency.get(), worker.identity.as_deref()), (3, Some("w")));
        assert_eq!((loaded.config.data.to_str(), loaded.config.namespace.as_str()), (Some("/tmp/x"), "n"));
        assert_eq!(loaded.source("worker.concurrency").unwrap().to_string(), "flag --concurrency");
    }

    #[test]
    fn all_that_listen_take_the_address_in_one_or_in_parts() {
        for command in ["dev", "serve", "api"] {
            let loaded = load(&format!("ctutor {command} --listen 127.0.0.1:9000"));
            assert_eq!(loaded.config.api.listen.to_string(), "127.0.0.1:9000");
            load(&format!("ctutor {command} --host 127.0.0.1 --port 9000"));
        }
    }

    #[test]
    fn calls_that_make_no_sense_are_refused() {
        for line in [
            "ctutor",
            "ctutor workflow",
            "ctutor workflow start",
            "ctutor workflow start x --follow --wait",
            "ctutor workflow start x --delay soon",
            "ctutor workflow list --status done",
            "ctutor workflow list --limit 0",
            "ctutor token create --role root",
            "ctutor dev --listen 127.0.0.1:9000 --port 9000",
            "ctutor serve --listen 127.0.0.1:9000 --host 127.0.0.1",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn a_status_may_be_written_as_people_write_it() {
        for status in ["RUNNING", "running", "timed-out", "TIMED_OUT", "failed,canceled"] {
            let line = format!("ctutor workflow list --status {status}");
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }
}
