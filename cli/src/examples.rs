//! Examples at the end of the help of each command.

use clap::Command;

/// The commands, each with lines that can be typed as they are.
const EXAMPLES: &[(&[&str], &[&str])] = &[
    (&["dev"], &["ctutor dev", "ctutor dev --data /var/tmp/ctutor --port 9000"]),
    (&["serve"], &["DATABASE_URL=postgres://ada@db.example/ctutor ctutor serve --listen 0.0.0.0:8000"]),
    (&["api"], &["DATABASE_URL=postgres://ada@db.example/ctutor ctutor api --listen 0.0.0.0:8000"]),
    (&["worker", "start"], &["ctutor worker start --queues testing --concurrency 4"]),
    (&["worker", "check"], &["ctutor worker check --language 'python*,java' --memory 256MiB,1GiB"]),
    (&["worker", "status"], &["ctutor worker status"]),
    (
        &["workflow", "start"],
        &[
            r#"ctutor workflow start example_long_running --input '{"duration": 10}' --follow"#,
            "ctutor workflow start student_testing --id ada-1 --input @submission.json --wait",
        ],
    ),
    (
        &["workflow", "list"],
        &[
            "ctutor workflow list --status running,failed",
            "ctutor workflow list --type student_testing --json",
        ],
    ),
    (&["workflow", "show"], &["ctutor workflow show ada-1 --history"]),
    (&["workflow", "follow"], &["ctutor workflow follow ada-1"]),
    (&["workflow", "report"], &["ctutor workflow report ada-1 --format junit --output report.xml"]),
    (&["workflow", "cancel"], &["ctutor workflow cancel ada-1 --reason 'wrong input'"]),
    (&["workflow", "terminate"], &["ctutor workflow terminate ada-1 --reason 'does not end'"]),
    (&["workflow", "delete"], &["ctutor workflow delete ada-1"]),
    (&["task-queue", "list"], &["ctutor task-queue list"]),
    (&["types"], &["ctutor types", "ctutor types example_long_running"]),
    (&["token", "create"], &["ctutor token create --role user --subject ada --ttl 7d"]),
    (&["migrate", "up"], &["DATABASE_URL=postgres://ada@db.example/ctutor ctutor migrate up"]),
    (&["migrate", "status"], &["DATABASE_URL=postgres://ada@db.example/ctutor ctutor migrate status"]),
    (&["schema"], &["ctutor schema"]),
    (&["config"], &["ctutor config", "ctutor config --defaults"]),
    (&["completions"], &["ctutor completions bash"]),
];

/// Adds the examples to a command line.
pub(crate) fn add(cli: Command) -> Command {
    EXAMPLES.iter().fold(cli, |cli, (path, lines)| add_to(cli, path, lines))
}

fn add_to(command: Command, path: &[&str], lines: &[&str]) -> Command {
    if let [name, rest @ ..] = path {
        return command.mut_subcommand(*name, |below| add_to(below, rest, lines));
    }
    let before = command.get_after_help().map_or_else(String::new, |help| format!("{help}\n\n"));
    let title = if lines.len() == 1 { "Example" } else { "Examples" };
    command.after_help(format!("{before}{title}:\n  {}", lines.join("\n  ")))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    /// The arguments of a line as a shell splits it, after the variables in front.
    fn arguments(line: &str) -> Vec<String> {
        let mut arguments = vec![String::new()];
        for (number, part) in line.split('\'').enumerate() {
            let is_quoted = number % 2 == 1;
            for (at, word) in part.split(|c| c == ' ' && !is_quoted).enumerate() {
                if at > 0 {
                    arguments.push(String::new());
                }
                arguments.last_mut().unwrap().push_str(word);
            }
        }
        arguments.into_iter().skip_while(|word| word.contains('=')).collect()
    }

    fn without_example(command: &Command) -> Vec<String> {
        let below: Vec<&Command> = command.get_subcommands().collect();
        if below.is_empty() {
            let help = command.get_after_help().map_or_else(String::new, ToString::to_string);
            return if help.contains("Example") { Vec::new() } else { vec![command.get_name().to_owned()] };
        }
        below.into_iter().flat_map(without_example).collect()
    }

    #[test]
    fn every_command_has_an_example() {
        assert_eq!(without_example(&add(Cli::command())), Vec::<String>::new());
    }

    #[test]
    fn every_example_is_a_call_of_its_command() {
        for (path, lines) in EXAMPLES {
            for line in *lines {
                let arguments = arguments(line);
                assert_eq!(arguments[1..=path.len()], **path, "{line}");
                Cli::try_parse_from(arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
            }
        }
    }
}
