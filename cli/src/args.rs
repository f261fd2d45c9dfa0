//! Flags that several commands share.

use clap::Args;

use crate::{
    client::Target,
    config::{Flags, Listen},
    values,
};

/// Flags of the commands that run a part of ctutor.
#[derive(Debug, Args)]
pub(crate) struct ProcessArgs {
    /// Database: `postgres://…` or `sqlite:PATH`; use DATABASE_URL to hide a password from other users
    /// [env: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,

    /// Redis server that carries hints between processes, `redis://…`; without it they poll the database
    /// [env: REDIS_URL]
    #[arg(long, value_name = "URL")]
    redis_url: Option<String>,

    /// The isolated set of workflows to serve [env: CTUTOR_NAMESPACE] [default: default]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

/// Flags of the commands that check or make tokens.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// File with the secret that signs tokens; there is no flag for the secret itself, because other users could see it
    /// [env: CTUTOR_JWT_SECRET_FILE]
    #[arg(long, value_name = "PATH")]
    jwt_secret_file: Option<String>,
}

/// Flags of the commands that listen: the whole address, or parts of it.
#[derive(Debug, Args)]
pub(crate) struct AddressArgs {
    #[command(flatten)]
    listen: ListenArgs,

    /// Port to listen on; 0 selects a free port [default: that of the address]
    #[arg(long, value_name = "NUMBER", conflicts_with = "listen", allow_negative_numbers = true,
          value_parser = values::integer::<0, 65_535, u16>)]
    port: Option<u16>,

    /// Host to listen on [default: that of the address]
    #[arg(long, value_name = "HOST", conflicts_with = "listen")]
    host: Option<String>,
}

/// The flag that sets the address in the configuration.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Address to listen on; port 0 selects a free port [env: CTUTOR_LISTEN] [default: 127.0.0.1:8000]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

/// Flags of the commands that run a worker.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Task queues to serve, in order of precedence, separated by commas [env: CTUTOR_TASK_QUEUES] [default: those that
    /// ctutor's workflows use]
    #[arg(long, visible_alias = "task-queues", value_name = "NAMES", value_delimiter = ',')]
    queues: Option<Vec<String>>,

    /// Maximum number of concurrent activities [env: CTUTOR_WORKER_CONCURRENCY] [default: 100]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    concurrency: Option<String>,

    /// Name of the worker in lists and logs [env: CTUTOR_WORKER_IDENTITY] [default: process ID and host]
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
}

/// Which run a command means: by one argument, or by a flag that says what kind of ID it is.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TargetArgs {
    /// Workflow ID, or ID of a run
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: Option<Target>,

    /// Workflow ID, also one that looks like the ID of a run or like a flag
    #[arg(long, visible_alias = "id", value_name = "ID", allow_hyphen_values = true)]
    workflow_id: Option<String>,

    /// ID of a run, with or without `wfr_`
    #[arg(long, visible_alias = "run", value_name = "ID")]
    run_id: Option<String>,
}

impl TargetArgs {
    pub(crate) fn target(&self) -> Target {
        match (&self.workflow_id, &self.run_id, &self.id) {
            (Some(workflow_id), _, _) => Target::Workflow(workflow_id.clone()),
            (None, Some(run_id), _) => Target::Run(run_id.clone()),
            (None, None, Some(target)) => target.clone(),
            (None, None, None) => unreachable!("the group demands one of them"),
        }
    }
}

/// Flags of the commands that call the API.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// URL of the ctutor server [env: CTUTOR_URL] [default: http://127.0.0.1:8000]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Bearer token to send; use CTUTOR_TOKEN to hide it from other users [env: CTUTOR_TOKEN]
    /// [default: one that is made with the secret in the data directory]
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

impl ProcessArgs {
    pub(crate) fn set_flags(&self, flags: &mut Flags) {
        flags.set("database.url", "--database-url", self.database_url.as_deref());
        flags.set("redis.url", "--redis-url", self.redis_url.as_deref());
        flags.set("namespace", "--namespace", self.namespace.as_deref());
    }
}

impl SecretArgs {
    pub(crate) fn set_flags(&self, flags: &mut Flags) {
        flags.set("auth.jwt_secret_file", "--jwt-secret-file", self.jwt_secret_file.as_deref());
    }
}

impl AddressArgs {
    pub(crate) fn set_flags(&self, flags: &mut Flags) {
        self.listen.set_flags(flags);
    }

    /// The configured address with the parts that are given.
    pub(crate) fn address(&self, configured: &Listen) -> Listen {
        Listen {
            host: self.host.clone().unwrap_or_else(|| configured.host.clone()),
            port: self.port.unwrap_or(configured.port),
        }
    }
}

impl ListenArgs {
    pub(crate) fn set_flags(&self, flags: &mut Flags) {
        flags.set("api.listen", "--listen", self.listen.as_deref());
    }
}

impl WorkerArgs {
    pub(crate) fn set_flags(&self, flags: &mut Flags) {
        flags.set("worker.task_queues", "--queues", self.queues.clone());
        flags.set_number("worker.concurrency", "--concurrency", self.concurrency.as_deref());
        flags.set("worker.identity", "--identity", self.identity.as_deref());
    }
}

impl ClientArgs {
    pub(crate) fn set_flags(&self, flags: &mut Flags) {
        flags.set("client.url", "--url", self.url.as_deref());
        flags.set("client.token", "--token", self.token.as_deref());
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        address: AddressArgs,
    }

    #[derive(Debug, Parser)]
    struct TargetLine {
        #[command(flatten)]
        target: TargetArgs,
        #[arg(long)]
        json: bool,
    }

    #[test]
    fn a_run_is_named_by_any_id() {
        let workflow = |id: &str| Target::Workflow(id.to_owned());
        let either = |id: &str| Target::Either(id.to_owned());
        for (line, expected) in [
            (&["x", "order-1", "--json"][..], either("order-1")),
            (&["x", "--json", "-x"], either("-x")),
            (&["x", "--json", "--", "--json"], either("--json")),
            (&["x", "--workflow-id", "wfr_1", "--json"], workflow("wfr_1")),
            (&["x", "--id", "--json", "--json"], workflow("--json")),
            (&["x", "--json", "--workflow-id=-x"], workflow("-x")),
            (&["x", "--run-id", "1", "--json"], Target::Run("1".to_owned())),
            (&["x", "--run", "wfr_1", "--json"], Target::Run("wfr_1".to_owned())),
        ] {
            let line = TargetLine::try_parse_from(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
            assert_eq!(line.target.target(), expected);
        }
        for line in
            [&["x"][..], &["x", "a", "--workflow-id", "b"], &["x", "--run-id", "1", "--workflow-id", "b"]]
        {
            assert!(TargetLine::try_parse_from(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn host_and_port_replace_the_parts_of_the_configured_address() {
        let configured = "127.0.0.1:8000".parse().unwrap();
        for (line, expected) in
            [("x", "127.0.0.1:8000"), ("x --port 0", "127.0.0.1:0"), ("x --host ::1", "[::1]:8000")]
        {
            let line = Line::parse_from(line.split(' '));
            assert_eq!(line.address.address(&configured).to_string(), expected);
        }
    }
}
