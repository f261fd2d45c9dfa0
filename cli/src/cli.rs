//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::{commands::Command, config::Flags, exit};

/// A durable workflow engine with a GraphQL API.
#[derive(Debug, Parser)]
#[command(name = "ctutor", version, propagate_version = true, max_term_width = 110, after_help = exit::HELP)]
pub(crate) struct Cli {
    /// Configuration file to read instead of `./ctutor.toml` or `ctutor.toml` in the data directory
    /// [env: CTUTOR_CONFIG]
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    pub(crate) config: Option<PathBuf>,

    /// Directory for the embedded database and the token secret [env: CTUTOR_DATA] [default: .ctutor]
    #[arg(long, global = true, value_name = "DIR", help_heading = GLOBAL)]
    data: Option<String>,

    /// Log filter, such as `warn,ctutor=debug` [env: CTUTOR_LOG or RUST_LOG] [default: warn,ctutor=info]
    #[arg(long, global = true, value_name = "FILTER", help_heading = GLOBAL)]
    log: Option<String>,

    /// Log format: text or json [env: CTUTOR_LOG_FORMAT] [default: text]
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
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::config::{DEFAULTS, Environment, Loaded};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    fn load(line: &str) -> Loaded {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        Loaded::load(cli.config.as_deref(), Environment::default(), cli.flags()).unwrap()
    }

    /// Every command below this one, with its name.
    fn commands(command: &clap::Command) -> Vec<&clap::Command> {
        let below = command.get_subcommands().flat_map(commands);
        std::iter::once(command).chain(below).collect()
    }

    #[test]
    fn a_flag_that_sets_a_key_names_its_variable_in_the_help() {
        let mut named = BTreeSet::new();
        let mut cli = Cli::command();
        cli.build();
        for command in commands(&cli) {
            for flag in command.get_arguments().filter_map(|argument| Some((argument.get_long()?, argument)))
            {
                let (long, argument) = flag;
                let documented = format!(", --{long}");
                let Some(line) = DEFAULTS.lines().find(|line| line.ends_with(&documented)) else { continue };
                let (before, _) = line.rsplit_once(&documented).unwrap();
                let variables = before.rsplit(['.', '#']).next().unwrap().trim();
                let help = argument.get_help().unwrap().to_string();
                assert!(
                    help.contains(&format!("[env: {variables}]")),
                    "{} --{long}: {help}",
                    command.get_name()
                );
                named.insert(long.to_owned());
            }
        }
        assert_eq!(named.len(), DEFAULTS.matches(", --").count(), "{named:?}");
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
    fn a_flag_of_a_number_is_checked_as_its_variable() {
        for (found, fault) in [("x", "it is string \"x\""), ("-1", "`-1` is out of bounds"), ("0", "`0` is")]
        {
            let line = ["ctutor", "worker", "start", "--concurrency", found];
            let cli = Cli::try_parse_from(line).unwrap();
            let error = Loaded::load(None, Environment::default(), cli.flags()).unwrap_err().to_string();
            assert!(error.contains(&format!("(from flag --concurrency) is not valid: {fault}")), "{error}");
            assert!(error.ends_with("it must be an integer from 1 to 10000"), "{error}");
        }
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
