//! Topics of messages, and their names at a broker.

use std::{fmt, str::FromStr};

use crate::ids::{Namespace, RunId, TaskQueue, WorkerId};

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// History, messages and heartbeats of one run.
    Run(RunId),
    /// Tasks that became due on a queue.
    TaskQueue {
        /// Namespace of the queue.
        namespace: Namespace,
        /// Name of the queue.
        name: TaskQueue,
    },
    /// Messages for one worker.
    Worker(WorkerId),
    /// Changes to the list of a namespace's runs.
    Namespace(Namespace),
}

/// The string does not name a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a bus topic")]
pub struct ParseTopicError {
    text: String,
}

/// The canonical text, for instance `run:0198…` or `task_queue:default/computor-tasks`.
///
/// A namespace ends at the first `/`, so that character and `%` are written as `%2F` and `%25` in it.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run:{run}"),
            Self::TaskQueue { namespace, name } => {
                f.write_str("task_queue:")?;
                write_namespace(f, namespace.as_str())?;
                write!(f, "/{name}")
            }
            Self::Worker(worker) => write!(f, "worker:{worker}"),
            Self::Namespace(namespace) => write!(f, "namespace:{namespace}"),
        }
    }
}

impl FromStr for Topic {
    type Err = ParseTopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseTopicError { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Topic> {
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "run" => rest.parse().ok().map(Topic::Run),
        "task_queue" => {
            let (namespace, name) = rest.split_once('/')?;
            let namespace = namespace.replace("%2F", "/").replace("%25", "%");
            Some(Topic::TaskQueue {
                namespace: Namespace::parse(namespace).ok()?,
                name: TaskQueue::parse(name).ok()?,
            })
        }
        "worker" => rest.parse().ok().map(Topic::Worker),
        "namespace" => Namespace::parse(rest).ok().map(Topic::Namespace),
        _ => None,
    }
}

fn write_namespace(f: &mut fmt::Formatter<'_>, namespace: &str) -> fmt::Result {
    for character in namespace.chars() {
        match character {
            '/' => f.write_str("%2F")?,
            '%' => f.write_str("%25")?,
            other => write!(f, "{other}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(namespace: &str, name: &str) -> Topic {
        Topic::TaskQueue { namespace: Namespace::trusted(namespace), name: TaskQueue::trusted(name) }
    }

    #[test]
    fn a_topic_reads_back_from_its_text() {
        for topic in [
            Topic::Run(RunId::new()),
            Topic::Worker(WorkerId::new()),
            Topic::Namespace(Namespace::trusted("a/b:c%d")),
            queue("default", "computor-tasks"),
            queue("a/b", "c"),
            queue("a", "b/c"),
            queue("50%2Fx", "ä:%/"),
        ] {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
    }

    #[test]
    fn the_border_between_namespace_and_queue_is_not_ambiguous() {
        assert_ne!(queue("a/b", "c").to_string(), queue("a", "b/c").to_string());
    }

    #[test]
    fn a_foreign_text_is_refused_and_quoted() {
        for text in ["", "run", "run:1", "task_queue:default", "task_queue:/a", "other:x"] {
            let error = text.parse::<Topic>().unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a bus topic"));
        }
    }
}
