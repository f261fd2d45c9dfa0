//! How to come back to a run that goes on without the command.

use crate::{config::Loaded, output::quoted};

/// The command that follows a run again.
#[derive(Debug)]
pub(super) struct ReturnPath {
    command: String,
}

impl ReturnPath {
    /// The command for the run with this ID, with the flags that this command was given.
    pub(super) fn new(loaded: &Loaded, id: &str) -> Self {
        let mut command = format!("ctutor workflow follow {}", quoted(id));
        let mut add = |flag: &str, value: &str| command += &format!(" {flag} {}", quoted(value));
        if loaded.is_flag("client.url") {
            add("--url", &loaded.config.client.url.to_string());
        }
        if loaded.is_flag("data") {
            add("--data", &loaded.config.data.display().to_string());
        }
        if let Some(path) = &loaded.config_flag {
            add("--config", &path.display().to_string());
        }
        if loaded.is_flag("client.token") {
            // The token itself would stand in the logs of whatever collects this output.
            command += " --token …";
        }
        Self { command }
    }

    /// What to say to a user who leaves.
    pub(super) fn on_leaving(&self, workflow_id: &str) -> String {
        format!("{workflow_id} goes on without this command; come back with `{}`", self.command)
    }

    /// What to say after an error.
    pub(super) fn after_error(&self) -> String {
        format!("the workflow execution may go on without this command; come back with `{}`", self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags};

    #[test]
    fn the_command_has_the_flags_that_were_given() {
        let mut flags = Flags::default();
        let path = |flags: &Flags| {
            let loaded =
                Loaded::load(None, Environment::from([("CTUTOR_TOKEN", "t")]), flags.clone()).unwrap();
            ReturnPath::new(&loaded, "wfr_1").on_leaving("a")
        };
        let plain = "a goes on without this command; come back with `ctutor workflow follow wfr_1`";
        assert_eq!(path(&flags), plain);
        flags.set("client.url", "--url", Some("http://h:1"));
        flags.set("data", "--data", Some("/x y"));
        flags.set("client.token", "--token", Some("s3cret"));
        assert!(path(&flags).ends_with("follow wfr_1 --url http://h:1 --data '/x y' --token …`"));
    }
}
