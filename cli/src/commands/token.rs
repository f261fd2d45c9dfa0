use std::process::ExitCode;

use ctutor_api::Role;
use ctutor_engine::chain;

use crate::{
    args::SecretArgs,
    config::{Flags, Length, Loaded},
    exit::Exit,
    output,
    secret::{self, Found},
    values::Words,
};

/// Commands for tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Create a bearer token and print it to stdout
    ///
    /// It is signed with the configured secret, or else with the secret in the data directory, which is created if missing.
    Create(CreateArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// Role of the token
    #[arg(long, value_parser = Words(&[("admin", Role::Admin), ("user", Role::User)]))]
    role: Role,

    /// Subject of the token, which becomes the owner of what it starts [default: the role]
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,

    /// How long the token is valid, such as `30m` or `7d`
    #[arg(long, value_name = "LENGTH", default_value = "1h")]
    ttl: Length,

    #[command(flatten)]
    secret: SecretArgs,
}

impl Command {
    pub(super) fn set_flags(&self, flags: &mut Flags) {
        let Self::Create(args) = self;
        args.secret.set_flags(flags);
    }

    pub(super) fn run(self, loaded: &Loaded) -> anyhow::Result<ExitCode> {
        let Self::Create(args) = self;
        let found = match secret::find(loaded)? {
            Some(found) => found,
            None => made(loaded)?,
        };
        let signer = loaded.config.auth.signer(&found.secret)?;
        let subject = args.subject.as_deref().unwrap_or(args.role.as_str());
        // A subject or a time that no token can have.
        let token = signer.create(subject, args.role, args.ttl.0).map_err(|error| {
            Exit::Usage.error(format!("{}; choose others with `--subject` and `--ttl`", chain(&error)))
        })?;
        output::data(token)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// In the wrong directory this creates a secret, and then a token, that no server accepts.
fn made(loaded: &Loaded) -> anyhow::Result<Found> {
    let found = secret::find_or_create(loaded)?;
    output::note(format_args!(
        "made a new secret in {}; a server that runs elsewhere does not know it, and `--data` names the data directory of \
         one that does",
        found.source
    ));
    Ok(found)
}
